import VPNProtocol

/// Which addresses networks have, in the order in which they ask.
///
/// Each network takes one block of 254 addresses after another out of the ranges of its kind, so that small networks
/// have addresses that read well, and large ones enough of them. No address is given out twice.
struct AddressPlan: Sendable {
    /// What kind of addresses a network has.
    enum Kind: Int, Sendable, CaseIterable {
        /// As on the internet: the documentation ranges (RFC 5737), then the one for benchmarks (RFC 2544).
        case global
        /// Between a provider's NAT and its customers' (RFC 6598).
        case carrier
        /// Behind a NAT (RFC 1918).
        case home

        /// The first address and the number of the blocks of each range.
        var ranges: [(base: UInt32, blocks: Int)] {
            switch self {
            case .global: [(0xcb00_7100, 1), (0xc633_6400, 1), (0xc000_0200, 1), (0xc612_0000, 512)]
            case .carrier: [(0x6440_0000, 16_384)]
            case .home: [(0xc0a8_0000, 256), (0xac10_0000, 4096), (0x0a00_0000, 65_536)]
            }
        }
    }

    private var blocksInUse = [Int](repeating: 0, count: Kind.allCases.count)

    /// The next block of a kind; nil where there is no more.
    mutating func takeBlock(_ kind: Kind) -> UInt32? {
        var index = blocksInUse[kind.rawValue]
        for range in kind.ranges {
            if index < range.blocks {
                blocksInUse[kind.rawValue] += 1
                return range.base + UInt32(index) << 8
            }
            index -= range.blocks
        }
        return nil
    }
}

/// The addresses of one network.
struct NetworkAddresses: Sendable {
    let kind: AddressPlan.Kind
    /// The number of the network, which makes its IPv6 addresses.
    let number: Int
    private var block: UInt32?
    private var host: UInt32 = 0
    private var host6: UInt64 = 0

    init(_ kind: AddressPlan.Kind, number: Int) {
        self.kind = kind
        self.number = number
    }

    mutating func nextIPv4(from plan: inout AddressPlan) -> IPAddress? {
        if block == nil || host == 254 {
            guard let next = plan.takeBlock(kind) else { return nil }
            block = next
            host = 0
        }
        host += 1
        return block.map { IPAddress(ipv4: $0 + host) }
    }

    /// Out of the documentation range (RFC 3849).
    mutating func nextIPv6() -> IPAddress {
        host6 += 1
        return IPAddress(bits: 0x2001_0db8 << 96 | UInt128(number) << 64 | UInt128(host6))
    }
}
