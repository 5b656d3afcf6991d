import Testing

/// A scenario file that is wrong, and what is said about it.
struct BadScenario: Sendable, CustomTestStringConvertible {
    let text: String
    let faults: [String]

    init(_ text: String, _ faults: String...) {
        self.text = text
        self.faults = faults.map { "x.yaml:\($0)" }
    }

    var testDescription: String { text.split(separator: "\n").suffix(2).joined(separator: " ⏎ ") }

    static let all =
        shape + durations + networks + nodes + events + traffic + expectations
        + records + families + members + sleep + rates + claims

    /// How a file begins whose fault is in line 3 or later.
    static let head = "name: x\nduration: 5min\n"
    /// The same, with one network.
    static let one = head + "networks: { net: }\n"
    /// The same, with nodes, so that line 5 is at fault.
    static let pair =
        head + "networks: { net: , home: { behind: { network: net, nat: home } } }\n"
        + "nodes: [{ name: a, network: net }, { name: b, network: home }, { name: leaf, count: 3, network: net }]\n"

    /// Files that are no scenario, or not all of one.
    static let shape: [Self] = [
        Self("", "1:1: the file says nothing; a scenario has at least name, duration, networks and nodes"),
        Self("[]", "1:1: expected a scenario, lines of the form 'key: value', found a list"),
        Self(
            "name: x", "1:1: 'duration' is missing: how long it runs, such as 5min",
            "1:1: 'networks' is missing: at least one, such as internet: { latency: 20ms }",
            "1:1: 'nodes' is missing: at least one, such as { name: a, network: internet }"),
        Self(
            "nam: x\nduration: 1min\nnetworks: { n: }\nnodes: [{ name: a, network: n }]\n",
            "1:1: unknown key 'nam'; did you mean 'name'?", "1:1: 'name' is missing: what the scenario shows"),
        Self(
            head + "duration: 1min\nnetworks: { n: }\nnodes: [{ name: a, network: n }]\n",
            "3:1: 'duration' is already set in line 2; keep one of them"),
        Self(
            head + "networks: {}\nnodes: []\n", "3:11: networks: a scenario needs at least one network",
            "4:8: nodes: a scenario needs at least one node"),
        Self(
            head + "networks: [net]\nnodes: {}\n",
            "3:11: networks: expected a mapping of names to networks, found a list",
            "4:8: nodes: expected a list, found a mapping"),
        Self(
            "name: [x\n",
            "2:1: this is not valid YAML: did not find expected ',' or ']'; put a text with special characters into quotes"
        ),
    ]

    /// Times.
    static let durations: [Self] = [
        Self(
            "name: x\nduration: 20\nnetworks: { n: }\nnodes: [{ name: a, network: n }]\n",
            "2:11: duration: '20' is not right: the unit is missing; write it like 20ms, 20s or 20min"),
        Self(
            "name: x\nduration: -5s\nnetworks: { n: }\nnodes: [{ name: a, network: n }]\n",
            "2:11: duration: '-5s' is not right: a time cannot be negative"),
        Self(
            "name: x\nduration: 5m\nnetworks: { n: }\nnodes: [{ name: a, network: n }]\n",
            "2:11: duration: '5m' is not right: 'm' may be minutes or milliseconds; write min or ms"),
        Self(
            "name: x\nduration: 1.5s\nnetworks: { n: }\nnodes: [{ name: a, network: n }]\n",
            "2:11: duration: '1.5s' is not right: use whole numbers and smaller units, such as 1s500ms"),
        Self(
            "name: x\nduration: 5sec\nnetworks: { n: }\nnodes: [{ name: a, network: n }]\n",
            "2:11: duration: '5sec' is not right: the units of time are ns, us, ms, s, min, h and d"),
        Self(
            "name: x\nduration: 30min1h\nnetworks: { n: }\nnodes: [{ name: a, network: n }]\n",
            "2:11: duration: '30min1h' is not right: write larger units first and each once, such as 1h30min"),
        Self(
            "name: x\nduration: 1h1h\nnetworks: { n: }\nnodes: [{ name: a, network: n }]\n",
            "2:11: duration: '1h1h' is not right: write larger units first and each once, such as 1h30min"),
        Self(
            "name: x\nduration: soon\nnetworks: { n: }\nnodes: [{ name: a, network: n }]\n",
            "2:11: duration: expected a time like 20ms, 5min or 1h30min, found 'soon'"),
        Self(
            "name: x\nduration: 0s\nnetworks: { n: }\nnodes: [{ name: a, network: n }]\n",
            "2:11: duration: '0s' is not right: it must be longer than nothing"),
        Self(
            "name: x\nduration: 4000d\nnetworks: { n: }\nnodes: [{ name: a, network: n }]\n",
            "2:11: duration: '4000d' is not right: a time is at most 3650d"),
        Self(
            "name: x\nduration: [5min]\nnetworks: { n: }\nnodes: [{ name: a, network: n }]\n",
            "2:11: duration: expected a time like 20ms, 5min or 1h30min, found a list"),
        Self(
            "name: x\nduration: 99999999999999999999s\nnetworks: { n: }\nnodes: [{ name: a, network: n }]\n",
            "2:11: duration: '99999999999999999999s' is not right: a time is at most 3650d"),
        Self(
            "name: x\nduration: \nnetworks: { n: }\nnodes: [{ name: a, network: n }]\n",
            "2:10: duration: expected a time like 20ms, 5min or 1h30min, found nothing"),
    ]

    /// Networks, links and gateways.
    static let networks: [Self] = [
        Self(
            head + "networks: { net: { latancy: 20ms } }\nnodes: [{ name: a, network: net }]\n",
            "3:20: unknown key 'latancy'; did you mean 'latency'?"),
        Self(
            head + "networks: { net: { latency: 20 } }\nnodes: [{ name: a, network: net }]\n",
            "3:29: latency: '20' is not right: the unit is missing; write it like 20ms, 20s or 20min"),
        Self(
            head + "networks: { net: { loss: 5 } }\nnodes: [{ name: a, network: net }]\n",
            "3:26: loss: '5' is not right: the sign is missing; write it like 5%"),
        Self(
            head + "networks: { net: { loss: 101% } }\nnodes: [{ name: a, network: net }]\n",
            "3:26: loss: '101%' is not right: a percentage is from 0% to 100%"),
        Self(
            head + "networks: { net: { loss: -1% } }\nnodes: [{ name: a, network: net }]\n",
            "3:26: loss: '-1%' is not right: a percentage is from 0% to 100%"),
        Self(
            head + "networks: { net: { loss: 0.00001% } }\nnodes: [{ name: a, network: net }]\n",
            "3:26: loss: '0.00001%' is not right: at most 4 digits may follow the point"),
        Self(
            head + "networks: { net: { loss: [0, 3, 3] } }\nnodes: [{ name: a, network: net }]\n",
            "3:27: loss: expected a number from 1 to 1000000000, found '0'",
            "3:33: loss: the datagram 3 is named already; keep one of them"),
        Self(
            head + "networks: { net: { loss: { to_bad: 1% } } }\nnodes: [{ name: a, network: net }]\n",
            "3:26: 'to_good' is missing: how likely a burst ends with a datagram, such as 25%"),
        Self(
            head
                + "networks: { net: { jitter: { amount: 2ms, distribution: gauss } } }\nnodes: [{ name: a, network: net }]\n",
            "3:57: distribution: expected 'uniform', 'normal' or 'pareto', found 'gauss'"),
        Self(
            head + "networks: { net: { jitter: { reorder: true } } }\nnodes: [{ name: a, network: net }]\n",
            "3:28: 'amount' is missing: how much the delay varies, such as 2ms"),
        Self(
            head + "networks: { net: { rate: 10 } }\nnodes: [{ name: a, network: net }]\n",
            "3:26: rate: '10' is not right: the unit is missing; expected a rate from 1kbit to 1000Gbit a second, like 10Mbit, or 'unlimited'"
        ),
        Self(
            head + "networks: { net: { rate: 10mb } }\nnodes: [{ name: a, network: net }]\n",
            "3:26: rate: expected a rate from 1kbit to 1000Gbit a second, like 10Mbit, or 'unlimited', found '10mb'"),
        Self(
            head + "networks: { net: { queue: 64 } }\nnodes: [{ name: a, network: net }]\n",
            "3:27: queue: '64' is not right: the unit is missing; expected a size up to 1024MiB, like 64KiB"),
        Self(
            head + "networks: { net: { mtu: 67 } }\nnodes: [{ name: a, network: net }]\n",
            "3:25: mtu: expected a number of bytes from 68 to 65535, or 'unlimited', found '67'"),
        Self(
            head + "networks: { net: { mtu: \"1400\" } }\nnodes: [{ name: a, network: net }]\n",
            "3:25: mtu: expected a number of bytes from 68 to 65535, or 'unlimited', found the quoted text '1400'; leave out the quotes"
        ),
        Self(
            head + "networks: { net: { behind: net } }\nnodes: [{ name: a, network: net }]\n",
            "3:28: expected a gateway like { network: internet, nat: home }, found 'net'"),
        Self(
            head + "networks: { net: { behind: { nat: home } } }\nnodes: [{ name: a, network: net }]\n",
            "3:28: 'network' is missing: the network outside, such as internet"),
        Self(
            head + "networks: { net: { behind: { network: nte, nat: home } } }\nnodes: [{ name: a, network: net }]\n",
            "3:39: network: there is no network 'nte'; did you mean 'net'?"),
        Self(
            head + "networks: { net: { behind: { network: net } } }\nnodes: [{ name: a, network: net }]\n",
            "3:39: network: 'net' would be behind itself: net behind net; one of them must be behind none"),
        Self(
            head + "networks: { net: { behind: { network: net, nat: cone } } }\nnodes: [{ name: a, network: net }]\n",
            "3:39: network: 'net' would be behind itself: net behind net; one of them must be behind none",
            "3:49: nat: expected 'home', 'open', 'restricted', 'symmetric' or 'carrier', found 'cone'"),
        Self(
            head
                + "networks: { net: { behind: { network: net, nat: { mapping: port, limit: 0, mapping_timeout: 0s } } } }\nnodes: [{ name: a, network: net }]\n",
            "3:39: network: 'net' would be behind itself: net behind net; one of them must be behind none",
            "3:60: mapping: expected 'independent', 'address' or 'address-and-port', found 'port'",
            "3:73: limit: expected a number from 1 to 1000000, found '0'",
            "3:93: mapping_timeout: '0s' is not right: it must be longer than nothing"),
        Self(
            head
                + "networks:\n  a: { behind: { network: b } }\n  b: { behind: { network: c } }\n  c: { behind: { network: a } }\n  d: { behind: { network: a } }\nnodes: [{ name: x, network: a }]\n",
            "4:27: network: 'a' would be behind itself: a behind b behind c behind a; one of them must be behind none"),
        Self(
            head + "networks:\n  net:\n  net:\n  all:\n  1st:\nnodes: [{ name: a, network: net }]\n",
            "5:3: there is already a network 'net' in line 4; choose another name",
            "6:3: the name of a network: 'all' is not right: 'all' stands for every node; choose another name",
            "7:3: the name of a network: expected a name of 1 to 48 letters, digits, '-' and '_', with a letter first, found '1st'"
        ),
    ]

    /// Nodes, and what they are told.
    static let nodes: [Self] = [
        Self(one + "nodes: [a]\n", "4:9: expected a node like { name: a, network: internet }, found 'a'"),
        Self(one + "nodes: [{ name: a }]\n", "4:9: 'network' is missing: the name of the network that the node is in"),
        Self(one + "nodes: [{ network: net }]\n", "4:9: 'name' is missing: what the node is called, such as hub"),
        Self(
            one + "nodes: [{ name: a, network: nat }]\n",
            "4:29: network: there is no network 'nat'; did you mean 'net'?"),
        Self(
            one + "nodes: [{ name: a, network: net }, { name: a, network: net }]\n",
            "4:44: name: there is already a node 'a' in line 4; choose another name"),
        Self(
            one + "nodes: [{ name: leaf, count: 3, network: net }, { name: leaf-2, network: net }]\n",
            "4:57: name: there is already a node 'leaf-2' in the group 'leaf' of line 4; choose another name"),
        Self(
            one + "nodes: [{ name: leaf-2, network: net }, { name: leaf, count: 3, network: net }]\n",
            "4:17: name: 'leaf-2' is also a node of the group 'leaf'; choose another name"),
        Self(
            one + "nodes: [{ name: all, network: net }]\n",
            "4:17: name: 'all' is not right: 'all' stands for every node; choose another name"),
        Self(
            one + "nodes: [{ name: a b, network: net }]\n",
            "4:17: name: expected a name of 1 to 48 letters, digits, '-' and '_', with a letter first, found 'a b'"),
        Self(
            one + "nodes: [{ name: a, count: 0, network: net }]\n",
            "4:27: count: expected a number from 1 to 16384, found '0'"),
        Self(
            one + "nodes: [{ name: a, count: 9000, network: net }, { name: b, count: 9000, network: net }]\n",
            "4:8: nodes: 18000 nodes are too many; at most 16384"),
        Self(
            one + "nodes: [{ name: a, network: net, start: 6min }]\n",
            "4:41: start: 6min is after the end of the scenario, 5min"),
        Self(
            one + "nodes: [{ name: a, network: net, user: nobody }]\n",
            "4:34: 'user' makes no sense in a simulation: there is no process of its own for each node; leave it out"),
        Self(
            one + "nodes: [{ name: a, network: net, pid_file: /run/x }]\n",
            "4:34: 'pid_file' makes no sense in a simulation: there is no process of its own for each node; leave it out"
        ),
        Self(
            one + "nodes: [{ name: a, network: net, crypto_provider: auto }]\n",
            "4:34: 'crypto_provider' makes no sense in a simulation: every library that encrypts gives the same results; leave it out"
        ),
        Self(
            one + "nodes: [{ name: a, network: net, shared_key_file: k }]\n",
            "4:34: 'shared_key_file' makes no sense in a simulation: a scenario holds all it needs; use 'shared_key'"),
        Self(one + "nodes: [{ name: a, network: net, prot: 1 }]\n", "4:34: unknown key 'prot'; did you mean 'port'?"),
        Self(
            one + "nodes: [{ name: a, network: net, port: 0 }]\n",
            "4:40: port: expected a port number from 1 to 65535, found '0'"),
        Self(
            one + "nodes: [{ name: a, network: net, peers: [hub] }]\n",
            "4:42: peers: there is no node 'hub'; the nodes are a"),
        Self(
            one + "nodes: [{ name: a, network: net, peers: [\"a:0\"] }]\n",
            "4:42: peers: expected the name of a node, with a port or without, like hub or hub:3210, found the quoted text 'a:0'"
        ),
        Self(one + "nodes: [{ name: a, network: net, peers: a }]\n", "4:41: peers: expected a list, found 'a'"),
        Self(
            one + "nodes: [{ name: a, network: net, peers: [192.0.2.1:3210] }]\n",
            "4:42: peers: there is no node '192.0.2.1'; the nodes are a"),
        Self(
            one + "nodes: [{ name: a, network: net, compat: 1, shared_key: \"hex:1\" }]\n",
            "4:45: shared_key: a shared key that begins with 'hex:' must go on with 64 hexadecimal digits"),
        Self(
            head
                + "defaults: { shared_key: \"hex:1\" }\nnetworks: { net: }\nnodes: [{ name: a, network: net, compat: 0.9 }]\n",
            "5:9: shared_key: a shared key that begins with 'hex:' must go on with 64 hexadecimal digits"),
        Self(
            head
                + "defaults: { ifup: x, peers: [hub], device: tun }\nnetworks: { net: }\nnodes: [{ name: a, network: net }]\n",
            "3:13: 'ifup' makes no sense in a simulation: there is no device that a command could configure; leave it out",
            "3:30: peers: there is no node 'hub'; the nodes are a",
            "3:36: unknown key 'device'; the keys here are device_type, mode, port, peers, subnets, peer_timeout, dst_timeout, port_forwarding, compat, crypto, shared_key, magic"
        ),
        Self(
            head + "defaults: [x]\nnetworks: { net: }\nnodes: [{ name: a, network: net }]\n",
            "3:11: expected a mapping of keys like { device_type: tun, shared_key: secret }, found a list"),
    ]
}
