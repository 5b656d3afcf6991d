#ifndef NAMESPACES_H
#define NAMESPACES_H

#include <stddef.h>
#include <stdint.h>

/// Opens a packet socket on an interface of a network namespace, for whole Ethernet frames (or IP packets, on TUN).
/// The caller stays in its own namespace. Returns the descriptor, or the negative error number.
int packet_socket_in_namespace(const char *namespace_path, const char *interface_name);

/// Opens a UDP socket in a network namespace, for IPv4 or IPv6, not bound. Returns the descriptor, or the negative
/// error number.
int datagram_socket_in_namespace(const char *namespace_path, int is_ipv6);

/// Opens a socket for UDP, or for TCP where `is_stream` is not 0, in a network namespace, that does not wait, and binds
/// it to an address in numbers. Returns the descriptor, or the negative error number.
int bound_socket_in_namespace(const char *namespace_path, int is_stream, const char *address, uint16_t port);

/// Connects a socket to an address in numbers, or begins to. Returns 0, or the negative error number.
int socket_connect(int descriptor, const char *address, uint16_t port);

/// Takes a connection that waits at a listening socket, for a socket that does not wait either. Returns its descriptor,
/// or the negative error number.
int socket_accept(int descriptor);

/// Receives one frame that came in (not one that went out) through a packet socket, without waiting.
/// A VLAN tag that the kernel took out of the frame stands in `*tag` (0 to 65535), else -1.
/// Returns its length, 0 where nothing waits, or the negative error number.
ptrdiff_t packet_receive(int descriptor, uint8_t *bytes, size_t capacity, int *tag);

/// Sends a whole frame. Returns its length, or the negative error number.
ptrdiff_t packet_send(int descriptor, const uint8_t *bytes, size_t count);

#endif
