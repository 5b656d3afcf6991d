import VPNNode
import VPNProtocol

/// How the texts of values are read, the same on the command line and in a file.
enum SettingValues {
    static func deviceType(_ text: String) throws(ValueError) -> DeviceType {
        guard let type = DeviceType(rawValue: text.lowercased()) else { throw .expected("'tap' or 'tun'") }
        return type
    }

    static func mode(_ text: String) throws(ValueError) -> ForwardingMode {
        guard let mode = ForwardingMode(rawValue: text.lowercased()) else {
            throw .expected("'normal', 'hub', 'switch' or 'router'")
        }
        return mode
    }

    static func crypto(_ text: String) throws(ValueError) -> CryptoMethod {
        switch text.lowercased() {
        case "aes256": return .aes256
        case "chacha20": return .chacha20
        case "none": throw .faulty("leave out the shared key instead to send unencrypted; else 'aes256' or 'chacha20'")
        default: throw .expected("'aes256' or 'chacha20'")
        }
    }

    static func cryptoProvider(_ text: String) throws(ValueError) -> CryptoProvider {
        guard let provider = CryptoProvider(rawValue: text.lowercased()) else {
            throw .expected("'auto', 'libsodium' or 'ipsec-mb'")
        }
        return provider
    }

    static func dialect(_ text: String) throws(ValueError) -> Dialect {
        guard let dialect = Dialect(rawValue: text) else { throw .expected("'manual', '0.8', '0.9' or '1'") }
        return dialect
    }

    static func port(_ text: String) throws(ValueError) -> UInt16 {
        guard let port = decimal(text, UInt16.self), port > 0 else {
            throw .expected("a port number from 1 to 65535")
        }
        return port
    }

    static func peerTimeout(_ text: String) throws(ValueError) -> UInt16 {
        guard let seconds = decimal(text, UInt16.self), seconds > 0 else {
            throw .expected("a number of seconds from 1 to 65535")
        }
        return seconds
    }

    static func stationTimeout(_ text: String) throws(ValueError) -> UInt32 {
        guard let seconds = decimal(text, UInt32.self), seconds > 0 else {
            throw .expected("a number of seconds from 1 to \(UInt32.max)")
        }
        return seconds
    }

    static func captureSize(_ text: String) throws(ValueError) -> UInt32 {
        guard let megabytes = decimal(text, UInt32.self), (1...1_000_000).contains(megabytes) else {
            throw .expected("a number of megabytes from 1 to 1000000")
        }
        return megabytes
    }

    static func recordLimit(_ text: String) throws(ValueError) -> UInt32 { try captureSize(text) }

    static func captureAge(_ text: String) throws(ValueError) -> UInt32 {
        guard let seconds = decimal(text, UInt32.self), seconds > 0 else {
            throw .expected("a number of seconds from 1 to \(UInt32.max)")
        }
        return seconds
    }

    static func captureFiles(_ text: String) throws(ValueError) -> UInt32 {
        guard let files = decimal(text, UInt32.self), (1...100_000).contains(files) else {
            throw .expected("a number of files from 1 to 100000")
        }
        return files
    }

    static func peer(_ text: String) throws(ValueError) -> PeerName {
        guard let peer = PeerName(text) else {
            throw .expected("an address like host:3210, 192.0.2.1:3210 or [2001:db8::1]:3210")
        }
        return peer
    }

    static func subnet(_ text: String) throws(ValueError) -> Subnet {
        guard !text.isEmpty else {
            throw .expected("a subnet like 10.1.1.0/24, fd00:1::/64 or 02:00:00:00:00:01/48")
        }
        do {
            return try Subnet(parsing: text)
        } catch .missingPrefixLength {
            throw .faulty("the prefix length is missing; write it like 10.1.1.0/24")
        } catch {
            throw .faulty(error.description)
        }
    }

    /// A magic as text; which four bytes it means depends on the dialect.
    static func magic(_ text: String) throws(ValueError) -> String {
        guard text != "hash:" else { throw .faulty("the name after 'hash:' is missing") }
        guard Magic(text, dialect: .manual) != nil else {
            throw .expected("8 hexadecimal digits like 76706e01, or 'hash:' and a name")
        }
        return text
    }

    /// A name that the kernel takes (dev_valid_name in net/core/dev.c), with at most one `%d` for a free number.
    static func deviceName(_ text: String) throws(ValueError) -> String {
        guard (1...15).contains(text.utf8.count) else { throw .expected("a device name of 1 to 15 bytes") }
        let plain = text.utf8.allSatisfy {
            $0 > 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ":")
        }
        guard plain, text != ".", text != ".." else {
            throw .faulty("a device name has no '/', no ':' and no blanks, and is not '.' or '..'")
        }
        let percents = text.utf8.count { $0 == UInt8(ascii: "%") }
        guard percents == 0 || (percents == 1 && hasNumberPlace(text)) else {
            throw .faulty("only one '%d' may stand in a device name, and no other '%'")
        }
        return text
    }

    /// A text that must say something: a path, a command, the name of a user.
    static func nonEmpty(_ text: String, _ what: String) throws(ValueError) -> String {
        guard !text.isEmpty, !text.utf8.contains(0) else { throw .expected(what) }
        return text
    }

    /// A key. Its text never shows in a message.
    static func sharedKey(_ text: String) throws(ValueError) -> String {
        guard !text.isEmpty else { throw .faulty("the key is empty; leave it out to send unencrypted") }
        return text
    }

    private static func hasNumberPlace(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return zip(bytes, bytes.dropFirst()).contains { $0 == UInt8(ascii: "%") && $1 == UInt8(ascii: "d") }
    }

    /// Digits only, and none before the number that could make it octal to another reader.
    private static func decimal<Number: FixedWidthInteger>(_ text: String, _: Number.Type) -> Number? {
        guard text.utf8.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }),
            text == "0" || !text.hasPrefix("0")
        else { return nil }
        return Number(text)
    }
}
