// The file that makes a world of its own for a lab.
import CLinux
import Glibc

/// The namespaces around a lab: of processes, so that all of them end with the first; of mounts, so that names of networks and
/// hosts are seen by nobody else; and of networks.
package enum Isolation {
    /// Leaves the namespaces of this process, for those that it starts from now on. It must have one thread only.
    package static func leave() throws(LabError) {
        let isRoot = geteuid() == 0
        guard clinux_unshare(isRoot ? 0 : 1) == 0 else {
            let reason = LabError.text(of: errno)
            throw LabError(
                isRoot
                    ? "cannot make namespaces (\(reason)); the lab needs a machine, or a container that may make them"
                    : "cannot make namespaces without root (\(reason)); run as root, or allow user namespaces (sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces)"
            )
        }
    }

    /// Lets this process end with the one that started it, however that ends.
    package static func endWithParent() {
        clinux_end_with_parent(SIGKILL)
    }

    /// Makes the new namespaces fit for a lab: to be called by the first process in them.
    ///
    /// - Parameter folder: where the lab's files are.
    package static func settle(in folder: String) throws(LabError) {
        try check(clinux_mount_private(), "cannot keep mounts to itself")
        // What ip netns makes is in a folder that only this lab sees.
        let names = "/run/netns"
        if unsafe access(names, F_OK) != 0, unsafe mkdir(names, 0o755) != 0 {
            try check(unsafe clinux_mount("tmpfs", "/run"), "cannot mount a folder at /run")
            try check(unsafe mkdir(names, 0o755), "cannot make \(names)")
        }
        try check(unsafe clinux_mount("tmpfs", names), "cannot mount a folder at \(names)")
        try check(unsafe clinux_mount("proc", "/proc"), "cannot mount /proc")
        for (name, text) in [("hosts", ""), ("nsswitch.conf", "hosts: files\npasswd: files\ngroup: files\n")] {
            let path = "\(folder)/\(name)"
            try writeFile(path, text)
            if unsafe access("/etc/\(name)", F_OK) == 0 {
                try check(unsafe clinux_mount_bind(path, "/etc/\(name)"), "cannot replace /etc/\(name) in the lab")
            }
        }
    }

    private static func check(_ result: Int32, _ what: String) throws(LabError) {
        guard result == 0 else { throw LabError(what, code: errno) }
    }
}
