/// A run in numbers that can be laid beside those of another world: who met when, what came over, who said how much.
public struct RunSummary: Hashable, Sendable {
    /// When a node first had another as a peer.
    public struct Meeting: Hashable, Sendable {
        /// The node.
        public var node: String
        /// Whom it had as a peer.
        public var peer: String
        /// When, in the time of the scenario.
        public var time: Duration

        /// A meeting from its parts.
        public init(node: String, peer: String, time: Duration) {
            (self.node, self.peer, self.time) = (node, peer, time)
        }
    }

    /// The frames from one node to another.
    public struct Delivery: Hashable, Sendable {
        /// The sender.
        public var from: String
        /// The receiver.
        public var to: String
        /// How many were sent, those on the way at the end not counted.
        public var sent: Int
        /// How many of them arrived.
        public var arrived: Int

        /// A delivery from its parts.
        public init(from: String, to: String, sent: Int, arrived: Int) {
            (self.from, self.to, self.sent, self.arrived) = (from, to, sent, arrived)
        }
    }

    /// The messages that a node sent.
    public struct Messages: Hashable, Sendable {
        /// The node.
        public var node: String
        /// Messages with frames.
        public var data = 0
        /// Peer lists.
        public var lists = 0
        /// Initial messages.
        public var initial = 0
        /// Closing messages.
        public var close = 0

        /// No messages yet.
        public init(node: String) { self.node = node }
    }

    /// The first meetings, by node and peer in the order of the scenario.
    public var connections: [Meeting] = []
    /// The deliveries between pairs that have traffic, in the order of the scenario.
    public var deliveries: [Delivery] = []
    /// The messages of each node, in the order of the scenario.
    public var messages: [Messages] = []

    /// The most nodes of a run that is summed up like this: there are as many pairs as the square of it.
    public static let maximumNodes = 64

    /// Nothing.
    public init() {}
}
