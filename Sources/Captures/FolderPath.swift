internal import Glibc

/// Where captures are to be put.
struct FolderPath {
    let path: String

    /// Makes the folder where there is none, with a mode less what the umask takes away. The one that it is in must be there.
    func make(mode: mode_t) throws(CaptureError) {
        if unsafe mkdir(path, mode) == 0 { return }
        let code = errno
        var status = stat()
        guard code == EEXIST, unsafe stat(path, &status) == 0 else {
            throw .folder(path, reason: CaptureFile.text(of: code))
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw .folder(path, reason: CaptureFile.text(of: ENOTDIR))
        }
    }
}
