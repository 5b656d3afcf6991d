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

    /// A datagram from its parts.
    public init(sent: Instant, sender: Int? = nil, source: Endpoint, destination: Endpoint, bytes: [UInt8]) {
        self.sent = sent
        self.sender = sender
        self.source = source
        self.destination = destination
        self.bytes = bytes
    }
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
/// Each datagram passes through the ``topology``, or, without one, through ``fate``, which decide what becomes of it.
public final class VirtualNetwork {
    private enum Occurrence {
        case arrival(VirtualDatagram)
        case transit(Transit)
        case deadline(VirtualNode)
        /// A wish of a node with this endpoint reaches its gateway, and the answer the node.
        case wish(PortMappingRequest, VirtualNode, Endpoint)
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
    /// The networks that the nodes are in; nil where ``fate`` decides.
    public var topology: Topology?
    /// Sees every datagram that a node sends, before its fate is decided.
    public var tap: (VirtualDatagram) -> Void = { _ in }
    /// Sees every datagram that arrives through the topology at its node, which need not run.
    public var arrivalTap: (Transit) -> Void = { _ in }
    /// Sees every datagram that the topology loses, as its node sent it, with the reason and the place.
    public var lossTap: (VirtualDatagram, NetworkLoss, NetworkPlace) -> Void = { _, _, _ in }
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

    /// Networks without nodes, at time zero.
    public convenience init(_ topology: Topology) {
        self.init()
        self.topology = topology
    }

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

    /// Starts a node in a network of the topology, at the addresses that it gets there and its configuration's port.
    @discardableResult
    public func start(
        _ name: String, _ configuration: NodeConfiguration, in network: String, seed: Seed
    ) throws -> VirtualNode {
        let addresses = try attach(name, to: network)
        return try start(
            name, configuration, at: addresses.map { Endpoint($0, port: configuration.port) }, seed: seed)
    }

    /// Moves a node to another network of the topology; its port stays.
    public func move(_ node: VirtualNode, toNetwork network: String) throws(TopologyError) {
        let port = node.endpoints.first?.port ?? PeerName.defaultPort
        move(node, to: try attach(node.name, to: network).map { Endpoint($0, port: port) })
    }

    private func attach(_ name: String, to network: String) throws(TopologyError) -> [IPAddress] {
        guard let addresses = try topology?.attach(name, to: network) else { throw .unknownNetwork(network) }
        return addresses
    }

    /// Brings a node's wish to the gateway of its network; without a topology it is left to
    /// ``mapPort(of:to:lease:)``. It takes the time of a way there and back, so that what was sent before is before it.
    private func convey(_ wish: PortMappingRequest, of node: VirtualNode) {
        guard let topology, let address = node.endpoints.first(where: \.address.isIPv4)?.address else { return }
        let port =
            switch wish {
            case .map(let port, _), .unmap(let port): port
            }
        let inside = Endpoint(address, port: port)
        plan(.wish(wish, node, inside), at: now + topology.answerTime(for: inside))
    }

    private func answer(_ wish: PortMappingRequest, of node: VirtualNode, at inside: Endpoint) {
        guard case .map(_, let lease) = wish else { return topology?.revokePort(of: inside) ?? () }
        guard node.isRunning, node.endpoints.contains(where: { $0.address == inside.address }) else { return }
        let external = try? topology?.grantPort(of: inside, lease: lease, at: now)
        act(node) { node, now in
            if let external {
                node.engine.portMapped(to: external, lease: lease, at: now, into: &node.batch)
            } else {
                node.engine.portMappingFailed(at: now, into: &node.batch)
            }
        }
    }

    /// Lets everything happen that is planned up to an instant.
    public func run(until end: Instant) {
        while let next = queue.min, next.time <= end {
            queue.removeMin()
            now = next.time
            switch next.occurrence {
            case .arrival(let datagram): deliver(datagram)
            case .transit(let transit):
                if let passage = topology?.pass(transit) { follow(passage, of: transit.sent) }
            case .wish(let wish, let node, let inside): answer(wish, of: node, at: inside)
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

    /// Carries out what the topology decided, and sees that all of it is known: the one place that each step of every
    /// datagram goes through.
    private func follow(_ passage: Passage, of datagram: VirtualDatagram) {
        switch passage {
        case .onward(let transit, let again):
            plan(.transit(transit), at: transit.time)
            if let again { plan(.transit(again), at: again.time) }
        case .delivered(let transit):
            guard let node = nodeAt[transit.destination] else {
                if let place = topology?.place(transit.stop) { lose(datagram, .noReceiver, place) }
                return
            }
            arrivalTap(transit)
            deliver(transit.received, to: node)
        case .lost(let loss, let place): lose(datagram, loss, place)
        }
    }

    private func lose(_ datagram: VirtualDatagram, _ loss: NetworkLoss, _ place: NetworkPlace) {
        lossTap(datagram, loss, place)
        tell(.dropped(datagram, loss == .noReceiver ? .noReceiver : .onTheWay))
    }

    private func plan(_ occurrence: Occurrence, at time: Instant) {
        queue.insert(Planned(time: time, number: number, occurrence: occurrence))
        number += 1
    }

    private func deliver(_ datagram: VirtualDatagram) {
        guard let node = nodeAt[datagram.destination] else { return tell(.dropped(datagram, .noReceiver)) }
        deliver(datagram, to: node)
    }

    private func deliver(_ datagram: VirtualDatagram, to node: VirtualNode) {
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
        let wishes = node.batch.portMappings
        node.batch.reset()
        for datagram in sent {
            tap(datagram)
            tell(.sent(datagram, by: node))
            if let passage = topology?.send(datagram, at: now) {
                follow(passage, of: datagram)
                continue
            }
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
        for wish in wishes { convey(wish, of: node) }
        guard let deadline = node.engine.nextDeadline.map({ max($0, now) }) else { return }
        if node.plannedDeadline.map({ deadline < $0 }) ?? true {
            node.plannedDeadline = deadline
            plan(.deadline(node), at: deadline)
        }
    }
}
