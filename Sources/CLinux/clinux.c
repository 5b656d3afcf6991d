#include "clinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <signal.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

_Static_assert(CLINUX_NAME_BYTES == IFNAMSIZ, "the length of device names");
_Static_assert(CLINUX_SEGMENT_SIZE_BYTES == CMSG_SPACE(sizeof(int)), "room for the size of segments");
_Static_assert(sizeof(struct clinux_message) == sizeof(struct mmsghdr), "the layout of mmsghdr");
_Static_assert(
    __builtin_offsetof(struct clinux_message, byte_count) == __builtin_offsetof(struct mmsghdr, msg_len),
    "the layout of mmsghdr");

int clinux_tunnel_attach(int descriptor, char *name, int is_tap, int with_header) {
    struct ifreq request = {0};
    memcpy(request.ifr_name, name, IFNAMSIZ);
    request.ifr_flags = (is_tap ? IFF_TAP : IFF_TUN) | IFF_NO_PI | (with_header ? IFF_VNET_HDR : 0);
    int result = ioctl(descriptor, TUNSETIFF, &request);
    memcpy(name, request.ifr_name, IFNAMSIZ);
    return result;
}

int clinux_tunnel_set_header_bytes(int descriptor, int byte_count) {
    return ioctl(descriptor, TUNSETVNETHDRSZ, &byte_count);
}

int clinux_tunnel_set_offload(int descriptor, unsigned int flags) {
    return ioctl(descriptor, TUNSETOFFLOAD, (unsigned long)flags);
}

int clinux_receive(int socket, struct clinux_message *messages, unsigned int count) {
    return recvmmsg(socket, (struct mmsghdr *)messages, count, MSG_DONTWAIT, NULL);
}

int clinux_send(int socket, struct clinux_message *messages, unsigned int count) {
    return sendmmsg(socket, (struct mmsghdr *)messages, count, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void clinux_write_segment_size(struct msghdr *message, void *control, uint16_t segment_bytes) {
    message->msg_control = control;
    message->msg_controllen = CMSG_SPACE(sizeof segment_bytes);
    struct cmsghdr *entry = CMSG_FIRSTHDR(message);
    entry->cmsg_level = SOL_UDP;
    entry->cmsg_type = CLINUX_UDP_SEGMENT;
    entry->cmsg_len = CMSG_LEN(sizeof segment_bytes);
    memcpy(CMSG_DATA(entry), &segment_bytes, sizeof segment_bytes);
}

int clinux_read_segment_size(struct msghdr *message) {
    for (struct cmsghdr *entry = CMSG_FIRSTHDR(message); entry; entry = CMSG_NXTHDR(message, entry)) {
        if (entry->cmsg_level != SOL_UDP || entry->cmsg_type != CLINUX_UDP_GRO) continue;
        int segment_bytes = 0;
        memcpy(&segment_bytes, CMSG_DATA(entry), sizeof segment_bytes);
        return segment_bytes;
    }
    return 0;
}

int clinux_open(const char *path, int flags, unsigned int mode) { return open(path, flags | O_CLOEXEC, mode); }

int clinux_reserve(int descriptor, long long start, long long byte_count) {
    return fallocate(descriptor, FALLOC_FL_KEEP_SIZE, start, byte_count);
}

// The number is the same on all architectures; glibc has a function only since 2.34, and headers vary.
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

int clinux_close_others(int at_exec) {
    return (int)syscall(SYS_close_range, 3U, ~0U, at_exec ? CLOSE_RANGE_CLOEXEC : 0U);
}

int clinux_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

pid_t clinux_fork(void) { return fork(); }

int clinux_exit_status(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : -1; }

int clinux_end_signal(int status) { return WIFSIGNALED(status) ? WTERMSIG(status) : -1; }

char **clinux_environment(void) { return environ; }

const char *clinux_error_text(int code, char *buffer, size_t byte_count) { return strerror_r(code, buffer, byte_count); }

int clinux_is_ignored(int signal) {
    struct sigaction action;
    int result = sigaction(signal, NULL, &action);
    return result < 0 ? result : action.sa_handler == SIG_IGN;
}

int clinux_ignore(int number) { return signal(number, SIG_IGN) == SIG_ERR ? -1 : 0; }

int clinux_set_user(uid_t user) { return setresuid(user, user, user); }

int clinux_set_group(gid_t group) { return setresgid(group, group, group); }

// The calls return the number before, not whether they worked, and change nothing for -1.
int clinux_set_file_user(uid_t user) {
    setfsuid(user);
    if ((uid_t)setfsuid((uid_t)-1) == user) return 0;
    errno = EPERM;
    return -1;
}

int clinux_set_file_group(gid_t group) {
    setfsgid(group);
    if ((gid_t)setfsgid((gid_t)-1) == group) return 0;
    errno = EPERM;
    return -1;
}

int clinux_get_users(uid_t users[3]) { return getresuid(&users[0], &users[1], &users[2]); }

int clinux_get_groups(gid_t groups[3]) { return getresgid(&groups[0], &groups[1], &groups[2]); }

int clinux_has_capabilities(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {0};
    int result = (int)syscall(SYS_capget, &header, sets);
    if (result < 0) return result;
    return (sets[0].effective | sets[0].permitted | sets[0].inheritable | sets[1].effective | sets[1].permitted |
            sets[1].inheritable) != 0;
}

int clinux_clear_capabilities(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {0};
    return (int)syscall(SYS_capset, &header, sets);
}
