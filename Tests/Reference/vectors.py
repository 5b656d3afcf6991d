"""Holds the reference implementation against captures of other programs: a .pcap and a .json file each."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any, Iterator

from wire import (
    DEFAULT_MAGIC, DIALECTS, Close, Data, Endpoint, Init, Message, PeerList, Sealer, Subnet, WireError,
    decode, derive_key, derive_magic, frame_addresses, siphash,
)


def check_folder(folder: Path) -> tuple[int, int, list[str]]:
    """How many captures and packets there are, and what is wrong with them, or with us."""
    packets, faults = 0, [f"known answer: {fault}" for fault in check_known_answers()]
    paths = sorted(folder.glob("*.json"))
    for path in paths:
        record = json.loads(path.read_text())
        packets += len(record["packets"])
        faults += [f"{path.name}: {fault}" for fault in check_capture(record, path.parent / record["capture"])]
    return len(paths), packets, faults


def check_known_answers() -> Iterator[str]:
    """What the captures do not show."""
    # The first and the last of the vectors that SipHash's authors publish, and the magic of an old program.
    key = bytes(range(16))
    if siphash_of(key, 0) != "310e0edd47db6f72" or siphash_of(key, 63) != "724506eb4c328a95":
        yield "SipHash"
    if derive_magic("hash:mynet", DIALECTS["0.8"]).hex() != "b8a11cf6":
        yield "magic of dialect 0.8"
    if derive_key("hex:" + "0f" * 32, DIALECTS["1"]) != b"\x0f" * 32:
        yield "raw key of dialect 1"
    if derive_key("hash:test123", DIALECTS["0.9"]) != derive_key("test123", DIALECTS["1"]):
        yield "key with 'hash:' in dialect 0.9"


def siphash_of(key: bytes, length: int) -> str:
    return siphash(key, bytes(range(length))).to_bytes(8, "little").hex()


def check_capture(record: dict[str, Any], pcap: Path) -> Iterator[str]:
    """Compares key, magic and every packet, in both directions."""
    dialect = DIALECTS[record["dialect"]]
    password, option = record["shared_key"], record["magic_option"]
    key = derive_key(password, dialect) if password else None
    if (key.hex() if key else None) != record["derived_key"]:
        yield "derives another key"
    magic = derive_magic(option, dialect) if option else DEFAULT_MAGIC
    if magic.hex() != record["magic"]:
        yield "derives another magic"
    expected = [(p["from"], p["to"], p["packet"]) for p in record["packets"]]
    if [(str(source), str(to), payload.hex()) for source, to, payload in read_pcap(pcap)] != expected:
        yield "the pcap file holds other packets than the JSON file"
    newest: dict[str, int] = {}
    for number, packet in enumerate(record["packets"]):
        for fault in check_packet(packet, Sealer(magic, packet["method"], key), record["device"] == "tap"):
            yield f"packet {number}: {fault}"
        if "nonce" in packet:
            nonce = int(packet["nonce"], 16)
            if nonce <= newest.get(packet["from"], -1):
                yield f"packet {number}: the nonce did not grow"
            newest[packet["from"]] = nonce


def check_packet(record: dict[str, Any], sealer: Sealer, is_tap: bool) -> Iterator[str]:
    """Opens a packet, compares, seals it again, and damages it in many ways."""
    packet = bytes.fromhex(record["packet"])
    message, nonce = sealer.open(packet)
    if describe(message) != normalized(record["message"]):
        yield f"decodes as {describe(message)}"
    if (nonce.to_bytes(12, "big").hex() if nonce is not None else None) != record.get("nonce"):
        yield f"has nonce {nonce}"
    sealer.nonce = (nonce or 0) - 1
    if sealer.seal(message) != packet:
        yield "seals as something else"
    if isinstance(message, Data) and frame_addresses(message.frame, is_tap) is None:
        yield "has a frame without addresses"
    if sealer.method:
        for position in range(len(packet)):
            damaged = bytearray(packet)
            damaged[position] ^= 1
            if not refuses(lambda: sealer.open(bytes(damaged))):
                yield f"opens with byte {position} changed"
    for length in range(len(packet)):
        try:
            sealer.open(packet[:length])
        except WireError:
            continue
        if sealer.method:
            yield f"opens with {length} bytes left"
    if isinstance(message, (Init, PeerList)):
        plain = message.encode()
        needed = len(plain) - len(message.trailing)
        if not all(refuses(lambda: decode(message.type, plain[:length])) for length in range(needed)):
            yield "decodes without its end"


def refuses(action: Any) -> bool:
    try:
        action()
    except WireError:
        return True
    return False


def describe(message: Message) -> dict[str, Any]:
    """A message in the form of the JSON files, with values instead of texts where there are several spellings."""
    match message:
        case Data(frame):
            return {"type": "data", "frame": frame.hex()}
        case PeerList(ipv4, ipv6, trailing):
            return {"type": "peers", "addresses": [*ipv4, *ipv6], "trailing": trailing.hex()}
        case Init(stage, node_id, subnets, trailing):
            return {"type": "init", "stage": stage, "node_id": node_id.hex(), "subnets": list(subnets),
                    "trailing": trailing.hex()}
        case Close(trailing):
            return {"type": "close", "trailing": trailing.hex()}


def normalized(message: dict[str, Any]) -> dict[str, Any]:
    """A message of a JSON file, with values instead of texts where there are several spellings."""
    message = dict(message)
    if "addresses" in message:
        message["addresses"] = [parse_endpoint(text) for text in message["addresses"]]
    if "subnets" in message:
        message["subnets"] = [Subnet.parse(text) for text in message["subnets"]]
    return message


def parse_endpoint(text: str) -> Endpoint:
    address, _, port = text.rpartition(":")
    return Endpoint.of(address.strip("[]"), int(port))


def read_pcap(path: Path) -> Iterator[tuple[Endpoint, Endpoint, bytes]]:
    """Source, destination and payload of each UDP datagram in a capture of Ethernet."""
    data = path.read_bytes()
    order = {b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">"}[data[:4]]
    position = 24
    while position < len(data):
        captured = struct.unpack_from(order + "I", data, position + 8)[0]
        frame = data[position + 16 : position + 16 + captured]
        position += 16 + captured
        kind, packet = frame[12:14], frame[14:]
        if kind == b"\x08\x00" and packet[9] == 17:
            source, destination, udp = packet[12:16], packet[16:20], packet[4 * (packet[0] & 15) :]
        elif kind == b"\x86\xdd" and packet[6] == 17:
            source, destination, udp = packet[8:24], packet[24:40], packet[40:]
        else:
            continue
        source_port, destination_port, length = struct.unpack_from(">HHH", udp)
        yield Endpoint.of(source, source_port), Endpoint.of(destination, destination_port), udp[8:length]
