/// How writing or reading captures failed.
public enum CaptureError: Error, Hashable, CustomStringConvertible {
    /// The folder could not be made, or is none.
    case folder(String, reason: String)
    /// A file could not be opened.
    case open(String, reason: String)
    /// A file could not be written, for example because the disk is full.
    case write(String, reason: String)
    /// A filter expression that libpcap does not take.
    case filter(String, reason: String)
    /// A file could not be moved out of the way, or removed.
    case move(String, reason: String)
    /// Another node writes to the folder.
    case inUse(String)
    /// Two nodes of one name have devices of two kinds, and so would need two files of one name.
    case mixedDevices(String)
    /// A file cannot be read, or is no capture. The name is in quotes where it is that of a file.
    case unreadable(String, reason: String)

    /// What is wrong, and where.
    public var description: String {
        switch self {
        case .folder(let path, let reason): "the folder '\(path)' for captures cannot be used: \(reason)"
        case .open(let path, let reason): "the capture '\(path)' cannot be opened for writing: \(reason)"
        case .write(let path, let reason): "the capture '\(path)' cannot be written: \(reason)"
        case .filter(let expression, let reason): "the capture filter '\(expression)' is not right: \(reason)"
        case .move(let path, let reason): "the capture '\(path)' cannot be moved or removed: \(reason)"
        case .inUse(let path): "the folder '\(path)' for captures is used by another node; name another one"
        case .mixedDevices(let path): "the capture '\(path)' would mix packets of a TUN and of a TAP device"
        case .unreadable(let name, let reason): "cannot read \(name): \(reason)"
        }
    }
}
