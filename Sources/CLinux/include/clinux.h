#pragma once
// What Swift cannot import from the headers of Linux and glibc: macros with casts, variadic functions, functions
// that need _GNU_SOURCE, and those that Swift hides. Thin wrappers, no logic: as the calls they wrap, they return
// -1 and set errno unless said otherwise.

#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/types.h>

// TUN/TAP (linux/if_tun.h)

/// The bytes of a device name, its final zero included (IFNAMSIZ).
#define CLINUX_NAME_BYTES 16

/// TUNSETIFF without packet information: makes a device of the descriptor, TAP or TUN, with a struct virtio_net_hdr
/// before each frame (IFF_VNET_HDR) or without. The name is replaced by the one that the kernel chose.
int clinux_tunnel_attach(int descriptor, char *name, int is_tap, int with_header);
/// TUNSETVNETHDRSZ: how long that header is.
int clinux_tunnel_set_header_bytes(int descriptor, int byte_count);

// What TUNSETOFFLOAD can leave to the reader. The numbers of the last two are newer (Linux 6.2) than some headers.
#define CLINUX_TUN_CHECKSUM 0x01u
#define CLINUX_TUN_TCP4 0x02u
#define CLINUX_TUN_TCP6 0x04u
#define CLINUX_TUN_UDP4 0x20u
#define CLINUX_TUN_UDP6 0x40u

/// TUNSETOFFLOAD: replaces what is left to the reader.
int clinux_tunnel_set_offload(int descriptor, unsigned int flags);

// Batches of datagrams (sys/socket.h with _GNU_SOURCE)

/// The kernel's struct mmsghdr.
struct clinux_message {
    struct msghdr header;
    unsigned int byte_count;
};

/// recvmmsg with MSG_DONTWAIT.
int clinux_receive(int socket, struct clinux_message *messages, unsigned int count);
/// sendmmsg with MSG_DONTWAIT and MSG_NOSIGNAL.
int clinux_send(int socket, struct clinux_message *messages, unsigned int count);

// Runs of datagrams (linux/udp.h; udp(7) has no word of them)

/// SOL_UDP: a message is cut into datagrams of this size.
#define CLINUX_UDP_SEGMENT 103
/// SOL_UDP: datagrams of one source and size may come as one message.
#define CLINUX_UDP_GRO 104
/// CMSG_SPACE of an int: room for the control message that says the size.
#define CLINUX_SEGMENT_SIZE_BYTES 24

/// Makes `control`, which has CLINUX_SEGMENT_SIZE_BYTES and is aligned like a size_t, the control message of `message`
/// that has it cut into datagrams of that size.
void clinux_write_segment_size(struct msghdr *message, void *control, uint16_t segment_bytes);
/// The size of the datagrams in a received message, or 0 where the kernel named none.
int clinux_read_segment_size(struct msghdr *message);

// Files and processes

/// open with O_CLOEXEC added to the flags.
int clinux_open(const char *path, int flags, unsigned int mode);
/// fallocate that leaves the length of the file as it is: room on the disk for bytes that are written later.
int clinux_reserve(int descriptor, long long start, long long byte_count);
/// close_range of all descriptors from 3 on: closes them, or with `at_exec` other than 0 lets the next exec do so.
int clinux_close_others(int at_exec);
/// pipe2 with O_CLOEXEC.
int clinux_pipe(int ends[2]);
pid_t clinux_fork(void);
/// WIFEXITED and WEXITSTATUS: the status, or -1 where the process did not exit by itself. Sets no errno.
int clinux_exit_status(int status);
/// WIFSIGNALED and WTERMSIG: the signal, or -1 where no signal ended the process. Sets no errno.
int clinux_end_signal(int status);
/// The environment of the process.
char **clinux_environment(void);
/// strerror_r: the system's words for an error code. Always returns the buffer or a constant.
const char *clinux_error_text(int code, char *buffer, size_t byte_count);
/// sigaction: whether a signal is ignored; 1 or 0.
int clinux_is_ignored(int signal);
/// signal with SIG_IGN.
int clinux_ignore(int signal);

// Rights (setresuid and setresgid need _GNU_SOURCE, capget and capset have no wrapper in glibc)

int clinux_set_user(uid_t user);
int clinux_set_group(gid_t group);
/// setfsuid and setfsgid: the user and group of the calling thread for files; 0, or -1 where they are not taken.
int clinux_set_file_user(uid_t user);
int clinux_set_file_group(gid_t group);
/// getresuid: real, effective and saved user.
int clinux_get_users(uid_t users[3]);
/// getresgid: real, effective and saved group.
int clinux_get_groups(gid_t groups[3]);
/// capget: whether the calling thread has any capability in any of its three sets; 1 or 0.
int clinux_has_capabilities(void);
/// capset: gives up every capability.
int clinux_clear_capabilities(void);
