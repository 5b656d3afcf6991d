import CPcap
public import Foundation
public import VPNProtocol

/// A UDP datagram of a capture file.
public struct CapturedDatagram: Sendable {
    /// Microseconds since the first packet of the file.
    public let microseconds: Int
    /// Where it comes from.
    public let source: Endpoint
    /// Where it goes.
    public let destination: Endpoint
    /// What is in it.
    public let payload: [UInt8]
}

/// Why a capture file could not be read.
public struct CaptureFileError: Error {
    /// What is wrong.
    public let text: String
}

/// Reads the UDP datagrams of an Ethernet capture with libpcap.
public func readCaptureFile(_ file: URL) throws -> [CapturedDatagram] {
    var message = [CChar](repeating: 0, count: Int(PCAP_ERRBUF_SIZE))
    guard let handle = unsafe pcap_open_offline(file.path, &message) else {
        throw CaptureFileError(text: "\(file.path) cannot be opened")
    }
    defer { unsafe pcap_close(handle) }
    guard unsafe pcap_datalink(handle) == DLT_EN10MB else { throw CaptureFileError(text: "no Ethernet capture") }
    var result: [CapturedDatagram] = []
    var first: Int?
    while true {
        var header: UnsafeMutablePointer<pcap_pkthdr>?
        var data: UnsafePointer<UInt8>?
        // libpcap owns both until the next call; the bytes are copied before it.
        let status = unsafe pcap_next_ex(handle, &header, &data)
        if status == PCAP_ERROR_BREAK { return result }
        guard status == 1, let header = unsafe header, let data = unsafe data else {
            throw CaptureFileError(text: "\(file.path) is damaged")
        }
        let bytes = unsafe Array(UnsafeBufferPointer(start: data, count: Int(header.pointee.caplen)))
        let time = unsafe Int(header.pointee.ts.tv_sec) * 1_000_000 + Int(header.pointee.ts.tv_usec)
        first = first ?? time
        if let datagram = datagram(of: bytes, microseconds: time - (first ?? time)) { result.append(datagram) }
    }
}

private func datagram(of frame: [UInt8], microseconds: Int) -> CapturedDatagram? {
    func number(_ range: Range<Int>) -> UInt128 { frame[range].reduce(0) { $0 << 8 | UInt128($1) } }
    let source: IPAddress
    let destination: IPAddress
    let udp: Int
    switch number(12..<14) {
    case 0x0800 where frame[23] == 17:
        udp = 14 + Int(frame[14] & 15) * 4
        source = IPAddress(ipv4: UInt32(number(26..<30)))
        destination = IPAddress(ipv4: UInt32(number(30..<34)))
    case 0x86dd where frame[20] == 17:
        udp = 54
        source = IPAddress(bits: number(22..<38))
        destination = IPAddress(bits: number(38..<54))
    default:
        return nil
    }
    let length = Int(number(udp + 4..<udp + 6))
    return CapturedDatagram(
        microseconds: microseconds,
        source: Endpoint(source, port: UInt16(number(udp..<udp + 2))),
        destination: Endpoint(destination, port: UInt16(number(udp + 2..<udp + 4))),
        payload: Array(frame[udp + 8..<udp + length]))
}
