import VPNProtocol

/// The environment variable that holds the shared key where no option gives it.
let sharedKeyVariable = "VPNCLOUD_SHARED_KEY"

extension KeySource {
    /// The key that the variable holds; nil where it is not set.
    init?(variableIn surroundings: RunPlan.Surroundings) throws(Failure) {
        guard let text = surroundings.keyVariable else { return nil }
        guard !text.isEmpty else {
            throw .usage("the variable \(sharedKeyVariable) is empty; put the key into it, or unset it")
        }
        self = .text(text)
    }

    /// The key itself, read where a file holds it.
    func password(in surroundings: RunPlan.Surroundings) throws(Failure) -> String {
        switch self {
        case .text(let text): return text
        case .file(let path):
            let bytes: [UInt8]
            do {
                bytes = try surroundings.readKeyFile(path)
            } catch {
                throw .usage("cannot read the key file '\(path)': \(error)")
            }
            do {
                return try KeyFile(bytes).key
            } catch {
                throw .usage("the key file '\(path)' is not right: \(error)")
            }
        }
    }
}

extension Dialect {
    /// What is wrong with the text of a key in this dialect; nil where nothing is. Costs next to nothing.
    func keyFault(_ text: String) -> String? {
        // Only the form of a raw key can be wrong, and a raw key is not derived.
        guard keyDerivation == .pbkdf2, text.hasPrefix("hex:") else { return nil }
        do {
            _ = try keyDerivation.key(from: text)
            return nil
        } catch {
            return error.description
        }
    }
}

/// The content of a key file, and what can be said against it.
struct KeyFile: Hashable, Sendable {
    /// The longest key that makes sense, in bytes.
    static let maximumBytes = 4096

    let key: String

    /// Reads a key from the bytes of a file: one line, whose end does not belong to the key.
    init(_ bytes: [UInt8]) throws(ValueError) {
        guard bytes.count <= Self.maximumBytes else {
            throw .faulty("it has \(bytes.count) bytes; a key has at most \(Self.maximumBytes)")
        }
        var line = bytes[...]
        if line.last == UInt8(ascii: "\n") { line.removeLast() }
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        guard !line.isEmpty else { throw .faulty("it is empty; write the key into it") }
        guard !line.contains(UInt8(ascii: "\n")), !line.contains(0) else {
            throw .faulty("it has more than one line; leave only the key in it")
        }
        guard let text = String(validating: line, as: UTF8.self) else {
            throw .faulty(
                "it is no UTF-8 text; a key of raw bytes is written as 'hex:' with 64 digits, in dialects 0.9 and 1")
        }
        key = text
    }
}
