import HeapModule
public import VPNNode
public import VPNProtocol

/// A datagram on its way, or one that arrived.
public struct VirtualDatagram: Hashable, Sendable {
    /// When it was sent.
    public let sent: Instant
    /// The number of the node that sent it; nil for what came from outside.
    public let sender: Int?
    /// Where it comes from.
    public let source: Endpoint
    /// Where it goes.
    public let destination: Endpoint
    /// The sealed packet.
    public let bytes: [UInt8]
}

/// What the network does with a datagram.
public enum Fate: Hashable, Sendable {
    /// It arrives after so long.
    case arrives(after: Duration)
    /// It is lost on the way.
    case lost
    /// The sender's system refuses it with an error code.
    case refused(errorCode: Int32)
}

/// Nodes that are joined by an emulated network with a virtual clock.
///
/// All that happens is in one ordered queue; of several things at one instant the one that was planned first is first.
/// Each datagram passes through ``fate``, which decides what becomes of it.
public final class VirtualNetwork {
    private enum Occurrence {
        case arrival(VirtualDatagram)
        case deadline(VirtualNode)
    }

    private struct Planned: Comparable {
        let time: Instant
        let number: UInt64
        let occurrence: Occurrence

        static func < (left: Self, right: Self) -> Bool { (left.time, left.number) < (right.time, right.number) }
        static func == (left: Self, right: Self) -> Bool { left.number == right.number }
    }

    /// The virtual clock.
    public private(set) var now = Instant.zero
    /// Decides what becomes of a datagram; by default it arrives after a millisecond.
    public var fate: (VirtualDatagram) -> Fate = { _ in .arrives(after: .milliseconds(1)) }
    /// Sees every datagram that a node sends, before its fate is decided.
    public var tap: (VirtualDatagram) -> Void = { _ in }
    /// Answers a name with addresses, or with none.
    public var nameService: (PeerName) -> [Endpoint] = { _ in [] }
    /// The nodes in the order in which they were added.
    public private(set) var nodes: [VirtualNode] = []

    private var queue = Heap<Planned>()
    private var number: UInt64 = 0
    private var nodeAt: [Endpoint: VirtualNode] = [:]
    private var startedNodes = 0
    private var observers: [any NetworkObserver] = []

    /// A network without nodes, at time zero.
    public init() {}

    /// Lets an observer see all that happens from now on, and first the nodes that are there.
    public func add(_ observer: any NetworkObserver) {
        observers.append(observer)
        for node in nodes { observer.observe(.started(node), at: now) }
    }

    private func tell(_ observation: @autoclosure () -> Observation) {
        for observer in observers { observer.observe(observation(), at: now) }
    }

    /// Starts a node at one or more addresses, of which no other node has one. It sends from the first of the
    /// receiver's family.
    @discardableResult
    public func start(
        _ name: String, _ configuration: NodeConfiguration, at endpoints: [Endpoint], seed: Seed
    ) throws(ConfigurationError) -> VirtualNode {
        precondition(!endpoints.isEmpty && endpoints.allSatisfy { nodeAt[$0] == nil }, "an address has one node")
        let node = VirtualNode(
            name: name, number: startedNodes, configuration: configuration, endpoints: endpoints,
            engine: try NodeEngine(configuration, seed: seed, startingAt: now),
            batch: OutputBatch(for: configuration.seal, capacity: 4096))
        startedNodes += 1
        nodes.append(node)
        for endpoint in endpoints { nodeAt[endpoint] = node }
        tell(.started(node))
        act(node) { node, now in node.engine.advance(to: now, into: &node.batch) }
        return node
    }

    /// Takes a node away without a word, as a power failure does.
    public func kill(_ node: VirtualNode) {
        nodes.removeAll { $0 === node }
        for endpoint in node.endpoints { nodeAt[endpoint] = nil }
        node.plannedDeadline = nil
        if node.isRunning { tell(.ended(node)) }
        node.isRunning = false
    }

    /// Ends a node in good order.
    public func stop(_ node: VirtualNode) {
        act(node) { node, now in node.engine.shutDown(at: now, into: &node.batch) }
        kill(node)
    }

    /// Moves a node to other addresses; what is under way to the old ones is lost.
    public func move(_ node: VirtualNode, to endpoints: [Endpoint]) {
        for endpoint in node.endpoints { nodeAt[endpoint] = nil }
        node.endpoints = endpoints
        for endpoint in endpoints { nodeAt[endpoint] = node }
        tell(.moved(node))
    }

    /// Gives a node a frame as its device would.
    public func send(_ frame: [UInt8], from node: VirtualNode) {
        if node.isRunning { tell(.frameSent(frame, by: node)) }
        act(node) { node, now in
            let staged = node.batch.stageFrame(copying: frame.span)
            node.engine.send(staged, at: now, into: &node.batch)
        }
    }

    /// Puts a datagram on its way as if someone at `source` had sent it. It arrives at once.
    public func inject(_ bytes: [UInt8], from source: Endpoint, to destination: Endpoint) {
        deliver(VirtualDatagram(sent: now, sender: nil, source: source, destination: destination, bytes: bytes))
    }

    /// Answers a node's wish for its port as a router would: granted for so long, or for good where `lease` is nil.
    public func mapPort(of node: VirtualNode, to external: Endpoint, lease: Duration?) {
        act(node) { node, now in node.engine.portMapped(to: external, lease: lease, at: now, into: &node.batch) }
    }

    /// Lets everything happen that is planned up to an instant.
    public func run(until end: Instant) {
        while let next = queue.min, next.time <= end {
            queue.removeMin()
            now = next.time
            switch next.occurrence {
            case .arrival(let datagram): deliver(datagram)
            case .deadline(let node):
                guard node.plannedDeadline == next.time else { continue }
                node.plannedDeadline = nil
                act(node) { node, now in node.engine.advance(to: now, into: &node.batch) }
            }
        }
        now = max(now, end)
    }

    /// Lets everything happen that is planned for a while.
    public func run(for duration: Duration) { run(until: now + duration) }

    private func plan(_ occurrence: Occurrence, at time: Instant) {
        queue.insert(Planned(time: time, number: number, occurrence: occurrence))
        number += 1
    }

    private func deliver(_ datagram: VirtualDatagram) {
        guard let node = nodeAt[datagram.destination] else { return tell(.dropped(datagram, .noReceiver)) }
        tell(.arrived(datagram, at: node))
        var bytes = datagram.bytes
        act(node) { node, now in
            var span = bytes.mutableSpan
            let reception = node.engine.receive(&span, from: datagram.source, at: now, into: &node.batch)
            if reception.disposition == .deliver, let packet = reception.packet {
                let frame = Array(bytes[packet.message])
                node.delivered.append(frame)
                tell(.frameDelivered(frame, at: node))
            }
        }
    }

    /// Gives a node an input and carries out what comes of it, until nothing more does.
    private func act(_ node: VirtualNode, _ input: (VirtualNode, Instant) -> Void) {
        guard node.isRunning else { return }
        input(node, now)
        node.engine.seal(&node.batch)
        let sent = node.takeDatagrams(at: now)
        for event in node.batch.events {
            node.events.append(TimedEvent(time: now, event: event))
            tell(.event(event, in: node))
        }
        node.portMappings.append(contentsOf: node.batch.portMappings)
        let names = node.batch.names
        node.batch.reset()
        for datagram in sent {
            tap(datagram)
            tell(.sent(datagram, by: node))
            switch fate(datagram) {
            case .arrives(let delay): plan(.arrival(datagram), at: now + delay)
            case .lost: tell(.dropped(datagram, .onTheWay))
            case .refused(let code):
                tell(.dropped(datagram, .refused(errorCode: code)))
                act(node) { node, now in
                    node.engine.sendFailed(to: datagram.destination, errorCode: code, at: now, into: &node.batch)
                }
            }
        }
        for name in names {
            let endpoints = nameService(name)
            act(node) { node, now in node.engine.resolved(name, to: endpoints, at: now, into: &node.batch) }
        }
        guard let deadline = node.engine.nextDeadline.map({ max($0, now) }) else { return }
        if node.plannedDeadline.map({ deadline < $0 }) ?? true {
            node.plannedDeadline = deadline
            plan(.deadline(node), at: deadline)
        }
    }
}
