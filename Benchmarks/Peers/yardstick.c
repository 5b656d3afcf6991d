// The yardstick: what a tunnel in user space can reach on this machine.
//
//   yardstick DEVICE LOCAL REMOTE MODE OFFLOAD
//
// A bare loop between a TUN device and a UDP socket, with an AEAD between them and every offload that Linux has:
// segments of 64 KiB from and to the device (virtio_net_hdr), batches of datagrams to and from the socket
// (UDP_SEGMENT, UDP_GRO). No peers, no tables, no protocol, no timers, one key: nothing that a real VPN could leave
// out. It carries IPv4 between the two addresses of a benchmark, and is good for nothing else.
//
// MODE     0 no AEAD, 1 AES-256-GCM of libsodium, 2 of ipsec-mb, 3 ChaCha20-Poly1305 of libsodium, 4 of ipsec-mb
// OFFLOAD  1, or 0 for single packets

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <intel-ipsec-mb.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum { NO_AEAD, SODIUM_AES, IPSEC_MB_AES, SODIUM_CHACHA, IPSEC_MB_CHACHA };

enum {
    PORT = 4000,
    HEADER = 8,          // "vpn" 1, method, three bytes
    NONCE = 12,
    TAG = 16,
    VNET = 10,           // struct virtio_net_hdr, as the device writes it
    READS_PER_TURN = 16, // of one descriptor, before the other has its turn
    MAX_BATCH = 65000,   // bytes in one UDP_SEGMENT send, and in one joined packet
    MAX_SEGMENTS = 64,   // UDP_MAX_SEGMENTS of older kernels
    SOCKET_BUFFER = 7 << 20,
};

// Offsets in an IPv4 header, and in a TCP header.
enum { IPV4_LENGTH = 2, IPV4_ID = 4, IPV4_PROTOCOL = 9, IPV4_CHECKSUM = 10, IPV4_ADDRESSES = 12, IPV4_HEADER = 20 };
enum { TCP_SEQUENCE = 4, TCP_ACK = 8, TCP_DATA_OFFSET = 12, TCP_FLAGS = 13, TCP_CHECKSUM = 16, TCP_HEADER = 20 };
enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

static int device, sock, mode;

static IMB_MGR *manager;
static struct gcm_key_data gcm_key;
static crypto_aead_aes256gcm_state sodium_gcm_key;
static unsigned char key[32] = {1};
static uint64_t counter;

static unsigned char input[70000];
static unsigned char output[140000];

// ---------------------------------------------------------------------------------------------------- AEAD

// Bytes before the plaintext of a packet.
static inline int head_room(void) { return mode == NO_AEAD ? HEADER : HEADER + NONCE; }

// Seals, in place, `length` bytes that start head_room() after `packet`. Returns the length of the whole packet.
static int seal(unsigned char *packet, int length) {
    unsigned char *nonce = packet + HEADER, *text = nonce + NONCE;
    unsigned long long sealed_length;
    memcpy(packet, "vpn\1\2\0\0\0", HEADER);
    if (mode == NO_AEAD) return length + HEADER;

    memset(nonce, 0, NONCE);
    counter++;
    memcpy(nonce, &counter, sizeof counter);
    switch (mode) {
        case SODIUM_AES:
            crypto_aead_aes256gcm_encrypt_afternm(
                text, &sealed_length, text, length, packet, HEADER, 0, nonce, &sodium_gcm_key);
            break;
        case IPSEC_MB_AES: {
            struct gcm_context_data context;
            IMB_AES256_GCM_ENC(
                manager, &gcm_key, &context, text, text, length, nonce, packet, HEADER, text + length, TAG);
            break;
        }
        case SODIUM_CHACHA:
            crypto_aead_chacha20poly1305_ietf_encrypt(
                text, &sealed_length, text, length, packet, HEADER, 0, nonce, key);
            break;
        default: {
            struct chacha20_poly1305_context_data context;
            IMB_CHACHA20_POLY1305_INIT(manager, key, &context, nonce, packet, HEADER);
            IMB_CHACHA20_POLY1305_ENC_UPDATE(manager, key, &context, text, text, length);
            IMB_CHACHA20_POLY1305_ENC_FINALIZE(manager, &context, text + length, TAG);
        }
    }
    return length + HEADER + NONCE + TAG;
}

// Opens a packet of `length` bytes in place. Returns the length of its plaintext, or -1.
static int open_packet(unsigned char *packet, int length) {
    if (mode == NO_AEAD) return length - HEADER;

    unsigned char *nonce = packet + HEADER, *text = nonce + NONCE, tag[TAG];
    int sealed = length - HEADER - NONCE, plain = sealed - TAG;
    unsigned long long plain_length;
    if (plain < 0) return -1;
    switch (mode) {
        case SODIUM_AES:
            return crypto_aead_aes256gcm_decrypt_afternm(
                       text, &plain_length, 0, text, sealed, packet, HEADER, nonce, &sodium_gcm_key)
                       ? -1
                       : plain;
        case SODIUM_CHACHA:
            return crypto_aead_chacha20poly1305_ietf_decrypt(
                       text, &plain_length, 0, text, sealed, packet, HEADER, nonce, key)
                       ? -1
                       : plain;
        case IPSEC_MB_AES: {
            struct gcm_context_data context;
            IMB_AES256_GCM_DEC(manager, &gcm_key, &context, text, text, plain, nonce, packet, HEADER, tag, TAG);
            break;
        }
        default: {
            struct chacha20_poly1305_context_data context;
            IMB_CHACHA20_POLY1305_INIT(manager, key, &context, nonce, packet, HEADER);
            IMB_CHACHA20_POLY1305_DEC_UPDATE(manager, key, &context, text, text, plain);
            IMB_CHACHA20_POLY1305_DEC_FINALIZE(manager, &context, tag, TAG);
        }
    }
    return sodium_memcmp(tag, text + plain, TAG) ? -1 : plain;
}

// ------------------------------------------------------------------------------------------------ checksums

// Adds bytes, as big-endian numbers of 16 bits, to a sum.
static uint32_t add(const unsigned char *bytes, int count, uint32_t sum) {
    while (count > 1) {
        sum += (bytes[0] << 8) | bytes[1];
        bytes += 2;
        count -= 2;
    }
    if (count) sum += bytes[0] << 8;
    return sum;
}

static uint16_t checksum(uint32_t sum) {
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return ~sum;
}

static inline void put16(unsigned char *at, uint16_t number) {
    at[0] = number >> 8;
    at[1] = number;
}

static inline uint16_t get16(const unsigned char *at) { return (at[0] << 8) | at[1]; }

static inline uint32_t get32(const unsigned char *at) {
    uint32_t number;
    memcpy(&number, at, sizeof number);
    return ntohl(number);
}

static inline void put32(unsigned char *at, uint32_t number) {
    number = htonl(number);
    memcpy(at, &number, sizeof number);
}

// The sum over what a TCP checksum covers besides the segment.
static inline uint32_t pseudo_header(const unsigned char *ip, int segment_length) {
    return add(ip + IPV4_ADDRESSES, 8, 0) + IPPROTO_TCP + segment_length;
}

static inline void put_ip_checksum(unsigned char *ip, int header_length) {
    put16(ip + IPV4_CHECKSUM, 0);
    put16(ip + IPV4_CHECKSUM, checksum(add(ip, header_length, 0)));
}

// ------------------------------------------------------------------------------------- from device to socket

// Sends packets of `segment` bytes each, of which the last may be shorter.
static void send_batch(unsigned char *bytes, int length, int segment) {
    struct iovec vector = {bytes, length};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    char control[CMSG_SPACE(sizeof(uint16_t))];
    if (length > segment) {
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_UDP;
        header->cmsg_type = UDP_SEGMENT;
        header->cmsg_len = CMSG_LEN(sizeof(uint16_t));
        *(uint16_t *)CMSG_DATA(header) = segment;
    }
    if (sendmsg(sock, &message, 0) < 0 && errno != EAGAIN && errno != ENOBUFS && errno != ECONNREFUSED)
        perror("sendmsg");
}

static void send_single(unsigned char *ip, int length, const struct virtio_net_hdr *vnet) {
    if (vnet->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
        put16(
            ip + vnet->csum_start + vnet->csum_offset,
            checksum(add(ip + vnet->csum_start, length - vnet->csum_start, 0)));
    memcpy(output + head_room(), ip, length);
    int sealed = seal(output, length);
    send_batch(output, sealed, sealed);
}

// Cuts one large TCP packet into segments with headers of their own.
static void send_segments(unsigned char *ip, int length, int segment_size) {
    int ip_header = (ip[0] & 15) * 4, tcp_header = (ip[ip_header + TCP_DATA_OFFSET] >> 4) * 4;
    int headers = ip_header + tcp_header, room = head_room();
    unsigned char *payload = ip + headers;
    int payload_length = length - headers;
    uint32_t sequence = get32(ip + ip_header + TCP_SEQUENCE);
    uint16_t id = get16(ip + IPV4_ID);
    unsigned char flags = ip[ip_header + TCP_FLAGS];

    int staged = 0, count = 0, batch_segment = 0;
    for (int offset = 0; offset < payload_length; offset += segment_size) {
        int chunk = payload_length - offset < segment_size ? payload_length - offset : segment_size;
        int total = headers + chunk;
        unsigned char *packet = output + staged + room, *tcp = packet + ip_header;
        memcpy(packet, ip, headers);
        memcpy(packet + headers, payload + offset, chunk);
        put16(packet + IPV4_LENGTH, total);
        put16(packet + IPV4_ID, id++);
        put_ip_checksum(packet, ip_header);
        put32(tcp + TCP_SEQUENCE, sequence + offset);
        tcp[TCP_FLAGS] = offset + chunk < payload_length ? flags & ~(FIN | PSH) : flags;
        put16(tcp + TCP_CHECKSUM, 0);
        put16(tcp + TCP_CHECKSUM, checksum(add(tcp, total - ip_header, pseudo_header(packet, total - ip_header))));

        int sealed = seal(output + staged, total);
        if (!batch_segment) batch_segment = sealed;
        staged += sealed;
        count++;
        if (count == MAX_SEGMENTS || staged + batch_segment > MAX_BATCH || sealed < batch_segment) {
            send_batch(output, staged, batch_segment);
            staged = 0;
            count = 0;
        }
    }
    if (staged) send_batch(output, staged, batch_segment);
}

static void from_device(void) {
    for (int turn = 0; turn < READS_PER_TURN; turn++) {
        int length = read(device, input, sizeof input);
        if (length < 0) return;
        struct virtio_net_hdr *vnet = (void *)input;
        if (vnet->gso_type == VIRTIO_NET_HDR_GSO_NONE)
            send_single(input + VNET, length - VNET, vnet);
        else
            send_segments(input + VNET, length - VNET, vnet->gso_size);
    }
}

// ------------------------------------------------------------------------------------- from socket to device

// Consecutive segments of one flow, joined behind the headers of the first.
static struct {
    unsigned char bytes[VNET + 70000];
    int length;  // of the packet, without the virtio header; 0 where there is none
    int segment; // payload of the first segment
    int count;
    uint32_t next_sequence;
} joined;

static void write_joined(void) {
    if (!joined.length) return;
    struct virtio_net_hdr *vnet = (void *)joined.bytes;
    unsigned char *ip = joined.bytes + VNET;
    memset(vnet, 0, VNET);
    if (joined.count > 1) {
        vnet->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        vnet->gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
        vnet->hdr_len = IPV4_HEADER + (ip[IPV4_HEADER + TCP_DATA_OFFSET] >> 4) * 4;
        vnet->gso_size = joined.segment;
        vnet->csum_start = IPV4_HEADER;
        vnet->csum_offset = TCP_CHECKSUM;
        put16(ip + IPV4_LENGTH, joined.length);
        put_ip_checksum(ip, IPV4_HEADER);
        // The kernel completes the checksum, and wants the sum of the pseudo header there.
        put16(ip + IPV4_HEADER + TCP_CHECKSUM, ~checksum(pseudo_header(ip, joined.length - IPV4_HEADER)));
    }
    if (write(device, joined.bytes, joined.length + VNET) < 0) perror("write");
    joined.length = 0;
    joined.count = 0;
}

// Whether a segment continues the joined packet: same flow, next in order, same acknowledgement and options.
static int continues(const unsigned char *ip, int tcp_header, int payload_length) {
    const unsigned char *tcp = ip + IPV4_HEADER, *first_ip = joined.bytes + VNET, *first = first_ip + IPV4_HEADER;
    return joined.length && get32(tcp + TCP_SEQUENCE) == joined.next_sequence && payload_length > 0 &&
           payload_length <= joined.segment && joined.length + payload_length < MAX_BATCH &&
           !memcmp(first_ip + IPV4_ADDRESSES, ip + IPV4_ADDRESSES, 8 + 4) &&
           !memcmp(first + TCP_ACK, tcp + TCP_ACK, 4) &&
           (tcp[TCP_FLAGS] & ACK) && !(tcp[TCP_FLAGS] & (FIN | SYN | RST)) &&
           tcp_header == (first[TCP_DATA_OFFSET] >> 4) * 4 &&
           !memcmp(first + TCP_HEADER, tcp + TCP_HEADER, tcp_header - TCP_HEADER);
}

static void join(unsigned char *ip, int length) {
    unsigned char *tcp = ip + IPV4_HEADER;
    int tcp_header = (tcp[TCP_DATA_OFFSET] >> 4) * 4, headers = IPV4_HEADER + tcp_header;
    int payload_length = length - headers;
    uint32_t sequence = get32(tcp + TCP_SEQUENCE);
    if (continues(ip, tcp_header, payload_length)) {
        memcpy(joined.bytes + VNET + joined.length, ip + headers, payload_length);
        joined.length += payload_length;
        joined.count++;
        joined.next_sequence = sequence + payload_length;
        joined.bytes[VNET + IPV4_HEADER + TCP_FLAGS] |= tcp[TCP_FLAGS];
        if (payload_length < joined.segment || tcp[TCP_FLAGS] & PSH) write_joined();
        return;
    }
    write_joined();
    memcpy(joined.bytes + VNET, ip, length);
    joined.length = length;
    joined.segment = payload_length;
    joined.count = 1;
    joined.next_sequence = sequence + payload_length;
    if (payload_length == 0 || tcp[TCP_FLAGS] & (FIN | SYN | RST | PSH)) write_joined();
}

static void deliver(unsigned char *packet, int packet_length) {
    int length = open_packet(packet, packet_length);
    if (length < IPV4_HEADER) return;
    unsigned char *ip = packet + head_room();
    if (ip[0] == 0x45 && ip[IPV4_PROTOCOL] == IPPROTO_TCP) {
        join(ip, length);
        return;
    }
    write_joined();
    memset(joined.bytes, 0, VNET);
    memcpy(joined.bytes + VNET, ip, length);
    if (write(device, joined.bytes, length + VNET) < 0) perror("write");
}

static void from_socket(void) {
    for (int turn = 0; turn < READS_PER_TURN; turn++) {
        struct iovec vector = {input, sizeof input};
        char control[256];
        struct msghdr message = {
            .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
        int length = recvmsg(sock, &message, 0);
        if (length < 0) break;
        int segment = length;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
            if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) segment = *(int *)CMSG_DATA(c);
        for (int offset = 0; offset < length; offset += segment)
            deliver(input + offset, length - offset < segment ? length - offset : segment);
    }
    write_joined();
}

// ----------------------------------------------------------------------------------------------------- start

static int open_device(const char *name, int offload) {
    int descriptor = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    if (ioctl(descriptor, TUNSETIFF, &request)) {
        perror(name);
        exit(1);
    }
    if (offload && ioctl(descriptor, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)) perror("TUNSETOFFLOAD");
    return descriptor;
}

static int open_socket(const char *local, const char *remote, int offload) {
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), one = 1, size = SOCKET_BUFFER;
    if (offload) setsockopt(descriptor, SOL_UDP, UDP_GRO, &one, sizeof one);
    setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    setsockopt(descriptor, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    inet_aton(local, &address.sin_addr);
    if (bind(descriptor, (void *)&address, sizeof address)) {
        perror(local);
        exit(1);
    }
    inet_aton(remote, &address.sin_addr);
    if (connect(descriptor, (void *)&address, sizeof address)) {
        perror(remote);
        exit(1);
    }
    return descriptor;
}

int main(int count, char **arguments) {
    if (count != 6) {
        fprintf(stderr, "usage: yardstick DEVICE LOCAL REMOTE MODE OFFLOAD\n");
        return 2;
    }
    mode = atoi(arguments[4]);
    int offload = atoi(arguments[5]);
    if (sodium_init() < 0) return 1;
    manager = alloc_mb_mgr(0);
    init_mb_mgr_auto(manager, 0);
    IMB_AES256_GCM_PRE(manager, key, &gcm_key);
    crypto_aead_aes256gcm_beforenm(&sodium_gcm_key, key);

    device = open_device(arguments[1], offload);
    sock = open_socket(arguments[2], arguments[3], offload);
    int poll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    event.data.fd = device;
    epoll_ctl(poll, EPOLL_CTL_ADD, device, &event);
    event.data.fd = sock;
    epoll_ctl(poll, EPOLL_CTL_ADD, sock, &event);
    for (;;) {
        struct epoll_event events[4];
        int ready = epoll_wait(poll, events, 4, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == device)
                from_device();
            else
                from_socket();
        }
    }
}
