public import VPNNode
public import VPNProtocol

/// Nodes that are joined by an emulated network with a virtual clock.
///
/// All that happens is in one ordered queue; of several things at one instant the one that was planned first is first.
/// Each datagram passes through the ``topology``, or, without one, through ``fate``, which decide what becomes of it.
public final class VirtualNetwork {
    enum Occurrence {
        case arrival(VirtualDatagram)
        case transit(Transit)
        case deadline(VirtualNode)
        /// A wish of a node with this endpoint reaches its gateway, and the answer the node.
        case wish(PortMappingRequest, VirtualNode, Endpoint)
        /// A router's word reaches the sender of a datagram: a link takes no packet longer than this.
        case tooLong(VirtualNode, from: Endpoint, to: IPAddress, mtu: Int)
    }

    /// The virtual clock.
    public private(set) var now = Instant.zero
    /// Decides what becomes of a datagram; by default it arrives after a millisecond.
    public var fate: (VirtualDatagram) -> Fate = { _ in .arrives(after: .milliseconds(1)) }
    /// The networks that the nodes are in; nil where ``fate`` decides.
    public internal(set) var topology: Topology?
    /// Sees every datagram that a node sends, before its fate is decided.
    public var tap: ((VirtualDatagram) -> Void)?
    /// Sees every datagram that arrives through the topology at its node.
    public var arrivalTap: ((Transit) -> Void)?
    /// Sees every datagram that the topology loses, as it was there, with the reason and the place.
    public var lossTap: ((VirtualDatagram, NetworkLoss, NetworkPlace) -> Void)?
    /// Answers a name with addresses, or with none.
    public var nameService: (PeerName) -> [Endpoint] = { _ in [] }
    /// What a node's device answers, at once, to a frame that it gets; nil for nothing.
    public var answering: ((VirtualNode, [UInt8]) -> [UInt8]?)?
    /// Whether nodes keep all of their events, frames and wishes. Without it nothing grows with time.
    public var recordsHistory = true
    /// Says what records the inputs of the engine of a node that is to start; nil for nothing.
    package var recorder: ((_ name: String) -> InputRecorder?)?
    /// How many things happened that were planned: steps of datagrams, deadlines, answers.
    public private(set) var steps: UInt64 = 0
    /// How many datagrams were given to a node.
    public internal(set) var deliveries: UInt64 = 0
    /// The nodes in the order in which they were added.
    public private(set) var nodes: [VirtualNode] = []

    var queue = EventQueue<Occurrence>()
    var datagrams: UInt64 = 0
    /// Room for the datagrams that come of one input to a node, which is used again and again.
    var spare: [VirtualDatagram] = []
    private var nodeAt: [Endpoint: VirtualNode] = [:]
    /// The running nodes by their number in the topology.
    private var nodeAtPlace: [VirtualNode?] = []
    private var startedNodes = 0
    private var batches: [(headBytes: Int, tailBytes: Int, batch: SharedBatch)] = []
    private var observers: [any NetworkObserver] = []

    /// A network without nodes, at time zero.
    public init() {}

    /// Networks without nodes, at time zero.
    public convenience init(_ topology: Topology) {
        self.init()
        self.topology = topology
    }

    /// Lets an observer see all that happens from now on, and first the state of the topology and the nodes that are there.
    public func add(_ observer: any NetworkObserver) {
        observers.append(observer)
        for change in topology?.changesSoFar ?? [] { observer.observe(.changed(change), at: now) }
        for node in nodes {
            observer.observe(.started(node), at: now)
            if node.isSuspended { observer.observe(.suspended(node), at: now) }
        }
    }

    var isObserved: Bool { !observers.isEmpty }

    func tell(_ observation: @autoclosure () -> Observation) {
        guard !observers.isEmpty else { return }
        let observation = observation()
        for observer in observers { observer.observe(observation, at: now) }
    }

    /// Starts a node at one or more addresses, of which no other node has one. It sends from the first of the
    /// receiver's family.
    ///
    /// - Parameter clock: what it takes the time from.
    @discardableResult
    public func start(
        _ name: String, _ configuration: NodeConfiguration, at endpoints: [Endpoint], seed: Seed,
        clock: VirtualClock = VirtualClock()
    ) throws(ConfigurationError) -> VirtualNode {
        precondition(!endpoints.isEmpty && endpoints.allSatisfy { nodeAt[$0] == nil }, "an address has one node")
        let node = VirtualNode(
            name: name, number: startedNodes, configuration: configuration, endpoints: endpoints, clock: clock,
            engine: try NodeEngine(
                configuration, seed: seed, startingAt: clock.local(now), recorder: recorder?(name)),
            outputs: batch(for: configuration.seal))
        startedNodes += 1
        nodes.append(node)
        settle(node)
        tell(.started(node))
        act(node) { engine, batch, now in engine.advance(to: now, into: &batch) }
        return node
    }

    private func batch(for seal: PacketSeal) -> SharedBatch {
        let known = batches.first { $0.headBytes == seal.headBytes && $0.tailBytes == seal.tailBytes }
        if let known { return known.batch }
        let batch = SharedBatch(for: seal)
        batches.append((seal.headBytes, seal.tailBytes, batch))
        return batch
    }

    /// Enters a node where it can be reached.
    private func settle(_ node: VirtualNode) {
        for endpoint in node.endpoints { nodeAt[endpoint] = node }
        node.place = node.endpoints.first.flatMap { topology?.node(at: $0.address) }
        guard let place = node.place else { return }
        while nodeAtPlace.count <= place { nodeAtPlace.append(nil) }
        nodeAtPlace[place] = node
    }

    private func unsettle(_ node: VirtualNode) {
        for endpoint in node.endpoints { nodeAt[endpoint] = nil }
        if let place = node.place, nodeAtPlace[place] === node { nodeAtPlace[place] = nil }
    }

    /// The node with an endpoint, which is probably the one that has this number in the topology.
    func node(at endpoint: Endpoint, place: Int? = nil) -> VirtualNode? {
        if let place, place < nodeAtPlace.count, let node = nodeAtPlace[place], node.endpoints.contains(endpoint) {
            return node
        }
        return nodeAt[endpoint]
    }

    /// Takes a node away without a word, as a power failure does.
    public func kill(_ node: VirtualNode) { end(node, .killed) }

    /// Ends a node in good order. One that sleeps cannot say so.
    public func stop(_ node: VirtualNode) {
        guard !node.isSuspended else { return end(node, .killed) }
        act(node) { engine, batch, now in engine.shutDown(at: now, into: &batch) }
        end(node, .stopped)
    }

    private func end(_ node: VirtualNode, _ cause: EndCause) {
        guard node.isRunning else { return }
        nodes.removeAll { $0 === node }
        unsettle(node)
        node.plannedDeadline = nil
        tell(.ended(node, cause))
        node.isRunning = false
    }

    /// Lets a node sleep, as a laptop does: it does nothing, and what arrives is lost. Its clock goes on, since the program
    /// takes the time from one that does (Linux, `CLOCK_BOOTTIME`).
    public func suspend(_ node: VirtualNode) {
        guard node.isRunning, !node.isSuspended else { return }
        node.isSuspended = true
        node.plannedDeadline = nil
        tell(.suspended(node))
    }

    /// Wakes a node up, which at once does what became due while it slept.
    public func resume(_ node: VirtualNode) {
        guard node.isRunning, node.isSuspended else { return }
        node.isSuspended = false
        tell(.resumed(node))
        act(node) { engine, batch, now in engine.advance(to: now, into: &batch) }
    }

    /// Moves a node to other addresses; what is under way to the old ones is lost.
    public func move(_ node: VirtualNode, to endpoints: [Endpoint]) {
        unsettle(node)
        node.endpoints = endpoints
        if node.isRunning { settle(node) }
        tell(.moved(node))
    }

    /// Gives a node a frame as its device would.
    public func send(_ frame: [UInt8], from node: VirtualNode) {
        guard node.isRunning, !node.isSuspended else { return }
        tell(.frameSent(frame, by: node))
        act(node) { engine, batch, now in
            let staged = batch.stageFrame(copying: frame.span)
            engine.send(staged, at: now, into: &batch)
        }
    }

    /// Puts a datagram on its way as if someone at `source` had sent it. It arrives at once.
    public func inject(_ bytes: [UInt8], from source: Endpoint, to destination: Endpoint) {
        let datagram = VirtualDatagram(
            id: datagrams, sent: now, sender: nil, source: source, destination: destination, bytes: bytes)
        datagrams += 1
        tell(.injected(datagram))
        arrive(datagram)
    }

    /// Answers a node's wish for its port as a router would: granted for so long, or for good where `lease` is nil.
    public func mapPort(of node: VirtualNode, to external: Endpoint, lease: Duration?) {
        act(node) { engine, batch, now in engine.portMapped(to: external, lease: lease, at: now, into: &batch) }
    }

    /// Lets everything happen that is planned up to an instant.
    public func run(until end: Instant) {
        while let time = queue.nextTime, time <= end, let next = queue.takeFirst() {
            if time > now { pass(to: time) }
            steps += 1
            switch next {
            case .arrival(let datagram): arrive(datagram)
            case .transit(let transit): pass(transit)
            case .wish(let wish, let node, let inside): answer(wish, of: node, at: inside)
            case .tooLong(let node, let source, let destination, let mtu):
                guard node.isRunning, !node.isSuspended, node.endpoints.contains(source) else { continue }
                let key = PathKey(address: destination)
                node.pathMTUs.put(key, min(mtu, node.pathMTUs[key]?.value ?? mtu), at: now)
            case .deadline(let node):
                guard node.plannedDeadline == time else { continue }
                node.plannedDeadline = nil
                act(node) { engine, batch, now in engine.advance(to: now, into: &batch) }
            }
        }
        if end > now { pass(to: end) }
    }

    private func pass(to time: Instant) {
        now = time
        for observer in observers { observer.pass(to: time) }
    }

    /// Lets everything happen that is planned for a while.
    public func run(for duration: Duration) { run(until: now + duration) }
}
