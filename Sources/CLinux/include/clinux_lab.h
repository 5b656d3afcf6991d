#pragma once
// What the lab needs of Linux besides: namespaces, processes in them, and sockets that see whole packets. Thin
// wrappers, no logic: as the calls they wrap, they return -1 and set errno unless said otherwise. What is to happen in
// a network namespace happens in a thread of its own, so that the caller stays where it is.

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// unshare of the mount, network and process namespaces: of the caller, and for processes that it starts. With
/// `with_user` other than 0 a user namespace comes first, in which the caller is root.
int clinux_unshare(int with_user);
/// prctl with PR_SET_PDEATHSIG: the signal that comes when the process that started this one ends.
int clinux_end_with_parent(int signal);
/// mount: makes nothing that is mounted here visible elsewhere.
int clinux_mount_private(void);
/// mount of the file system `type` at `path`.
int clinux_mount(const char *type, const char *path);
/// mount with MS_BIND: `path` shows what `source` is.
int clinux_mount_bind(const char *source, const char *path);

/// posix_spawn in the network namespace of that name, or in the caller's where it is NULL: with `output` as standard
/// output and standard error, no input, no signal blocked or ignored. Returns the process, or -1.
pid_t clinux_spawn(
    const char *network, const char *path, char *const *arguments, char *const *environment, int output);
/// Writes a text to a file as seen in a network namespace: a value of the kernel (sysctl).
int clinux_write_in(const char *network, const char *path, const char *text);
/// A socket for whole packets of a device (packet(7)), which does not wait. ENODEV where there is no such device.
int clinux_packet_socket(const char *network, const char *device);
/// Deletes all entries of the connection tracking of a namespace (ctnetlink).
int clinux_forget_connections(const char *network);

/// What is known of a received packet besides its bytes.
struct clinux_packet {
    /// Other than 0 where this machine sends it out.
    int is_outgoing;
    /// The VLAN tag that the kernel took out of it; -1 for none.
    int tag;
    /// When, in nanoseconds of CLOCK_REALTIME; 0 where that is not known.
    uint64_t time;
};

/// The packets that found no room in a socket since the last call (PACKET_STATISTICS), or -1.
int clinux_packet_missed(int socket);
/// recvmsg with MSG_DONTWAIT. Returns the length.
ssize_t clinux_packet_receive(int socket, uint8_t *bytes, size_t capacity, struct clinux_packet *packet);
/// sendto a device, the packet's kind being that of an IPv4 or IPv6 packet where the device has no link layer.
ssize_t clinux_packet_send(int socket, const uint8_t *bytes, size_t byte_count, int has_link_layer);
