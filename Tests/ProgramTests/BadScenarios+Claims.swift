extension BadScenario {
    /// Sleep, gateways that start anew, and names that change.
    static let sleep: [Self] = [
        Self(
            pair + "events: [{ at: 1min, suspend: a }]\n",
            "5:10: 'for' is missing: how long it sleeps, such as 1h"),
        Self(
            pair + "events: [{ at: 1min, suspend: leaf, for: 1h }]\n",
            "5:42: for: 1h1min is after the end of the scenario, 5min"),
        Self(
            pair + "events: [{ at: 1min, suspend: a, for: 0s, restart_after: 1s }]\n",
            "5:39: for: '0s' is not right: it must be longer than nothing",
            "5:58: restart_after: belongs to kill and stop, not to suspend; leave it out"),
        Self(
            pair + "events: [{ at: 1min, kill: a, for: 1s, is: a }]\n",
            "5:36: for: belongs to suspend, not to kill; leave it out",
            "5:44: is: belongs to record, not to kill; leave it out"),
        Self(
            pair + "events: [{ at: 1min, reboot: net }]\n",
            "5:30: reboot: 'net' is behind no NAT and no firewall that has something to forget"),
        Self(
            pair + "events: [{ at: 1min, renumber: net }]\n",
            "5:32: renumber: 'net' is behind no NAT that has external addresses"),
        Self(
            pair + "events: [{ at: 1min, renumber: hom }]\n",
            "5:32: renumber: there is no network 'hom'; did you mean 'home'?"),
    ]

    /// Rates, counts, kinds and VLANs.
    static let rates: [Self] = [
        Self(
            pair + "traffic: [{ from: a, to: b, every: 1s, rate: 1Mbit }]\n",
            "5:46: rate: 'every' says how often already; keep one of them"),
        Self(
            pair + "traffic: [{ from: a, to: b, rate: unlimited }]\n",
            "5:35: rate: expected a rate from 1kbit to 1000Gbit a second, like 10Mbit, found 'unlimited'"),
        Self(
            pair + "traffic: [{ from: a, to: b, every: 1s, count: 0 }]\n",
            "5:47: count: expected a number from 1 to 20000000, found '0'"),
        Self(
            pair + "traffic: [{ from: a, to: b, every: 1s, kind: ping, vlan: 0 }]\n",
            "5:46: kind: expected 'data' or 'arp', found 'ping'",
            "5:58: vlan: expected a number from 1 to 4094, found '0'"),
        Self(
            pair + "traffic: [{ from: a, to: all, every: 1s, kind: arp }]\n",
            "5:26: to: 'arp' asks for one node; name it, or a group"),
        Self(
            pair + "traffic: [{ from: a, to: b, every: 1s, kind: arp, echo: true }]\n",
            "5:57: echo: 'arp' is answered as it is; leave it out"),
        Self(
            pair + "defaults: { device_type: tun }\ntraffic: [{ from: a, to: b, every: 1s, kind: arp, vlan: 4094 }]\n",
            "6:46: kind: needs Ethernet frames, and 'a' has a TUN device; use 'device_type: tap'",
            "6:57: vlan: needs Ethernet frames, and 'a' has a TUN device; use 'device_type: tap'"),
        Self(
            pair + "traffic: [{ from: a, to: b, every: 14us }]\n",
            "5:10: traffic: makes up to 21428572 frames; at most 20000000 can be simulated: make pauses longer, or write 'count' or 'end'"
        ),
        Self(
            pair + "traffic: [{ from: leaf, to: all, every: 1ns }, { from: leaf, to: all, every: 1s }]\n",
            "5:10: traffic: makes up to 3600000003600 frames; at most 20000000 can be simulated: make pauses longer, or write 'count' or 'end'"
        ),
    ]

    /// Further claims, and when they hold.
    static let claims: [Self] = [
        Self(
            pair + "expect: [{ always: no_duplicate_frame }]\n",
            "5:20: expected what has to hold, like { connected: all } or an invariant, found 'no_duplicate_frame'; did you mean 'no_duplicate_frames'?"
        ),
        Self(
            pair + "expect: [{ always: no_duplicate_frames, from: 10s }]\n",
            "5:47: from: does not go with an invariant, which is about the whole run; leave it out"),
        Self(
            pair + "expect: [{ never: no_duplicate_frames }]\n",
            "5:19: expected what must not hold, like { connected: all }, found 'no_duplicate_frames'"),
        Self(
            pair + "expect: [{ eventually: { connected: all }, sometimes: { connected: all } }]\n",
            "5:10: an expectation has one of within, always, never, eventually, sometimes, at_end; found eventually and sometimes"
        ),
        Self(
            pair + "expect: [{ eventually: { connected: all }, from: 20s, to: 10s }]\n",
            "5:59: to: must be later than 'from', 20s"),
        Self(
            pair + "expect: [{ peers: { node: a, at_least: 3 } }]\n",
            "5:19: peers: say when: with within, always, never, eventually, sometimes, at_end, such as { within: 5s, peers: … }"
        ),
        Self(
            pair + "expect: [{ at_end: { peers: { at_least: 3 } } }]\n",
            "5:29: 'node' is missing: the node that has them"),
        Self(
            pair + "expect: [{ at_end: { peers: { node: c, at_least: 20000 } } }]\n",
            "5:37: node: there is no node 'c'; the nodes are a, b, leaf",
            "5:50: at_least: expected a number from 0 to 16384, found '20000'"),
        Self(
            pair + "expect: [{ at_end: { path: { from: a } } }]\n",
            "5:28: 'to' is missing: the node that it sends to",
            "5:28: 'network' is missing: the network in which the address is that it sends to"),
        Self(
            pair + "expect: [{ at_end: { path: { from: a, to: leaf, network: nat } } }]\n",
            "5:43: to: 'leaf' is a group; name one of its nodes, such as leaf-1",
            "5:58: network: there is no network 'nat'; did you mean 'net'?"),
        Self(
            pair + "expect: [{ at_end: { path: { from: a, to: a, network: net } } }]\n",
            "5:43: to: 'a' does not send to itself; name another node"),
        Self(
            pair + "expect: [{ at_end: { station: { of: a } } }]\n",
            "5:31: 'at' is missing: the peer that it is behind",
            "5:31: 'known_by' is missing: the node that has learned it"),
        Self(
            pair + "expect: [{ at_end: { station: { of: b, at: a, known_by: a } } }]\n",
            "5:44: at: 'a' is no peer of itself; name another node"),
        Self(
            pair + "expect: [{ at_end: { table: { node: all, table: station, at_most: 1 } } }]\n",
            "5:49: table: expected 'peers', 'addresses', 'stations', 'claims', 'contacts', 'ownAddresses' or 'departedNodes', found 'station'"
        ),
        Self(
            pair + "expect: [{ at_end: { memory: { node: a, at_least: 1kB } } }]\n",
            "5:30: 'at_most' is missing: the most bytes, such as 200KiB",
            "5:41: unknown key 'at_least'; the keys here are node, at_most"),
        Self(
            pair + "expect: [{ at_end: { memory: { node: a, at_most: 200 } } }]\n",
            "5:50: at_most: '200' is not right: the unit is missing; expected a size up to 1024MiB, like 64KiB"),
        Self(
            pair + "expect: [{ at_end: { evicted: { node: a, table: stations, at_least: 1 } } }]\n",
            "5:31: evicted: is counted over a window; write 'from' and 'to', or neither for the whole scenario"),
        Self(
            pair + "expect: [{ evicted: { node: a, table: stations } }]\n",
            "5:21: 'at_least' or 'at_most' is missing: how much it has to be, such as 1"),
        Self(
            pair + "expect: [{ management: { node: a, at_most: 1kB, at_least: 2kB } }]\n",
            "5:44: at_most: must not be below 'at_least'"),
        Self(
            pair + "expect: [{ management: { node: a, at_most: 1 } }]\n",
            "5:44: at_most: '1' is not right: the unit is missing; expected bytes a second, from 0B to 1024MiB, like 500B or 2kB"
        ),
    ]
}
