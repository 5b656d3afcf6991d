/// How writing captures failed.
public enum CaptureError: Error, Hashable, CustomStringConvertible {
    /// The folder could not be made, or is none.
    case folder(String, reason: String)
    /// A file could not be opened.
    case open(String, reason: String)
    /// A file could not be written, for example because the disk is full.
    case write(String, reason: String)
    /// Two nodes of one name have devices of two kinds, and so would need two files of one name.
    case mixedDevices(String)

    /// What is wrong, and where.
    public var description: String {
        switch self {
        case .folder(let path, let reason): "the folder '\(path)' for captures cannot be used: \(reason)"
        case .open(let path, let reason): "the capture '\(path)' cannot be opened for writing: \(reason)"
        case .write(let path, let reason): "the capture '\(path)' cannot be written: \(reason)"
        case .mixedDevices(let path): "the capture '\(path)' would mix packets of a TUN and of a TAP device"
        }
    }
}
