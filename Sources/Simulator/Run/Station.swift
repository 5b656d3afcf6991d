import VPNNode
import VPNProtocol

/// The machine behind a node's device: the addresses that frames to and from it have.
///
/// Each is made of the node's number: `02:00:` and the number, and 10.128.0.0 plus the number. A node that claims subnets
/// has its station in the first of them that frames of its device can go to.
struct Station: Hashable, Sendable {
    /// The kind of the device.
    let deviceType: DeviceType
    /// The Ethernet address, of a TAP device.
    let mac: UInt64
    /// The VLAN that the claim asks for; nil for none.
    let vlan: UInt16?
    /// The address of the machine.
    let address: IPAddress

    /// The station of the node with this number, counted from 0.
    init(number: Int, configuration: NodeConfiguration) {
        deviceType = configuration.deviceType
        let claimed = configuration.subnets.map(\.range).first { range in
            (range.first.family == .ethernet) == (configuration.deviceType == .tap)
        }
        var mac = 0x0200_0000_0000 + UInt64(number) + 1
        var vlan: UInt16?
        var address = IPAddress(ipv4: 0x0a80_0000 + UInt32(truncatingIfNeeded: number) + 1)
        if let (first, length) = claimed {
            switch first.family {
            case .ethernet:
                // The first 16 of 64 bits are the VLAN.
                let claimedMAC = UInt64(truncatingIfNeeded: first.bits >> 64) & 0xffff_ffff_ffff
                mac = length < 64 ? claimedMAC | 1 : claimedMAC
                let number = UInt16(truncatingIfNeeded: first.bits >> 112)
                vlan = number == 0 ? nil : number
            case .ipv4:
                let base = UInt32(truncatingIfNeeded: first.bits >> 96)
                address = IPAddress(ipv4: length < 32 ? base | 1 : base)
            case .ipv6:
                address = IPAddress(bits: length < 128 ? first.bits | 1 : first.bits)
            }
        }
        self.mac = mac
        self.vlan = vlan
        self.address = address
    }

    /// What nodes learn and look up: the source and destination of frames, in a VLAN where one is given.
    func stationAddress(vlan: UInt16?) -> StationAddress {
        switch deviceType {
        case .tap: StationAddress(vlan: vlan ?? self.vlan ?? 0, mac: mac)
        case .tun: StationAddress(address)
        }
    }
}
