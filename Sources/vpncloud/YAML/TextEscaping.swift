extension Unicode.Scalar {
    /// The character, or an escape sequence where it would not show or would break a line.
    func escaped(asASCII: Bool) -> String {
        switch value {
        case 0x20..<0x7f: String(self)
        case 0xa0... where !asASCII && properties.generalCategory != .format && value != 0x2028 && value != 0x2029:
            String(self)
        default: "\\u{\(String(value, radix: 16))}"
        }
    }
}
