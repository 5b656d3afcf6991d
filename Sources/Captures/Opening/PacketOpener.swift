package import VPNProtocol

/// What came of a datagram.
package enum Opening: Hashable, Sendable {
    /// It was opened in place; `plain` is where in it the packet without encryption is.
    case opened(OpenedPacket, plain: Range<Int>)
    /// It was not. The bytes mean nothing any more.
    case refused(Refusal)
}

/// Opens packets of networks whose magic and key are not known for certain.
///
/// A magic becomes known when a packet that has it is opened: with encryption its tag has proved it then, without it what is
/// in the packet makes sense. Packets of known magics are looked at as a node of the network would.
package struct PacketOpener: Sendable {
    /// A key that opened packets of a network, or may.
    struct Key: Sendable {
        let derivation: KeyDerivation?
        let seal: PacketSeal
        var opened: UInt64 = 0
    }

    struct Network: Sendable {
        let magic: Magic
        /// By the number of the method. What opened a packet last comes first.
        var keys: [[Key]]
    }

    /// So many magics are remembered. Packets of others are opened as well, only not as fast.
    static let mostNetworks = 64

    let rules: OpeningRules
    private let passwordKeys: PasswordKeys
    private(set) var networks: [Network] = []

    /// Derives keys, which takes some 60 ms where there is a password.
    package init(_ rules: OpeningRules) throws(KeyError) {
        self.rules = rules
        passwordKeys = try PasswordKeys(rules)
        for magic in rules.magics.isEmpty ? [.standard] : rules.magics { networks.append(network(magic)) }
    }

    private func network(_ magic: Magic) -> Network {
        var keys = passwordKeys.byMethod.map { $0.map { Key(derivation: $0.derivation, seal: $0.seal.with(magic)) } }
        keys[Int(CryptoMethod.none.rawValue)] = [Key(derivation: nil, seal: PacketSeal(unencrypted: magic))]
        return Network(magic: magic, keys: keys)
    }

    /// Whether a datagram, or the beginning of one, is of this protocol as far as its header can tell.
    func recognises(_ payload: Span<UInt8>) -> Bool {
        guard let header = WireHeader(payload) else { return false }
        if networks.contains(where: { $0.magic == header.magic }) { return true }
        // Too much looks like a header without encryption.
        return rules.magics.isEmpty && header.isPlausible && header.method != CryptoMethod.none
    }

    /// Opens a datagram in place.
    ///
    /// - Parameter original: the same bytes, which stay as they are.
    package mutating func open(_ packet: inout MutableSpan<UInt8>, original: Span<UInt8>) -> Opening {
        guard let header = WireHeader(original) else { return .refused(.noHeader) }
        if let index = networks.firstIndex(where: { $0.magic == header.magic }) {
            return Self.open(&packet, original, header, rules, &networks[index])
        }
        guard header.isPlausible else { return .refused(.noHeader) }
        guard rules.magics.isEmpty else { return .refused(.otherMagic) }
        if header.method == CryptoMethod.none, !PlainProof.holds(original, header) { return .refused(.noHeader) }
        var network = network(header.magic)
        let opening = Self.open(&packet, original, header, rules, &network)
        if case .opened = opening, networks.count < Self.mostNetworks { networks.append(network) }
        return opening
    }

    // Without `self`: a copy of it would keep the networks, and each change of one would copy them all.
    private static func open(
        _ packet: inout MutableSpan<UInt8>, _ original: Span<UInt8>, _ header: WireHeader, _ rules: OpeningRules,
        _ network: inout Network
    ) -> Opening {
        guard let method = header.method, rules.method == nil || rules.method == method else {
            return .refused(.foreignMethod)
        }
        guard header.type != nil else { return .refused(.unknownType) }
        guard original.count >= PacketHeader.byteCount + method.headBytes + method.tailBytes else {
            return .refused(.tooShort)
        }
        let number = Int(method.rawValue)
        for place in network.keys[number].indices {
            // What an attempt leaves behind is not what was received.
            if place > 0 { packet.copy(original, to: 0) }
            let result: (opened: OpenedPacket, plain: Range<Int>)
            do throws(OpenError) {
                result = try network.keys[number][place].seal.unseal(&packet)
            } catch {
                continue
            }
            network.keys[number][place].opened += 1
            if place > 0 { network.keys[number].swapAt(0, place) }
            return .opened(result.opened, plain: result.plain)
        }
        guard network.keys[number].isEmpty else { return .refused(.wrongKey) }
        return .refused(rules.password == nil ? .noKey : .unavailableMethod)
    }

    /// The networks that packets were opened of, in words: magic, method, and the dialects whose key it was.
    package var opened: [String] {
        networks.flatMap { network in
            network.keys.enumerated().flatMap { number, keys in
                keys.filter { $0.opened > 0 }.map { key in
                    let method = CryptoMethod(rawValue: UInt8(number)).map(\.description) ?? "unknown"
                    let dialects = Dialect.allCases.filter { $0.keyDerivation == key.derivation }.map(\.rawValue)
                    let words =
                        dialects.isEmpty ? "" : ", key as in the dialects \(dialects.joined(separator: " and "))"
                    return "magic \(network.magic), \(number == 0 ? "not encrypted" : method)\(words)"
                }
            }
        }
    }
}

/// Whether what looks like a packet without encryption, of a network that is not known yet, is one.
enum PlainProof {
    static func holds(_ packet: Span<UInt8>, _ header: WireHeader) -> Bool {
        let message = packet.extracting(PacketHeader.byteCount..<packet.count)
        switch header.type {
        case .data: return InnerFrame.deviceType(of: message) != nil
        case .peers:
            guard let list = try? PeerListMessage(message), list.trailing.isEmpty else { return false }
            let entries = list.ipv4 + list.ipv6
            return !entries.isEmpty && entries.allSatisfy { $0.isUsable }
        case .initial:
            // What follows the subnets is nothing, or a timeout.
            guard let initial = try? InitMessage(message) else { return false }
            return initial.trailing.isEmpty || initial.trailing.count == 2
        // There is nothing in it.
        case .close, nil: return false
        }
    }
}
