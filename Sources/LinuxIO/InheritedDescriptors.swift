import CLinux
import Glibc

/// The descriptors that whoever started the program has left open.
public enum InheritedDescriptors {
    /// Opens `/dev/null` as standard input, output or error where that is closed. Otherwise a device or a socket would
    /// take the number, and get what is meant for the terminal. To be called before anything is opened.
    public static func fillStandardStreams() {
        while true {
            // Without O_CLOEXEC, since commands inherit the standard streams.
            let number = unsafe open("/dev/null", O_RDWR)
            if number > STDERR_FILENO { close(number) }
            if number < 0 || number > STDERR_FILENO { return }
        }
    }

    /// Keeps all but the standard streams from commands. A kernel before Linux 5.11 does not know how, and they get them.
    public static func keepFromCommands() { _ = clinux_close_others(1) }

    /// Closes all but the standard streams. To be called before anything is opened that has to stay; a kernel before
    /// Linux 5.9 does not know how, and they stay open.
    public static func closeAll() { _ = clinux_close_others(0) }
}
