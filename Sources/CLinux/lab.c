#include "clinux_lab.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int write_text(const char *path, const char *text) {
    int descriptor = open(path, O_WRONLY | O_CLOEXEC);
    if (descriptor < 0) return -1;
    ssize_t count = write(descriptor, text, strlen(text));
    int error = errno;
    close(descriptor);
    errno = error;
    return count < 0 ? -1 : 0;
}

int clinux_unshare(int with_user) {
    int flags = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID;
    uid_t user = getuid();
    gid_t group = getgid();
    if (unshare(with_user ? flags | CLONE_NEWUSER : flags) < 0) return -1;
    if (!with_user) return 0;
    char map[32];
    // user_namespaces(7): groups can be mapped once nobody can change them.
    if (write_text("/proc/self/setgroups", "deny") < 0 && errno != ENOENT) return -1;
    snprintf(map, sizeof map, "0 %u 1", (unsigned)user);
    if (write_text("/proc/self/uid_map", map) < 0) return -1;
    snprintf(map, sizeof map, "0 %u 1", (unsigned)group);
    return write_text("/proc/self/gid_map", map);
}

int clinux_end_with_parent(int signal) { return prctl(PR_SET_PDEATHSIG, signal); }

int clinux_mount_private(void) { return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL); }

int clinux_mount(const char *type, const char *path) { return mount(type, path, type, MS_NOSUID, NULL); }

int clinux_mount_bind(const char *source, const char *path) { return mount(source, path, NULL, MS_BIND, NULL); }

// What a thread is to do in a namespace: a call with its argument, and what came of it.
struct errand {
    const char *network;
    int (*call)(void *);
    void *argument;
    int result;
    int error;
};

static void *run_errand(void *argument) {
    struct errand *errand = argument;
    char path[256];
    errand->result = -1;
    snprintf(path, sizeof path, "/run/netns/%s", errand->network);
    int namespace = open(path, O_RDONLY | O_CLOEXEC);
    if (namespace >= 0 && setns(namespace, CLONE_NEWNET) == 0) errand->result = errand->call(errand->argument);
    errand->error = errno;
    if (namespace >= 0) close(namespace);
    return NULL;
}

static int call_in(const char *network, int (*call)(void *), void *argument) {
    if (!network) return call(argument);
    struct errand errand = {.network = network, .call = call, .argument = argument};
    pthread_t thread;
    int error = pthread_create(&thread, NULL, run_errand, &errand);
    if (error != 0) {
        errno = error;
        return -1;
    }
    pthread_join(thread, NULL);
    errno = errand.error;
    return errand.result;
}

struct program {
    const char *path;
    char *const *arguments;
    char *const *environment;
    int output;
};

static int spawn(void *argument) {
    struct program *program = argument;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    pid_t process = -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, program->output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, program->output, STDERR_FILENO);
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int error =
        posix_spawnp(&process, program->path, &actions, &attributes, program->arguments, program->environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    errno = error;
    return error == 0 ? process : -1;
}

pid_t clinux_spawn(
    const char *network, const char *path, char *const *arguments, char *const *environment, int output) {
    struct program program = {.path = path, .arguments = arguments, .environment = environment, .output = output};
    return call_in(network, spawn, &program);
}

struct value {
    const char *path;
    const char *text;
};

static int write_value(void *argument) {
    struct value *value = argument;
    return write_text(value->path, value->text);
}

int clinux_write_in(const char *network, const char *path, const char *text) {
    struct value value = {.path = path, .text = text};
    return call_in(network, write_value, &value);
}

static int open_packet_socket(void *argument) {
    const char *device = argument;
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    int on = 1, room = 1 << 22;
    address.sll_ifindex = (int)if_nametoindex(device);
    if (address.sll_ifindex == 0) return -1;
    // Without a protocol it hears nothing before it is bound.
    int descriptor = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) return -1;
    setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    if (setsockopt(descriptor, SOL_PACKET, PACKET_AUXDATA, &on, sizeof on) == 0 &&
        setsockopt(descriptor, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) == 0 &&
        bind(descriptor, (struct sockaddr *)&address, sizeof address) == 0)
        return descriptor;
    int error = errno;
    close(descriptor);
    errno = error;
    return -1;
}

int clinux_packet_socket(const char *network, const char *device) {
    return call_in(network, open_packet_socket, (void *)device);
}

static int forget_connections(void *unused) {
    (void)unused;
    struct {
        struct nlmsghdr head;
        struct nfgenmsg body;
    } request = {
        .head = {
            .nlmsg_len = sizeof request,
            .nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE,
            .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
        },
        .body = {.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0},
    };
    char answer[512] __attribute__((aligned(NLMSG_ALIGNTO)));
    int descriptor = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    if (descriptor < 0) return -1;
    int result = -1, error = EPROTO;
    if (send(descriptor, &request, sizeof request, 0) < 0) {
        error = errno;
    } else {
        ssize_t count = recv(descriptor, answer, sizeof answer, 0);
        struct nlmsghdr *head = (struct nlmsghdr *)answer;
        if (count < 0) {
            error = errno;
        } else if (NLMSG_OK(head, (size_t)count) && head->nlmsg_type == NLMSG_ERROR) {
            error = -((struct nlmsgerr *)NLMSG_DATA(head))->error;
            result = error == 0 ? 0 : -1;
        }
    }
    close(descriptor);
    errno = error;
    return result;
}

int clinux_forget_connections(const char *network) { return call_in(network, forget_connections, NULL); }

int clinux_packet_missed(int socket) {
    struct tpacket_stats statistics = {0};
    socklen_t length = sizeof statistics;
    if (getsockopt(socket, SOL_PACKET, PACKET_STATISTICS, &statistics, &length) < 0) return -1;
    return (int)statistics.tp_drops;
}

ssize_t clinux_packet_receive(int socket, uint8_t *bytes, size_t capacity, struct clinux_packet *packet) {
    struct sockaddr_ll source = {0};
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(struct tpacket_auxdata)) + CMSG_SPACE(sizeof(struct timespec))];
    } control;
    struct iovec part = {.iov_base = bytes, .iov_len = capacity};
    struct msghdr message = {
        .msg_name = &source, .msg_namelen = sizeof source, .msg_iov = &part, .msg_iovlen = 1,
        .msg_control = &control, .msg_controllen = sizeof control,
    };
    ssize_t count = recvmsg(socket, &message, MSG_DONTWAIT);
    if (count < 0) return -1;
    packet->is_outgoing = source.sll_pkttype == PACKET_OUTGOING;
    packet->tag = -1;
    packet->time = 0;
    for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); head; head = CMSG_NXTHDR(&message, head)) {
        if (head->cmsg_level == SOL_PACKET && head->cmsg_type == PACKET_AUXDATA) {
            struct tpacket_auxdata data;
            memcpy(&data, CMSG_DATA(head), sizeof data);
            if (data.tp_status & TP_STATUS_VLAN_VALID) packet->tag = data.tp_vlan_tci;
        } else if (head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec time;
            memcpy(&time, CMSG_DATA(head), sizeof time);
            packet->time = (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
        }
    }
    return count;
}

ssize_t clinux_packet_send(int socket, const uint8_t *bytes, size_t byte_count, int has_link_layer) {
    struct sockaddr_ll bound = {0};
    socklen_t length = sizeof bound;
    if (has_link_layer) return send(socket, bytes, byte_count, MSG_DONTWAIT);
    if (getsockname(socket, (struct sockaddr *)&bound, &length) < 0) return -1;
    struct sockaddr_ll target = {
        .sll_family = AF_PACKET, .sll_ifindex = bound.sll_ifindex,
        .sll_protocol = htons(byte_count > 0 && bytes[0] >> 4 == 6 ? ETH_P_IPV6 : ETH_P_IP),
    };
    return sendto(socket, bytes, byte_count, MSG_DONTWAIT, (struct sockaddr *)&target, sizeof target);
}
