"""One node: what it does with packets, frames and time."""

from __future__ import annotations

import argparse
import os
import random
import secrets
import socket
import struct
import threading
import time
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import Iterable

from wire import (
    DIALECTS, Close, Data, Endpoint, Init, PeerList, Sealer, Subnet, WireError, frame_addresses,
)

# Bounds: of every table, of addresses of a peer, of Inits to addresses from lists in a second.
MAX_PEERS, MAX_STATIONS, MAX_CONTACTS, MAX_OWN, MAX_NONCES = 1000, 10000, 1000, 100, 2000
MAX_ADDRESSES, MAX_INITS = 8, 50
LIST_ADDRESSES = 20  # in a periodic list
LIST_BYTES = 1400  # of a complete list: fits the packets of any usual network
CONTACT_TRIES = 3  # for an address that a list names, a second apart
OWN_ADDRESS_SECONDS = 3600  # until an address that turned out to be this node's is tried again
STATION_GUARD = 10  # seconds in which a refreshed station does not move to another peer
RESOLVE_SECONDS = 300


def say(text: str) -> None:
    print(f"reference: {text}", flush=True)


@dataclass
class Peer:
    """A node that is connected."""

    node_id: bytes
    subnets: tuple[Subnet, ...]
    joined: float
    heard: float
    addresses: list[Endpoint] = field(default_factory=list)  # the first is in use
    timeout: int | None = None  # as announced in dialect 1

    def __str__(self) -> str:
        return f"{self.node_id.hex()[:8]} at {self.addresses[0]}"


@dataclass
class Station:
    """Where an address was seen."""

    peer: Peer
    seen: float


class Configured:
    """A peer of --connect: tried for ever, ever less often, while it is not connected."""

    def __init__(self, text: str) -> None:
        host, _, port = text.rpartition(":")
        self.host = host[1:-1] if host[:1] == "[" and host[-1:] == "]" else host
        if not self.host or not port.isdecimal() or not 1 <= int(port) <= 65535 or (":" in host) != (host[0] == "["):
            raise ValueError(f"'{text}' is no address of a peer: host:port, or [address]:port for IPv6")
        self.port = int(port)
        self.endpoints: list[Endpoint] = []
        self.resolve_due = self.due = 0.0
        self.tries = 0

    def resolve(self, now: float) -> None:
        """Looks the name up, which may take long, and lets `endpoints` change whenever that is done."""
        self.resolve_due = now + RESOLVE_SECONDS
        try:
            self.endpoints = [Endpoint.of(self.host, self.port).plain]
        except ValueError:
            threading.Thread(target=self._look_up, daemon=True).start()

    def _look_up(self) -> None:
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_DGRAM)
        except OSError as error:
            say(f"cannot resolve {self.host}: {error.strerror}")
            return
        endpoints = {Endpoint.of(address[0], self.port).plain: None for *_, address in found}
        self.endpoints = sorted(endpoints, key=lambda endpoint: endpoint.address.version)

    def attempt(self, now: float) -> None:
        """Counts a try: each second for 10 times, then half as often after each 10 more, at last each hour."""
        self.tries += 1
        self.due = now + min(3600, 2 ** min(self.tries // 10, 12))


class Node:
    """Peers, addresses, and what is done with every packet, frame and second."""

    def __init__(self, options: argparse.Namespace, device: int, sockets: dict[int, socket.socket]) -> None:
        self.options, self.device, self.sockets = options, device, sockets
        self.dialect = DIALECTS[options.compat]
        self.is_tap = options.type == "tap"
        self.mode = {"normal": "switch" if self.is_tap else "router"}.get(options.mode, options.mode)
        self.sealer: Sealer = options.sealer
        self.id = secrets.token_bytes(16)
        self.peers: dict[bytes, Peer] = {}
        self.by_address: dict[Endpoint, Peer] = {}
        self.stations: dict[bytes, Station] = {}
        self.configured: list[Configured] = options.connect
        self.contacts: dict[Endpoint, int] = {}  # tries left
        self.own: dict[Endpoint, float] = {}  # until when
        self.newest: OrderedDict[bytes, int] = OrderedDict()  # nonce of the last control message of each node
        self.dropped: Counter[str] = Counter()
        self.started = time.monotonic()
        self.list_due = self.started + self.list_interval()

    # What goes out

    def send(self, packet: bytes, endpoints: Iterable[Endpoint]) -> None:
        """Sends a packet to each; one that fails does not keep it from the others."""
        for address, port in endpoints:
            try:
                self.sockets[address.version].sendto(packet, (str(address), port))
            except (OSError, KeyError):
                self.dropped["failed_sends"] += 1

    def init(self, stage: int) -> Init:
        trailing = struct.pack(">H", self.options.peer_timeout) if self.dialect.announces_timeout else b""
        return Init(stage, self.id, self.options.subnets, trailing)

    def greet(self, endpoint: Endpoint) -> None:
        """Says who this node is to one that is not connected."""
        self.send(self.sealer.seal(self.init(0)), [endpoint])

    def peer_list(self, count: int | None) -> PeerList:
        """The addresses of all peers as far as they fit, or of some at random; those of dialect 1 hold them mapped."""
        known = [peer.addresses[0] for peer in self.peers.values()]
        if count is not None:
            known = random.sample(known, min(count, len(known)))
        if self.dialect.announces_timeout:
            known = ([] if count is not None else known) + [endpoint.mapped for endpoint in known]
        ipv4, ipv6, room = [], [], LIST_BYTES
        for endpoint in known:
            family = ipv4 if endpoint.address.version == 4 else ipv6
            room -= len(endpoint.encode())
            if room >= 0 and len(family) < 255:
                family.append(endpoint)
        return PeerList(ipv4, ipv6)

    def list_interval(self) -> float:
        """Seconds between two lists: often enough for this node's timeout and for all that were announced."""
        announced = [peer.timeout for peer in self.peers.values() if peer.timeout]
        timeout = min([self.options.peer_timeout, *announced])
        return timeout / 2 - 60 if timeout >= 180 else timeout / 6

    def close(self) -> None:
        packet = self.sealer.seal(Close())
        self.send(packet, [peer.addresses[0] for peer in self.peers.values()])

    # What comes from the device

    def take_frame(self, frame: bytes) -> None:
        addresses = frame_addresses(frame, self.is_tap)
        if addresses is None:
            self.dropped["malformed_frame"] += 1
        elif receivers := self.route(addresses[0]):
            self.send(self.sealer.seal(Data(frame)), [peer.addresses[0] for peer in receivers])
        else:
            self.dropped["unknown_destination"] += 1

    def route(self, destination: bytes) -> list[Peer]:
        """Who is to get a frame for this address."""
        if self.mode == "router":
            claims = [(s.prefix, p) for p in self.peers.values() for s in p.subnets if destination in s]
            return [max(claims, key=lambda claim: claim[0])[1]] if claims else []
        station = self.stations.get(destination) if self.mode == "switch" else None
        return [station.peer] if station else list(self.peers.values())

    # What comes over UDP

    def take_packet(self, packet: bytes, source: Endpoint, now: float) -> None:
        try:
            message, nonce = self.sealer.open(packet)
        except WireError as fault:
            self.dropped[str(fault)] += 1
            return
        peer = self.by_address.get(source)
        if isinstance(message, Init):
            self.take_init(message, nonce, source, now)
        elif peer is None:
            # Perhaps one that this node has forgotten, or not met since its start.
            self.dropped["unknown_sender"] += 1
            if not isinstance(message, Close):
                self.contact(source, now)
        elif isinstance(message, Data):
            peer.heard = now
            self.deliver(message.frame, peer, now)
        elif not self.is_fresh(peer.node_id, nonce):
            self.dropped["not_fresh"] += 1
        elif isinstance(message, Close):
            self.remove(peer, "said goodbye")
        else:
            peer.heard = now
            self.prefer(peer, source)
            for endpoint in {endpoint.plain for endpoint in (*message.ipv4, *message.ipv6)}:
                self.contact(endpoint, now)

    def take_init(self, message: Init, nonce: int | None, source: Endpoint, now: float) -> None:
        if message.node_id == self.id:
            # An echo of a greeting of this node's own, or somebody who repeats one: only the former goes on record.
            if self.is_tried(source) and len(self.own) < MAX_OWN:
                self.own[source] = now + OWN_ADDRESS_SECONDS
            self.contacts.pop(source, None)
            return
        peer = self.peers.get(message.node_id)
        if peer is None and len(self.peers) >= MAX_PEERS:
            self.dropped["too_many_peers"] += 1
            return
        if not self.is_fresh(message.node_id, nonce):
            self.dropped["not_fresh"] += 1
            return
        previous = self.by_address.get(source)
        if previous and previous is not peer:
            self.remove(previous, "another node has its address")
        is_new = peer is None
        if peer is None:
            peer = self.peers[message.node_id] = Peer(message.node_id, tuple(message.subnets), now, now)
            self.list_due = min(self.list_due, now + 1)
        peer.heard = now
        self.prefer(peer, source)
        if self.dialect.announces_timeout and len(message.trailing) >= 2:
            peer.timeout = struct.unpack(">H", message.trailing[:2])[0]
            self.list_due = min(self.list_due, now + self.list_interval())
        self.contacts.pop(source, None)
        self.own.pop(source, None)
        if is_new:
            self.note(f"peer {peer} joined")
        if message.stage == 0:
            self.send(self.sealer.seal(self.init(1)), [source])
        if message.stage == 0 or self.dialect.announces_timeout:
            self.send(self.sealer.seal(self.peer_list(None)), [source])

    def deliver(self, frame: bytes, peer: Peer, now: float) -> None:
        addresses = frame_addresses(frame, self.is_tap)
        if addresses is None:
            self.dropped["malformed_frame"] += 1
            return
        if self.mode == "switch":
            self.learn(addresses[1], peer, now)
        try:
            os.write(self.device, frame)
        except OSError:
            self.dropped["device_refused"] += 1

    def learn(self, address: bytes, peer: Peer, now: float) -> None:
        station = self.stations.get(address)
        if station is None:
            if len(self.stations) < MAX_STATIONS and not (self.is_tap and address[-6] & 1):  # no groups
                self.stations[address] = Station(peer, now)
        elif station.peer is peer or now - station.seen >= STATION_GUARD:
            station.peer, station.seen = peer, now

    # Who is who

    def is_fresh(self, node_id: bytes, nonce: int | None) -> bool:
        """Whether a control message is not older than the last one of that node, as a repeated one would be."""
        if nonce is None:
            return True
        if (nonce - self.newest.get(node_id, nonce)) % (1 << 96) >= 1 << 95:
            return False
        self.newest[node_id] = nonce
        self.newest.move_to_end(node_id)
        if len(self.newest) > MAX_NONCES:
            self.newest.popitem(last=False)
        return True

    def is_tried(self, endpoint: Endpoint) -> bool:
        return endpoint in self.contacts or any(endpoint in peer.endpoints for peer in self.configured)

    def contact(self, endpoint: Endpoint, now: float) -> None:
        """Notes an address that somebody may be at, to be greeted with the others, not too many at a time."""
        is_usable = endpoint.port and not (endpoint.address.is_multicast or endpoint.address.is_unspecified)
        is_known = endpoint in self.by_address or self.own.get(endpoint, 0) > now
        if is_usable and not is_known and len(self.contacts) < MAX_CONTACTS:
            self.contacts.setdefault(endpoint, CONTACT_TRIES)

    def prefer(self, peer: Peer, endpoint: Endpoint) -> None:
        """Makes an address the one that is used for a peer."""
        if endpoint in peer.addresses:
            peer.addresses.remove(endpoint)
        peer.addresses.insert(0, endpoint)
        self.by_address[endpoint] = peer
        for surplus in peer.addresses[MAX_ADDRESSES:]:
            del self.by_address[surplus]
        del peer.addresses[MAX_ADDRESSES:]

    def remove(self, peer: Peer, reason: str) -> None:
        del self.peers[peer.node_id]
        for address in peer.addresses:
            del self.by_address[address]
        self.stations = {key: station for key, station in self.stations.items() if station.peer is not peer}
        self.note(f"peer {peer} is gone: {reason}")

    # What time brings

    def tick(self, now: float) -> None:
        """Housekeeping, each second."""
        for peer in [peer for peer in self.peers.values() if now - peer.heard > self.options.peer_timeout]:
            self.remove(peer, "timed out")
        limit = now - self.options.dst_timeout
        self.stations = {key: station for key, station in self.stations.items() if station.seen > limit}
        self.own = {endpoint: until for endpoint, until in self.own.items() if until > now}
        for configured in self.configured:
            if now >= configured.resolve_due:
                configured.resolve(now)
            if any(e in self.by_address or e in self.own for e in configured.endpoints):
                configured.tries, configured.due = 0, now
            elif configured.endpoints and now >= configured.due:
                configured.attempt(now)
                for endpoint in configured.endpoints:
                    self.greet(endpoint)
        self.greet_contacts()
        if now >= self.list_due:
            self.list_due = now + self.list_interval()
            packet = self.sealer.seal(self.peer_list(LIST_ADDRESSES))
            self.send(packet, [peer.addresses[0] for peer in self.peers.values()])

    def greet_contacts(self) -> None:
        for endpoint in list(self.contacts)[:MAX_INITS]:
            tries = self.contacts.pop(endpoint) - 1
            if endpoint in self.by_address:
                continue
            self.greet(endpoint)
            if tries:
                self.contacts[endpoint] = tries

    # What is told

    def note(self, text: str) -> None:
        if not self.options.quiet:
            say(text)

    def statistics(self, now: float) -> str:
        """Peers, table and drops, as YAML."""
        lines = [f'node: "{self.id.hex()}"', f"uptime: {now - self.started:.3f}"]
        lines.append("peers:" if self.peers else "peers: []")
        for peer in self.peers.values():
            addresses, subnets = (", ".join(f'"{item}"' for item in items) for items in (peer.addresses, peer.subnets))
            lines += [f'  - id: "{peer.node_id.hex()}"', f"    addresses: [{addresses}]", f"    subnets: [{subnets}]",
                      f"    connected: {now - peer.joined:.3f}", f"    last_heard: {now - peer.heard:.3f}"]
        lines.append("table:" if self.stations else "table: []")
        for address, station in self.stations.items():
            peer_id = station.peer.node_id.hex()
            lines.append(f'  - {{address: "{address.hex()}", peer: "{peer_id}", seen: {now - station.seen:.3f}}}')
        lines.append("drops:" if self.dropped else "drops: {}")
        lines += [f'  {reason.replace(" ", "_")}: {count}' for reason, count in sorted(self.dropped.items())]
        return "\n".join(lines) + "\n"
