#!/usr/bin/env python3
"""A second, simple implementation of the protocol, for others to be tested against.

It does what the protocol's manual says, one packet at a time, and nothing for speed. See --help.
"""

import argparse
import fcntl
import os
import random
import selectors
import signal
import socket
import struct
import subprocess
import sys
import time

import selftest
import wire

TUNSETIFF, IFF_TUN, IFF_TAP, IFF_NO_PI = 0x400454CA, 1, 2, 0x1000
MOST_PEERS, MOST_ADDRESSES, MOST_STATIONS, MOST_CONTACTS = 1000, 8, 4096, 20
LIST_ADDRESSES = 20


def arguments():
    parser = argparse.ArgumentParser(prog="reference.py", description=__doc__)
    add = parser.add_argument
    add("-t", "--type", choices=["tap", "tun"], default="tap", help="kind of device")
    add("-d", "--device", default="reference%d", help="name of the device")
    add("--device-path", default="/dev/net/tun", help="where devices are made")
    add("-m", "--mode", choices=["normal", "hub", "switch", "router"], default="normal", help="how packets find peers")
    add("-l", "--listen", type=int, default=3210, metavar="PORT", help="UDP port")
    add("-c", "--connect", action="append", default=[], metavar="ADDRESS:PORT", help="a peer to connect to")
    add("-s", "--subnet", "--subnets", action="append", default=[], metavar="SUBNET", help="addresses that are here")
    add("--shared-key", metavar="KEY", help="the password of the network; without one nothing is encrypted")
    add("--crypto", choices=["chacha20", "aes256"], default="chacha20", help="the cipher")
    add("--magic", default=wire.DEFAULT_MAGIC.hex(), help="what packets begin with, 8 hexadecimal digits or hash:NAME")
    add("--compat", choices=wire.DIALECTS, default="manual", help="the dialect")
    add("--peer-timeout", type=int, default=1800, metavar="SECONDS", help="when a silent peer is given up")
    add("--dst-timeout", type=int, default=300, metavar="SECONDS", help="when a silent station is forgotten")
    add("--ifup", metavar="COMMAND", help="sets the device up; its name is in $IFNAME")
    add("--ifdown", metavar="COMMAND", help="takes it down")
    add("--no-port-forwarding", action="store_true", help="accepted, since there is none")
    add("-v", "--verbose", action="store_true", help="print what happens")
    add("--self-test", metavar="FOLDER", help="only check the packets of this program against captures")
    return parser.parse_args()


class Peer:
    """Another node."""

    def __init__(self, node_id, address, subnets, timeout):
        self.node_id, self.addresses, self.subnets, self.timeout = node_id, [address], subnets, timeout
        self.heard = time.monotonic()


class Target:
    """An address from the command line."""

    def __init__(self, text):
        self.host, _, port = text.rpartition(":")
        if not self.host or not port.isdigit():
            raise wire.Malformed(f"'{text}' is no ADDRESS:PORT")
        self.host, self.port = self.host.strip("[]"), int(port)
        self.tries, self.due, self.resolved, self.addresses = 0, 0.0, -1e9, set()

    def resolve(self, now):
        if now - self.resolved >= 300:
            self.resolved = now
            try:
                found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_DGRAM)
                self.addresses = {(entry[4][0], entry[4][1]) for entry in found}
            except OSError as error:
                say(f"cannot resolve {self.host}: {error}")
        return sorted(self.addresses, key=lambda address: ":" in address[0])

    def tried(self, now):
        """Every second ten times, then ten times each at twice the pause, an hour at most."""
        self.due = now + min(3600, 1 << self.tries // 10)
        self.tries += 1


def say(text):
    print(f"reference: {text}", file=sys.stderr, flush=True)


class Node:
    def __init__(self, options):
        self.options = options
        key = wire.derive_key(options.shared_key, options.compat) if options.shared_key else None
        magic = wire.read_magic(options.magic, options.compat)
        self.seal = wire.Seal(magic, options.crypto if key else "none", key, options.compat)
        self.node_id = os.urandom(16).hex()
        self.subnets = options.subnet
        for text in self.subnets:
            wire.encode_subnet(text)
        self.targets = [Target(text) for text in options.connect]
        self.peers, self.stations, self.own_addresses = {}, {}, {}
        self.next_lists = time.monotonic() + self.list_pause()
        is_tap = options.type == "tap"
        self.forwarding = {"normal": "switch" if is_tap else "router"}.get(options.mode, options.mode)
        self.sockets = self.open_sockets()
        self.device, self.device_name = self.open_device()

    # The system

    def open_sockets(self):
        sockets = {}
        for family, any_address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
            try:
                opened = socket.socket(family, socket.SOCK_DGRAM)
                if family == socket.AF_INET6:
                    opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                opened.bind((any_address, self.options.listen))
            except OSError as error:
                if family == socket.AF_INET:
                    raise
                say(f"without IPv6: {error}")
                continue
            opened.setblocking(False)
            sockets[family] = opened
        return sockets

    def open_device(self):
        device = os.open(self.options.device_path, os.O_RDWR | os.O_NONBLOCK)
        flags = (IFF_TAP if self.options.type == "tap" else IFF_TUN) | IFF_NO_PI
        request = struct.pack("16sH22x", self.options.device.encode(), flags)
        name = fcntl.ioctl(device, TUNSETIFF, request)[:16].rstrip(b"\0").decode()
        self.run_hook(self.options.ifup, name)
        return device, name

    def run_hook(self, command, name):
        if command:
            done = subprocess.run(["sh", "-c", command], env={**os.environ, "IFNAME": name}, check=False)
            if done.returncode:
                say(f"'{command}' ended with status {done.returncode}")

    def transmit(self, kind, message, addresses):
        """Seals a message once, and sends the packet to each address."""
        packet = self.seal.seal(kind, message if isinstance(message, bytes) else wire.encode(message))
        for address in addresses:
            family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
            try:
                self.sockets[family].sendto(packet, address)
            except (OSError, KeyError) as error:
                self.note(f"cannot send to {address}: {error}")

    def note(self, text):
        if self.options.verbose:
            say(text)

    # Peers

    def sender(self, address):
        return next((peer for peer in self.peers.values() if address in peer.addresses), None)

    def send_init(self, stage, addresses):
        trailing = struct.pack(">H", self.options.peer_timeout).hex() if self.options.compat == "1" else ""
        self.transmit("init", {"type": "init", "stage": stage, "node_id": self.node_id, "subnets": self.subnets,
                               "trailing": trailing}, addresses)

    def send_list(self, receivers, most=None):
        known = [peer.addresses[0] for peer in self.peers.values()]
        if most is not None and len(known) > most:
            known = random.sample(known, most)
        texts = [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in known]
        self.transmit("peers", {"type": "peers", "addresses": texts[:200]}, receivers)

    def list_pause(self):
        """A list keeps the sender alive at all others: it comes often enough for the shortest timeout."""
        timeouts = [self.options.peer_timeout] + [peer.timeout for peer in self.peers.values() if peer.timeout]
        shortest = min(timeouts)
        return shortest / 2 - 60 if shortest >= 180 else max(0.5, shortest / 6)

    def drop(self, peer, why):
        self.note(f"peer {peer.node_id} is gone: {why}")
        self.peers.pop(peer.node_id, None)
        self.stations = {station: entry for station, entry in self.stations.items() if entry[0] is not peer}

    def received_init(self, message, address):
        if message["node_id"] == self.node_id:
            self.own_addresses[address] = True
            while len(self.own_addresses) > MOST_ADDRESSES * 8:
                self.own_addresses.pop(next(iter(self.own_addresses)))
            return
        timeout = int(message["trailing"][:4], 16) if self.options.compat == "1" and len(message["trailing"]) >= 4 else 0
        peer, old = self.peers.get(message["node_id"]), self.sender(address)
        if old and old is not peer:
            self.drop(old, "started anew")
        if peer is None:
            if len(self.peers) >= MOST_PEERS:
                return
            peer = self.peers[message["node_id"]] = Peer(message["node_id"], address, message["subnets"], timeout)
            self.note(f"peer {peer.node_id} at {address}, subnets {peer.subnets}")
            self.next_lists = min(self.next_lists, time.monotonic() + self.list_pause())
        elif address not in peer.addresses:
            peer.addresses = (peer.addresses + [address])[-MOST_ADDRESSES:]
        peer.heard = time.monotonic()
        if message["stage"] == 0:
            self.send_init(1, [address])
        if message["stage"] == 0 or self.options.compat == "1":
            self.send_list([address])

    def received_list(self, message):
        strangers = []
        for text in message["addresses"]:
            host, _, port = text.rpartition(":")
            host = host.strip("[]")
            if host.startswith("::ffff:"):
                host = socket.inet_ntoa(socket.inet_pton(socket.AF_INET6, host)[-4:])
            if not self.sender((host, int(port))) and (host, int(port)) not in self.own_addresses:
                strangers.append((host, int(port)))
        for address in random.sample(strangers, min(len(strangers), MOST_CONTACTS)):
            self.send_init(0, [address])

    def received(self, packet, address):
        try:
            kind, data, _ = self.seal.open(packet)
            message = wire.decode(kind, data) if kind != "data" else None
        except wire.Malformed as fault:
            return self.note(f"from {address}: {fault}")
        if kind == "init":
            return self.received_init(message, address)
        peer = self.sender(address)
        if peer is None:
            # Whoever sends data believes that it is connected.
            return self.send_init(0, [address]) if kind in ("data", "peers") else None
        peer.heard = time.monotonic()
        if kind == "data":
            self.deliver(data, peer)
        elif kind == "peers":
            self.received_list(message)
        else:
            self.drop(peer, "it said goodbye")

    # Frames

    def ends(self, frame):
        """Where a frame comes from and where it goes to, as bytes of addresses; None where it cannot be said."""
        if self.options.type == "tap":
            if len(frame) < 14:
                return None
            vlan = b""
            if frame[12:14] == b"\x81\x00":
                if len(frame) < 18:
                    return None
                vlan = struct.pack(">H", struct.unpack(">H", frame[14:16])[0] & 0xFFF)
            return vlan + frame[6:12], vlan + frame[:6]
        if len(frame) >= 20 and frame[0] >> 4 == 4:
            return frame[12:16], frame[16:20]
        if len(frame) >= 40 and frame[0] >> 4 == 6:
            return frame[8:24], frame[24:40]
        return None

    def deliver(self, frame, peer):
        ends = self.ends(frame)
        if ends is None:
            return
        if self.forwarding == "switch":
            now, (source, _) = time.monotonic(), ends
            known = self.stations.get(source)
            if known is None or known[0] is peer or now - known[1] >= 10:
                if known is None and len(self.stations) >= MOST_STATIONS:
                    self.stations.pop(min(self.stations, key=lambda station: self.stations[station][1]))
                self.stations[source] = (peer, now)
        try:
            os.write(self.device, frame)
        except OSError as error:
            self.note(f"the device refused a frame: {error}")

    def receivers(self, destination):
        if self.forwarding == "router":
            found, longest = [], -1
            for peer in self.peers.values():
                for text in peer.subnets:
                    *base, prefix = wire.encode_subnet(text)
                    base = bytes(base[1:])
                    if len(base) == len(destination) and prefix > longest and same_prefix(base, destination, prefix):
                        found, longest = [peer], prefix
            return found
        known = self.stations.get(destination) if self.forwarding == "switch" else None
        return [known[0]] if known else list(self.peers.values())

    def send_frame(self, frame):
        ends = self.ends(frame)
        if ends and (receivers := self.receivers(ends[1])):
            self.transmit("data", frame, [peer.addresses[0] for peer in receivers])

    # Time

    def keep_house(self):
        now = time.monotonic()
        for peer in [peer for peer in self.peers.values() if now - peer.heard >= self.options.peer_timeout]:
            self.drop(peer, "silent for too long")
        self.stations = {station: entry for station, entry in self.stations.items()
                         if now - entry[1] < self.options.dst_timeout}
        if now >= self.next_lists:
            self.next_lists = now + self.list_pause()
            if self.peers:
                self.send_list([peer.addresses[0] for peer in self.peers.values()], LIST_ADDRESSES)
        for target in self.targets:
            addresses = target.resolve(now)
            if any(self.sender(address) or address in self.own_addresses for address in addresses):
                target.tries, target.due = 0, now + 1
            elif now >= target.due:
                target.tried(now)
                for address in addresses:
                    self.send_init(0, [address])

    def run(self):
        ended = []
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, lambda number, frame: ended.append(number))
        selector = selectors.DefaultSelector()
        selector.register(self.device, selectors.EVENT_READ)
        for opened in self.sockets.values():
            selector.register(opened, selectors.EVENT_READ)
        print(f"reference: up, device {self.device_name}, port {self.options.listen}", flush=True)
        next_turn = 0.0
        while not ended:
            if time.monotonic() >= next_turn:
                self.keep_house()
                next_turn = time.monotonic() + 0.5
            for ready, _ in selector.select(0.2):
                self.read_one(ready.fileobj)
        self.transmit("close", b"", [peer.addresses[0] for peer in self.peers.values()])
        self.run_hook(self.options.ifdown, self.device_name)

    def read_one(self, source):
        try:
            if source == self.device:
                self.send_frame(os.read(self.device, 65535))
            else:
                packet, address = source.recvfrom(65535)
                self.received(packet, address[:2])
        except OSError as error:
            self.note(f"cannot read: {error}")


def same_prefix(left, right, bits):
    shift = 8 * len(left) - bits
    return int.from_bytes(left, "big") >> shift == int.from_bytes(right, "big") >> shift


def main():
    options = arguments()
    if options.self_test:
        count, faults = selftest.check(options.self_test)
        print(f"reference: {count} packets, {len(faults)} wrong", *faults, sep="\n")
        return 1 if faults or not count else 0
    try:
        Node(options).run()
    except (wire.Malformed, OSError, ValueError) as fault:
        say(str(fault))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
