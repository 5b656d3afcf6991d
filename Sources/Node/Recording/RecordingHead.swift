package import VPNProtocol

/// What a recording begins with: all that makes a node, but for its key.
package struct RecordingHead: Sendable {
    /// The version of the program that recorded.
    package let program: String
    /// The time of day when the node was made, in nanoseconds since 1970; 0 where nobody knows.
    package let timeOfDay: UInt64
    /// What the node drew everything random from.
    package let seed: Seed
    /// When it was made.
    package let start: Instant
    /// How its packets are sealed.
    package let method: CryptoMethod
    /// What it was told, with a seal that has its magic and no key.
    package let configuration: NodeConfiguration

    /// - Parameter configuration: the key of its seal is not kept.
    package init(
        program: String, timeOfDay: UInt64 = 0, _ configuration: NodeConfiguration, seed: Seed, start: Instant
    ) {
        self.program = program
        self.timeOfDay = timeOfDay
        self.seed = seed
        self.start = start
        method = configuration.seal.method
        var configuration = configuration
        configuration.seal = PacketSeal(unencrypted: configuration.seal.magic)
        self.configuration = configuration
    }

    fileprivate init(
        program: String, timeOfDay: UInt64, seed: Seed, start: Instant, method: CryptoMethod,
        _ configuration: NodeConfiguration
    ) {
        self.program = program
        self.timeOfDay = timeOfDay
        self.seed = seed
        self.start = start
        self.method = method
        self.configuration = configuration
    }

    /// The time of day at a time of the node's clock, in nanoseconds since 1970; since the start where nobody knows.
    package func timeOfDay(at time: Instant) -> Instant { Instant(nanoseconds: timeOfDay) + (time - start) }

    /// The configuration of a node that does the same, under another seal of the same method.
    package func configuration(seal: PacketSeal) -> NodeConfiguration {
        var configuration = configuration
        configuration.seal = seal
        return configuration
    }
}

extension RecordBuffer {
    mutating func append(_ head: RecordingHead) {
        append(.head)
        append(text: head.program)
        append(number: head.timeOfDay)
        for word in head.seed.words { append(bits: UInt128(word), byteCount: 8) }
        append(number: head.start.nanoseconds)
        append(byte: head.method.rawValue)
        let configuration = head.configuration
        append(bits: UInt128(configuration.seal.magic.bits), byteCount: 4)
        append(text: configuration.dialect.rawValue)
        append(text: configuration.deviceType.rawValue)
        append(text: configuration.mode.rawValue)
        append(count: configuration.subnets.count)
        for subnet in configuration.subnets { append(subnet) }
        append(count: configuration.peers.count)
        for peer in configuration.peers { append(text: peer.description) }
        append(configuration.peerTimeout)
        append(configuration.stationTimeout)
        append(number: UInt64(configuration.port))
        append(configuration.portForwarding)
        append(configuration.portLease)
        append(configuration.reportsMessages)
        for limit in Limits.recorded { append(count: configuration.limits[keyPath: limit]) }
    }

    private mutating func append(_ subnet: Subnet) {
        append(byte: subnet.form.rawValue)
        append(bits: subnet.base, byteCount: 16)
        append(byte: subnet.prefixLength)
    }
}

extension RecordCursor {
    /// The head, behind its kind.
    mutating func head() throws(RecordFault) -> RecordingHead {
        let (program, timeOfDay) = (try text(), try number())
        let seed = Seed(try word(), try word(), try word(), try word())
        let start = Instant(nanoseconds: try number())
        guard let method = CryptoMethod(rawValue: try byte()) else { throw RecordFault("the method is unknown") }
        let magic = Magic(bits: UInt32(try bits(byteCount: 4)))
        var configuration = NodeConfiguration(seal: PacketSeal(unencrypted: magic))
        configuration.dialect = try choice("the dialect")
        configuration.deviceType = try choice("the type of the device")
        configuration.mode = try choice("the mode")
        for _ in 0..<(try listCount()) { configuration.subnets.append(try subnet()) }
        for _ in 0..<(try listCount()) { configuration.peers.append(try peerName()) }
        configuration.peerTimeout = try duration("the peer timeout", in: .seconds(1) ... .seconds(65_535))
        configuration.stationTimeout = try duration("the station timeout", in: .seconds(1) ... .longestRecorded)
        configuration.port = try number("the port", in: 0...UInt16.max)
        configuration.portForwarding = try flag()
        configuration.portLease = try duration("the lease of the port", in: .zero ... .longestRecorded)
        configuration.reportsMessages = try flag()
        for limit in Limits.recorded {
            configuration.limits[keyPath: limit] = try number("a limit", in: 1...Limits.mostRecorded)
        }
        return RecordingHead(
            program: program, timeOfDay: timeOfDay, seed: seed, start: start, method: method, configuration)
    }

    /// A name with its port.
    mutating func peerName() throws(RecordFault) -> PeerName {
        guard let name = PeerName(try text()) else { throw RecordFault("a name is none") }
        return name
    }

    /// How many there are of something that takes a byte each at least.
    mutating func listCount() throws(RecordFault) -> Int {
        try number("the length of a list", in: 0...RecordingFormat.maximumBlockBytes)
    }

    private mutating func word() throws(RecordFault) -> UInt64 { UInt64(try bits(byteCount: 8)) }

    private mutating func choice<Choice: RawRepresentable<String>>(
        _ what: StaticString
    ) throws(RecordFault) -> Choice {
        guard let choice = Choice(rawValue: try text()) else { throw RecordFault("\(what) is unknown") }
        return choice
    }

    private mutating func subnet() throws(RecordFault) -> Subnet {
        guard let form = Subnet.Form(rawValue: try byte()),
            let subnet = Subnet(form, base: try bits(byteCount: 16), prefixLength: try byte())
        else { throw RecordFault("a subnet is none") }
        return subnet
    }
}

extension Duration {
    /// The longest that is believed in a recording, some 136 years.
    static let longestRecorded: Duration = .seconds(UInt32.max)
}

extension Limits {
    /// The limits in the order of the format.
    fileprivate static var recorded: [WritableKeyPath<Limits, Int>] {
        [
            \.peers, \.addressesPerPeer, \.stations, \.claims, \.pendingContacts, \.contactsPerSecond, \.ownAddresses,
            \.departedNodes, \.answers, \.controlMessageBytes,
        ]
    }

    /// The greatest limit that is believed in a recording.
    fileprivate static var mostRecorded: Int { 1 << 30 }
}
