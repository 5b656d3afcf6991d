extension BadScenario {
    /// Events.
    static let events: [Self] = [
        Self(pair + "events: [{ kill: a }]\n", "5:10: 'at' is missing: when it happens, such as 60s"),
        Self(pair + "events: [{ at: 6min, kill: a }]\n", "5:16: at: 6min is after the end of the scenario, 5min"),
        Self(
            pair + "events: [{ at: 1min }]\n",
            "5:10: an event is one of partition, heal, kill, stop, suspend, move, change, flush, reboot, renumber, record; found none"
        ),
        Self(
            pair + "events: [{ at: 1min, kill: a, stop: b }]\n",
            "5:10: an event is one of partition, heal, kill, stop, suspend, move, change, flush, reboot, renumber, record; found kill and stop"
        ),
        Self(
            pair + "events: [{ at: 1min, kil: a }]\n",
            "5:10: an event is one of partition, heal, kill, stop, suspend, move, change, flush, reboot, renumber, record; found none",
            "5:22: unknown key 'kil'; did you mean 'kill'?"),
        Self(pair + "events: [{ at: 1min, kill: c }]\n", "5:28: kill: there is no node 'c'; the nodes are a, b, leaf"),
        Self(
            pair + "events: [{ at: 1min, kill: leaf-4 }]\n",
            "5:28: kill: there is no node 'leaf-4'; did you mean 'leaf'?"),
        Self(
            pair + "events: [{ at: 1min, kill: a, restart_after: 5min }]\n",
            "5:46: restart_after: 6min is after the end of the scenario, 5min"),
        Self(
            pair + "events: [{ at: 1min, heal: all, restart_after: 5s }]\n",
            "5:48: restart_after: belongs to kill and stop, not to heal; leave it out"),
        Self(pair + "events: [{ at: 1min, heal: a }]\n", "5:28: heal: expected 'all', found 'a'"),
        Self(
            pair + "events: [{ at: 1min, partition: [a] }]\n",
            "5:33: partition: expected at least two groups, like [[a], [b, c]], found a list"),
        Self(
            pair + "events: [{ at: 1min, partition: [[a], [a, b]] }]\n",
            "5:40: partition: 'a' is named already; keep one of them"),
        Self(
            pair + "events: [{ at: 1min, partition: [[leaf], [leaf-1]] }]\n",
            "5:43: partition: 'leaf-1' is named already by 'leaf'; keep one of them"),
        Self(
            pair + "events: [{ at: 1min, partition: [[a], []] }]\n", "5:39: partition: a group needs at least one node"),
        Self(
            pair + "events: [{ at: 1min, partition: [[a], [b], [leaf]], one_way: true }]\n",
            "5:62: one_way: goes from a first group to a second one; write two groups, not 3"),
        Self(
            pair + "events: [{ at: 1min, partition: [[a], [b]], one_way: 1 }]\n",
            "5:54: one_way: expected true or false, found '1'"),
        Self(pair + "events: [{ at: 1min, move: a }]\n", "5:10: 'to' is missing: the network that the node moves to"),
        Self(
            pair + "events: [{ at: 1min, move: a, to: nowhere }]\n",
            "5:35: to: there is no network 'nowhere'; the networks are net, home"),
        Self(
            pair + "events: [{ at: 1min, change: net, to: { loss: much } }]\n",
            "5:47: loss: expected a percentage from 0% to 100%, like 5% or 0.1%, found 'much'"),
        Self(
            pair + "events: [{ at: 1min, change: net, to: { behind: net } }]\n",
            "5:41: unknown key 'behind'; the keys here are latency, jitter, loss, duplication, corruption, truncation, rate, queue, mtu, icmp"
        ),
        Self(
            pair + "events: [{ at: 1min, flush: net }]\n",
            "5:29: flush: 'net' is behind no NAT that has mappings to forget"),
        Self(
            pair + "events: [{ at: 60, kill: a }]\n",
            "5:16: at: '60' is not right: the unit is missing; write it like 60ms, 60s or 60min"),
        Self(pair + "events: [kill a]\n", "5:10: expected an event like { at: 60s, kill: a }, found 'kill a'"),
    ]

    /// Traffic.
    static let traffic: [Self] = [
        Self(
            pair + "traffic: [{ from: a }]\n", "5:11: 'to' is missing: the node that is to get it, or all",
            "5:11: 'every' is missing: the pause between two frames, such as 100ms, or 'rate', such as 10Mbit"),
        Self(
            pair + "traffic: [{ from: a, to: a, every: 1s }]\n",
            "5:26: to: 'a' does not send to itself; name another node"),
        Self(
            pair + "traffic: [{ from: a, to: b, every: 0s }]\n",
            "5:36: every: '0s' is not right: it must be longer than nothing"),
        Self(
            pair + "traffic: [{ from: a, to: b, every: 1s, size: 63 }]\n",
            "5:46: size: expected a number from 64 to 65000, found '63'"),
        Self(
            pair + "traffic: [{ from: a, to: b, every: 1s, start: 2min, end: 1min }]\n",
            "5:58: end: must be later than 'start', 2min"),
        Self(
            pair + "traffic: [{ from: a, to: b, every: 1s, end: 6min }]\n",
            "5:45: end: 6min is after the end of the scenario, 5min"),
        Self(
            pair + "traffic: [{ from: a, to: all, every: 1s, echo: true }]\n",
            "5:48: echo: a broadcast is not answered; name a node in 'to'"),
        Self(
            pair + "traffic: [{ from: a, to: c, every: 1s }]\n",
            "5:26: to: there is no node 'c'; the nodes are a, b, leaf"),
        Self(
            pair + "traffic: [{ from: all, to: b, every: 1s }]\n",
            "5:19: from: there is no node 'all'; did you mean 'a'?"),
    ]

    /// Expectations.
    static let expectations: [Self] = [
        Self(
            pair + "expect: [{ within: 5s }]\n",
            "5:10: an expectation claims one of connected, disconnected, peers, path, station, table, memory, delivery, latency, dropped, evicted, management; found none"
        ),
        Self(
            pair + "expect: [{ connected: all }]\n",
            "5:23: connected: say when: with within, always, never, eventually, sometimes, at_end, such as { within: 5s, connected: … }"
        ),
        Self(
            pair + "expect: [{ within: 6min, connected: all }]\n",
            "5:20: within: 6min is after the end of the scenario, 5min"),
        Self(
            pair + "expect: [{ within: 0s, connected: all }]\n",
            "5:20: within: '0s' is not right: it must be longer than nothing"),
        Self(
            pair + "expect: [{ within: 5s, at_end: { connected: all } }]\n",
            "5:10: an expectation has one of within, always, never, eventually, sometimes, at_end; found within and at_end"
        ),
        Self(
            pair + "expect: [{ within: 5s, from: 1s, connected: all }]\n",
            "5:30: from: does not go with 'within'; leave it out"),
        Self(
            pair + "expect: [{ always: all }]\n",
            "5:20: expected what has to hold, like { connected: all } or an invariant, found 'all'; the invariants are no_self_peers, no_extra_frames, no_duplicate_frames, no_misdelivered_frames, no_corrupted_frames, no_plaintext, no_nonce_reuse, no_relayed_frames, bounded_tables, full_mesh, network_model"
        ),
        Self(
            pair + "expect: [{ always: true, connected: all }]\n",
            "5:20: expected what has to hold, like { connected: all } or an invariant, found 'true'; the invariants are no_self_peers, no_extra_frames, no_duplicate_frames, no_misdelivered_frames, no_corrupted_frames, no_plaintext, no_nonce_reuse, no_relayed_frames, bounded_tables, full_mesh, network_model",
            "5:37: connected: write it within 'always', like always: { connected: all }"),
        Self(
            pair + "expect: [{ within: 5s, connected: [a] }]\n",
            "5:35: connected: expected 'all', a group, or at least two nodes, like [a, b]"),
        Self(
            pair + "expect: [{ within: 5s, connected: [a, c] }]\n",
            "5:39: connected: there is no node 'c'; the nodes are a, b, leaf"),
        Self(
            pair + "expect: [{ within: 5s, connected: all, disconnected: [a, b] }]\n",
            "5:10: an expectation claims one of connected, disconnected, peers, path, station, table, memory, delivery, latency, dropped, evicted, management; found connected and disconnected"
        ),
        Self(
            pair + "expect: [{ never: { disconnected: [a, b, leaf] } }]\n",
            "5:35: disconnected: expected two groups, like [[a], [b, c]], found 3"),
        Self(
            pair + "expect: [{ within: 5s, delivery: { from: a, to: b, at_least: 99% } }]\n",
            "5:34: delivery: is counted over a window; write 'from' and 'to', or neither for the whole scenario",
            "5:34: nothing in 'traffic' goes from 'a' to 'b'; add it there"),
        Self(
            pair + "expect: [{ delivery: { from: a, to: b, at_least: 99% } }]\n",
            "5:22: nothing in 'traffic' goes from 'a' to 'b'; add it there"),
        Self(
            pair + "expect: [{ from: 20s, to: 10s, dropped: { node: a, reason: noPeers, at_least: 1 } }]\n",
            "5:27: to: must be later than 'from', 20s"),
        Self(
            pair + "expect: [{ dropped: { node: a, reason: noPeers } }]\n",
            "5:21: 'at_least' or 'at_most' is missing: how much it has to be, such as 1"),
        Self(
            pair + "expect: [{ dropped: { node: a, reason: boredom, at_most: 1 } }]\n",
            "5:40: reason: expected 'truncatedPacket', 'foreignMagic', 'foreignMethod', 'unknownMessageType', 'unauthentic', 'malformedInit', 'malformedList', 'unknownSender', 'notFresh', 'closeFromStranger', 'ownMessage', 'malformedFrame', 'unknownDestination', 'noPeers', 'oversizedFrame' or 'deviceRefused', found 'boredom'"
        ),
        Self(
            pair + "expect: [{ dropped: { node: a, reason: noPeers, at_least: 2, at_most: 1 } }]\n",
            "5:71: at_most: must not be below 'at_least'"),
        Self(
            pair
                + "traffic: [{ from: a, to: b, every: 1s }]\nexpect: [{ delivery: { from: a, to: b, at_least: 99.999% } }]\n",
            "6:50: at_least: '99.999%' is not right: at most 2 digits may follow the point"),
        Self(
            pair + "traffic: [{ from: a, to: b, every: 1s }]\nexpect: [{ latency: { from: a, to: b } }]\n",
            "6:21: 'at_most' is missing: the longest time, such as 50ms"),
        Self(
            pair
                + "traffic: [{ from: a, to: b, every: 1s }]\nexpect: [{ delivery: { from: b, to: a, at_least: 99% } }]\n",
            "6:22: nothing in 'traffic' goes from 'b' to 'a'; add it there"),
        Self(
            pair
                + "traffic: [{ from: a, to: b, every: 1s }]\nexpect: [{ latency: { from: a, to: b, percentile: 101%, at_most: 1s } }]\n",
            "6:51: percentile: '101%' is not right: a percentage is from 0% to 100%"),
    ]
}
