#include "namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct request {
    const char *namespace_path;
    const char *interface_name; // NULL for a socket of the internet
    int family;
    int type;
    int result;
};

static int packet_socket(const char *interface_name) {
    int descriptor = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) return -errno;
    int on = 1;
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(ETH_P_ALL),
        .sll_ifindex = (int)if_nametoindex(interface_name),
    };
    if (address.sll_ifindex != 0
        && setsockopt(descriptor, SOL_PACKET, PACKET_AUXDATA, &on, sizeof on) == 0
        && bind(descriptor, (struct sockaddr *)&address, sizeof address) == 0) return descriptor;
    int error = errno;
    close(descriptor);
    return -error;
}

// setns changes the calling thread only, so a thread of its own leaves the caller where it is.
static void *open_in_namespace(void *argument) {
    struct request *request = argument;
    int namespace = open(request->namespace_path, O_RDONLY | O_CLOEXEC);
    if (namespace < 0) {
        request->result = -errno;
        return NULL;
    }
    if (setns(namespace, CLONE_NEWNET) < 0) {
        request->result = -errno;
    } else if (request->interface_name) {
        request->result = packet_socket(request->interface_name);
    } else {
        int descriptor = socket(request->family, request->type | SOCK_CLOEXEC, 0);
        request->result = descriptor < 0 ? -errno : descriptor;
    }
    close(namespace);
    return NULL;
}

static int open_on_thread(struct request *request) {
    pthread_t thread;
    int error = pthread_create(&thread, NULL, open_in_namespace, request);
    if (error != 0) return -error;
    pthread_join(thread, NULL);
    return request->result;
}

int packet_socket_in_namespace(const char *namespace_path, const char *interface_name) {
    struct request request = { .namespace_path = namespace_path, .interface_name = interface_name };
    return open_on_thread(&request);
}

int datagram_socket_in_namespace(const char *namespace_path, int is_ipv6) {
    struct request request = { .namespace_path = namespace_path, .family = is_ipv6 ? AF_INET6 : AF_INET,
        .type = SOCK_DGRAM };
    return open_on_thread(&request);
}

// Calls bind or connect with an address in numbers.
static int with_address(int descriptor, const char *address, uint16_t port,
                        int (*call)(int, const struct sockaddr *, socklen_t)) {
    struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_DGRAM };
    struct addrinfo *found = NULL;
    char service[6];
    snprintf(service, sizeof service, "%u", (unsigned)port);
    if (getaddrinfo(address, service, &hints, &found) != 0) return -EINVAL;
    int error = call(descriptor, found->ai_addr, found->ai_addrlen) == 0 ? 0 : errno;
    freeaddrinfo(found);
    return error == EINPROGRESS ? 0 : -error;
}

int bound_socket_in_namespace(const char *namespace_path, int is_stream, const char *address, uint16_t port) {
    struct request request = { .namespace_path = namespace_path, .family = strchr(address, ':') ? AF_INET6 : AF_INET,
        .type = (is_stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK };
    int descriptor = open_on_thread(&request);
    if (descriptor < 0) return descriptor;
    // A connection that a test had before may still be there for a minute (TIME_WAIT).
    int on = 1;
    if (is_stream) setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    int error = with_address(descriptor, address, port, bind);
    if (error == 0) return descriptor;
    close(descriptor);
    return error;
}

int socket_accept(int descriptor) {
    int accepted = accept(descriptor, NULL, NULL);
    if (accepted < 0) return -errno;
    fcntl(accepted, F_SETFD, FD_CLOEXEC);
    fcntl(accepted, F_SETFL, O_NONBLOCK);
    return accepted;
}

int socket_connect(int descriptor, const char *address, uint16_t port) {
    return with_address(descriptor, address, port, connect);
}

ptrdiff_t packet_receive(int descriptor, uint8_t *bytes, size_t capacity, int *tag) {
    for (;;) {
        struct sockaddr_ll source;
        union {
            struct cmsghdr header;
            char space[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
        } control;
        struct iovec part = { .iov_base = bytes, .iov_len = capacity };
        struct msghdr message = {
            .msg_name = &source, .msg_namelen = sizeof source,
            .msg_iov = &part, .msg_iovlen = 1,
            .msg_control = &control, .msg_controllen = sizeof control,
        };
        ssize_t count = recvmsg(descriptor, &message, MSG_DONTWAIT);
        if (count < 0) return errno == EAGAIN ? 0 : -errno;
        if (source.sll_pkttype == PACKET_OUTGOING) continue;
        *tag = -1;
        for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); head; head = CMSG_NXTHDR(&message, head)) {
            if (head->cmsg_level != SOL_PACKET || head->cmsg_type != PACKET_AUXDATA) continue;
            struct tpacket_auxdata data;
            memcpy(&data, CMSG_DATA(head), sizeof data);
            if (data.tp_status & TP_STATUS_VLAN_VALID) *tag = data.tp_vlan_tci;
        }
        return count;
    }
}

ptrdiff_t packet_send(int descriptor, const uint8_t *bytes, size_t count) {
    ssize_t sent = send(descriptor, bytes, count, 0);
    return sent < 0 ? -errno : sent;
}
