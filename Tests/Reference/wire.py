"""Packets of the protocol: keys, magic, sealing, and the four messages. Plain and slow, so that it can be checked by reading.

Messages are dictionaries with the names that the golden captures use: type, and what belongs to it.
"""

import hashlib
import ipaddress
import os
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

DIALECTS = ("manual", "0.8", "0.9", "1")
METHODS = {"none": 0, "chacha20": 1, "aes256": 2}
TYPES = {"data": 0, "peers": 1, "init": 2, "close": 3}
NAMES = {number: name for name, number in TYPES.items()}
SALT = b"vpncloudVPNCLOUDvpncl0udVpnCloud"
DEFAULT_MAGIC = bytes.fromhex("76706e01")
HEADER, NONCE, TAG = 8, 12, 16


class Malformed(ValueError):
    """A packet or a setting that cannot be understood."""


def derive_key(password, dialect):
    """The 32 bytes that packets are sealed with."""
    if dialect in ("manual", "0.8"):
        return hashlib.scrypt(password.encode(), salt=SALT, n=1 << 14, r=8, p=1, maxmem=1 << 26, dklen=32)
    if password.startswith("hex:"):
        key = bytes.fromhex(password[4:])
        if len(key) != 32:
            raise Malformed("a key in hexadecimal digits has 64 of them")
        return key
    return hashlib.pbkdf2_hmac("sha256", password.removeprefix("hash:").encode(), SALT, 4096, 32)


def siphash24(data):
    """SipHash-2-4 under a key of zeros."""
    mask = (1 << 64) - 1
    v = [0x736f6d6570736575, 0x646f72616e646f6d, 0x6c7967656e657261, 0x7465646279746573]

    def rotate(x, bits):
        return (x << bits | x >> (64 - bits)) & mask

    def rounds(count):
        for _ in range(count):
            v[0] = (v[0] + v[1]) & mask
            v[2] = (v[2] + v[3]) & mask
            v[1] = rotate(v[1], 13) ^ v[0]
            v[3] = rotate(v[3], 16) ^ v[2]
            v[0] = rotate(v[0], 32)
            v[2] = (v[2] + v[1]) & mask
            v[0] = (v[0] + v[3]) & mask
            v[1] = rotate(v[1], 17) ^ v[2]
            v[3] = rotate(v[3], 21) ^ v[0]
            v[2] = rotate(v[2], 32)

    padded = data + bytes(-(len(data) + 1) % 8) + bytes([len(data) & 0xff])
    for (word,) in struct.iter_unpack("<Q", padded):
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xff
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def read_magic(text, dialect):
    """The four bytes that an option names."""
    if text.startswith("hash:"):
        name = text[5:]
        if dialect == "0.8":
            name = name[1:]
        return struct.pack(">I", siphash24(name.encode() + b"\xff") & 0xffffffff)
    try:
        magic = bytes.fromhex(text)
    except ValueError:
        magic = b""
    if len(magic) != 4:
        raise Malformed(f"'{text}' is neither 8 hexadecimal digits nor 'hash:' and a name")
    return magic


class Seal:
    """Puts messages into packets and takes them out again."""

    def __init__(self, magic=DEFAULT_MAGIC, method="none", key=None, dialect="manual"):
        self.magic, self.method = magic, METHODS[method]
        self.cipher = {0: lambda key: None, 1: ChaCha20Poly1305, 2: AESGCM}[self.method](key)
        self.nonce = int.from_bytes(os.urandom(NONCE), "big")
        if dialect == "1" and self.nonce >> 88 == 0xff:
            self.nonce >>= 8

    def seal(self, kind, message, nonce=None):
        """A packet. The nonce is the next one, unless one is given."""
        header = self.magic + bytes([self.method, 0, 0, TYPES[kind]])
        if self.cipher is None:
            return header + message
        if nonce is None:
            self.nonce = (self.nonce + 1) % (1 << 8 * NONCE)
            nonce = self.nonce.to_bytes(NONCE, "big")
        return header + nonce + self.cipher.encrypt(nonce, message, header)

    def open(self, packet):
        """The type of a packet, its message and its nonce, which is None without encryption."""
        if len(packet) < HEADER:
            raise Malformed("shorter than a header")
        header, rest = packet[:HEADER], packet[HEADER:]
        if header[:4] != self.magic:
            raise Malformed("the magic of another network")
        if header[4] != self.method:
            raise Malformed("sealed by another method")
        if header[7] not in NAMES:
            raise Malformed("an unknown type of message")
        if self.cipher is None:
            return NAMES[header[7]], rest, None
        if len(rest) < NONCE + TAG:
            raise Malformed("shorter than a nonce and a tag")
        try:
            return NAMES[header[7]], self.cipher.decrypt(rest[:NONCE], rest[NONCE:], header), rest[:NONCE]
        except InvalidTag:
            raise Malformed("the wrong key, or changed on its way") from None


class Reader:
    """Takes bytes off the front of a message."""

    def __init__(self, data):
        self.data = data

    def take(self, count):
        if len(self.data) < count:
            raise Malformed("the message ends too early")
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def byte(self):
        return self.take(1)[0]


def encode_subnet(text):
    """A subnet as in an Init: the bytes of the address after their number, and the length of the prefix."""
    base, _, prefix = text.partition("/")
    address = encode_station(base)
    return bytes([len(address)]) + address + bytes([int(prefix) if prefix else 8 * len(address)])


def encode_station(text):
    """An IPv4, IPv6 or MAC address; a MAC address in a VLAN has two bytes of eight before it, all with colons."""
    parts = text.split(":")
    if len(parts) in (6, 8) and all(len(part) == 2 for part in parts):
        return bytes.fromhex(text.replace(":", ""))
    return ipaddress.ip_address(text).packed


def show_station(address):
    """The text of such an address."""
    return str(ipaddress.ip_address(address)) if len(address) in (4, 16) else address.hex(":")


def encode_endpoint(address):
    """The bytes of a text such as 192.0.2.1:3210 or [2001:db8::1]:3210."""
    host, _, port = address.rpartition(":")
    return ipaddress.ip_address(host.strip("[]")).packed + struct.pack(">H", int(port))


def show_endpoint(data):
    """The text of an address and a port."""
    address, (port,) = ipaddress.ip_address(data[:-2]), struct.unpack(">H", data[-2:])
    return f"[{show_ipv6(address)}]:{port}" if address.version == 6 else f"{address}:{port}"


def show_ipv6(address):
    """As Python does, but for addresses of IPv4 within, which its versions write in two ways."""
    mapped = address.ipv4_mapped
    return f"::ffff:{int(mapped) >> 16:x}:{int(mapped) & 0xffff:x}" if mapped else str(address)


def encode(message):
    """The bytes of a message."""
    trailing = bytes.fromhex(message.get("trailing", ""))
    match message["type"]:
        case "data":
            return bytes.fromhex(message["frame"])
        case "close":
            return trailing
        case "init":
            subnets = [encode_subnet(text) for text in message["subnets"]]
            head = bytes([message["stage"]]) + bytes.fromhex(message["node_id"]) + bytes([len(subnets)])
            return head + b"".join(subnets) + trailing
        case "peers":
            endpoints = [encode_endpoint(text) for text in message["addresses"]]
            families = [[data for data in endpoints if len(data) == size][:255] for size in (6, 18)]
            return b"".join(bytes([len(family)]) + b"".join(family) for family in families) + trailing


def decode(kind, data):
    """The message in bytes."""
    if kind == "data":
        return {"type": kind, "frame": data.hex()}
    reader = Reader(data)
    message = {"type": kind}
    if kind == "init":
        message |= {"stage": reader.byte(), "node_id": reader.take(16).hex(), "subnets": []}
        for _ in range(reader.byte()):
            address, prefix = reader.take(reader.byte()), reader.byte()
            if len(address) not in (4, 6, 8, 16) or prefix > 8 * len(address):
                raise Malformed("a subnet that is none")
            message["subnets"].append(f"{show_station(address)}/{prefix}")
    if kind == "peers":
        message["addresses"] = [show_endpoint(reader.take(6)) for _ in range(reader.byte())]
        message["addresses"] += [show_endpoint(reader.take(18)) for _ in range(reader.byte())]
    return message | {"trailing": reader.data.hex()}
