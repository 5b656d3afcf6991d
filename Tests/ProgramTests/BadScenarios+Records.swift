extension BadScenario {
    /// Records, invariants and the time to settle.
    static let records: [Self] = [
        Self(
            pair + "records: [a]\n",
            "5:10: records: expected names with what they stand for, like { vpn.example.org: hub }, found a list"),
        Self(
            pair + "records: { vpn.example.org: c }\n",
            "5:29: vpn.example.org: there is no node 'c'; the nodes are a, b, leaf"),
        Self(
            pair + "records: { vpn.example.org: [] }\n",
            "5:29: vpn.example.org: name at least one node, or write 'none' for a name that is unknown"),
        Self(
            pair + "records: { a: b, leaf-2: b, 192.0.2.1: a, all: a, x_y: a, x_y: b }\n",
            "5:12: 'a' is the name of a node, which always resolves to it; choose another name",
            "5:18: 'leaf-2' is the name of a node, which always resolves to it; choose another name",
            "5:29: the name of a record: expected a host name like vpn.example.org, found '192.0.2.1'",
            "5:43: the name of a record: expected a host name like vpn.example.org, found 'all'",
            "5:59: there is already a record 'x_y' in line 5; choose another name"),
        Self(
            one + "nodes: [{ name: a, network: net, peers: [vpn.example.com] }]\nrecords: { vpn.example.org: a }\n",
            "4:42: peers: there is no node 'vpn.example.com'; did you mean 'vpn.example.org'?"),
        Self(
            pair + "records: { vpn.example.org: a }\nevents: [{ at: 1min, record: vpn.example.net, is: a }]\n",
            "6:30: record: there is no record 'vpn.example.net'; did you mean 'vpn.example.org'?"),
        Self(
            pair + "records: { vpn.example.org: a }\nevents: [{ at: 1min, record: vpn.example.org }]\n",
            "6:10: 'is' is missing: the nodes that the name stands for from then on, or none"),
        Self(
            pair + "events: [{ at: 1min, record: vpn.example.org, is: none }]\n",
            "5:30: record: there is no record 'vpn.example.org'; there are no records"),
        Self(
            pair + "settle: 6min\n",
            "5:9: settle: 6min is after the end of the scenario, 5min"),
        Self(
            pair + "invariants: { full_mess: false, no_plaintext: maybe }\n",
            "5:15: unknown key 'full_mess'; did you mean 'full_mesh'?",
            "5:47: no_plaintext: expected true or false, found 'maybe'"),
        Self(
            pair + "invariants: [full_mesh]\n",
            "5:13: expected invariants with true or false, like { full_mesh: false }, found a list"),
    ]

    /// Families and inward links.
    static let families: [Self] = [
        Self(
            head
                + "networks: { net: { loss: { messages: hello, numbers: [] } } }\nnodes: [{ name: a, network: net }]\n",
            "3:38: messages: expected 'init', 'peers', 'data' or 'close', found 'hello'",
            "3:54: numbers: name at least one message, or leave it out for all of the type"),
        Self(
            head + "networks: { net: { loss: { numbers: 1, in_bad: 1% } } }\nnodes: [{ name: a, network: net }]\n",
            "3:26: 'messages' is missing: the type of the messages that are lost, such as init",
            "3:37: numbers: expected a list of numbers like [1, 2], found '1'",
            "3:48: in_bad: is about bursts and does not go with 'messages'; leave it out"),
        Self(
            head + "networks: { net: { icmp: true } }\nnodes: [{ name: a, network: net }]\n",
            "3:26: icmp: no packet is too long here; write 'mtu' as well"),
        Self(
            head
                + "networks: { net: { families: ipv6 }, home: { behind: { network: net, nat: home } } }\nnodes: [{ name: a, network: net }]\n",
            "3:75: nat: translates IPv4, which 'net' does not have; add ipv4 to its 'families'"),
        Self(
            head + "networks: { net: { families: [] } }\nnodes: [{ name: a, network: net }]\n",
            "3:30: families: a network has at least one, 'ipv4' or 'ipv6'"),
        Self(
            head + "networks: { net: { families: [ipv4, ipv4, ipx] } }\nnodes: [{ name: a, network: net }]\n",
            "3:37: families: 'ipv4' is named already; keep one of them",
            "3:43: families: expected 'ipv4' or 'ipv6', found 'ipx'"),
        Self(
            head + "networks: { net: { inward: { rate: 1Mbit } } }\nnodes: [{ name: a, network: net }]\n",
            "3:28: inward: is about what the gateway sends; add 'behind', or leave it out"),
        Self(
            head
                + "networks: { net: , home: { behind: { network: net }, inward: { behind: net } } }\nnodes: [{ name: a, network: net }]\n",
            "3:64: unknown key 'behind'; the keys here are latency, jitter, loss, duplication, corruption, truncation, rate, queue, mtu, icmp"
        ),
    ]

    /// Addresses, clocks, links and subnets of nodes.
    static let members: [Self] = [
        Self(
            one + "nodes: [{ name: a, network: net, addresses: 17 }]\n",
            "4:45: addresses: expected a number from 1 to 16, found '17'"),
        Self(
            one + "nodes: [{ name: a, network: net, clock_drift: 50 }]\n",
            "4:47: clock_drift: '50' is not right: the unit is missing; write it like 50ppm"),
        Self(
            one + "nodes: [{ name: a, network: net, clock_drift: 500001ppm }]\n",
            "4:47: clock_drift: expected a drift from -500000ppm to 500000ppm, like 200ppm or -50ppm, found '500001ppm'"
        ),
        Self(
            one + "nodes: [{ name: a, network: net, clock_drift: fast }]\n",
            "4:47: clock_drift: expected a drift from -500000ppm to 500000ppm, like 200ppm or -50ppm, found 'fast'"),
        Self(
            one + "nodes: [{ name: a, network: net, link: 5% }]\n",
            "4:40: expected a link like { loss: 5% }, found '5%'"),
        Self(
            one + "nodes: [{ name: a, network: net, link: { los: 5% } }]\n",
            "4:42: unknown key 'los'; did you mean 'loss'?"),
        Self(
            one + "nodes: [{ name: a, network: net, subnets: [\"10.1.{n}.0/24\"] }]\n",
            "4:44: subnets: '{n}' is the number of a group's member, and 'a' has no 'count'; write a number"),
        Self(
            one + "nodes: [{ name: a, count: 300, network: net, subnets: [\"10.1.{n}.0/24\", 10.0.0.0] }]\n",
            "4:56: subnets: '10.1.256.0/24' of a-256 is not right: '10.1.256.0' is no IPv4, IPv6 or MAC address",
            "4:73: subnets: '10.0.0.0' is not right: the prefix length is missing; write it like 10.1.1.0/24"),
        Self(
            one + "nodes: [{ name: a, count: 2, network: net, subnets: [\"10.1.{n}.0/2{n}\", \"10.{n}.{m}.0/24\"] }]\n",
            "4:73: subnets: '10.1.{m}.0/24' of a-1 is not right: '10.1.{m}.0' is no IPv4, IPv6 or MAC address"),
    ]
}
