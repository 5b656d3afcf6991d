"""What goes over the wire: messages and their bytes, keys, magic, and sealed packets.

Written from the description of the protocol and from what programs in the field do, and from nothing else, so that it
can judge other implementations.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import secrets
import struct
from dataclasses import dataclass
from typing import Callable, ClassVar, NamedTuple, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

HEADER = 8
NONCE = 12
TAG = 16
DEFAULT_MAGIC = bytes.fromhex("76706e01")
METHODS = {"none": 0, "chacha20": 1, "aes256": 2}
CIPHERS: dict[int, type] = {1: ChaCha20Poly1305, 2: AESGCM}
SALT = b"vpncloudVPNCLOUDvpncl0udVpnCloud"


class WireError(Exception):
    """Why bytes are no packet of this network, in a few words."""


@dataclass(frozen=True)
class Dialect:
    """In what a program in the field differs from the manual."""

    name: str
    stretches_with_pbkdf2: bool = False
    knows_key_prefixes: bool = False
    hash_skips_first_character: bool = False
    # Dialect 1: Inits end with the timeout, lists hold IPv4-mapped addresses and follow an Init of stage 1 as well.
    announces_timeout: bool = False


DIALECTS = {
    "manual": Dialect("manual"),
    "0.8": Dialect("0.8", hash_skips_first_character=True),
    "0.9": Dialect("0.9", stretches_with_pbkdf2=True, knows_key_prefixes=True),
    "1": Dialect("1", stretches_with_pbkdf2=True, knows_key_prefixes=True, announces_timeout=True),
}


def derive_key(password: str, dialect: Dialect) -> bytes:
    """The 32 bytes that packets are sealed with."""
    if dialect.knows_key_prefixes:
        if password.startswith("hex:"):
            digits = password.removeprefix("hex:")
            if not re.fullmatch("[0-9a-fA-F]{64}", digits):
                raise ValueError("a shared key with 'hex:' needs 64 hexadecimal digits after it")
            return bytes.fromhex(digits)
        password = password.removeprefix("hash:")
    if dialect.stretches_with_pbkdf2:
        return hashlib.pbkdf2_hmac("sha256", password.encode(), SALT, 4096, 32)
    # What libsodium makes of its "interactive" limits (524288 operations, 16 MiB): N = 2^14, r = 8, p = 1.
    return hashlib.scrypt(password.encode(), salt=SALT, n=1 << 14, r=8, p=1, maxmem=64 << 20, dklen=32)


def derive_magic(text: str, dialect: Dialect) -> bytes:
    """The four bytes of eight hexadecimal digits, or of 'hash:' and a name."""
    if text.startswith("hash:"):
        name = text.removeprefix("hash:")[1 if dialect.hash_skips_first_character else 0 :]
        return struct.pack(">I", siphash(bytes(16), name.encode() + b"\xff") & 0xFFFFFFFF)
    if re.fullmatch("[0-9a-fA-F]{8}", text):
        return bytes.fromhex(text)
    raise ValueError(f"'{text}' is no magic: 8 hexadecimal digits, or 'hash:' and a name")


def siphash(key: bytes, data: bytes) -> int:
    """SipHash-2-4, 64 bits."""
    mask = (1 << 64) - 1

    def rotate(value: int, bits: int) -> int:
        return (value << bits | value >> (64 - bits)) & mask

    k0, k1 = struct.unpack("<QQ", key)
    a, b = k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D
    c, d = k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573

    def rounds(count: int) -> None:
        nonlocal a, b, c, d
        for _ in range(count):
            a, c = (a + b) & mask, (c + d) & mask
            b, d = rotate(b, 13) ^ a, rotate(d, 16) ^ c
            a, c = (rotate(a, 32) + d) & mask, (c + b) & mask
            d, b = rotate(d, 21) ^ a, rotate(b, 17) ^ c
            c = rotate(c, 32)

    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) & 0xFF])
    for (word,) in struct.iter_unpack("<Q", padded):
        d ^= word
        rounds(2)
        a ^= word
    c ^= 0xFF
    rounds(4)
    return a ^ b ^ c ^ d


class Endpoint(NamedTuple):
    """A UDP address."""

    address: Address
    port: int

    @staticmethod
    def of(address: str | bytes, port: int) -> Endpoint:
        return Endpoint(ipaddress.ip_address(address), port)

    @property
    def plain(self) -> Endpoint:
        """The same, with an IPv4-mapped IPv6 address as the IPv4 address that it stands for."""
        mapped = self.address.ipv4_mapped if isinstance(self.address, ipaddress.IPv6Address) else None
        return Endpoint(mapped, self.port) if mapped else self

    @property
    def mapped(self) -> Endpoint:
        """The same, with an IPv4 address as an IPv4-mapped IPv6 address."""
        if isinstance(self.address, ipaddress.IPv6Address):
            return self
        return Endpoint.of(bytes(10) + b"\xff\xff" + self.address.packed, self.port)

    def encode(self) -> bytes:
        return self.address.packed + struct.pack(">H", self.port)

    def __str__(self) -> str:
        return f"{self.address}:{self.port}" if self.address.version == 4 else f"[{self.address}]:{self.port}"


class Subnet(NamedTuple):
    """A range of addresses: 4 bytes of IPv4, 16 of IPv6, 6 of MAC, or 8 of VLAN number and MAC."""

    base: bytes
    prefix: int

    @staticmethod
    def parse(text: str) -> Subnet:
        """Reads 10.1.1.0/24, fd00::/64, 02:00:00:00:00:01/48, or with a VLAN 10/02:00:00:00:00:01/64."""
        base_text, _, prefix_text = text.rpartition("/")
        vlan, _, mac = base_text.rpartition("/")
        try:
            if re.fullmatch("([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}", mac):
                base = (struct.pack(">H", int(vlan)) if vlan else b"") + bytes.fromhex(mac.replace(":", ""))
            else:
                base = ipaddress.ip_address(base_text).packed
            subnet = Subnet(base, int(prefix_text))
        except (ValueError, struct.error):
            raise ValueError(f"'{text}' is no subnet: address/prefixlen, such as 10.1.1.0/24") from None
        if not 0 <= subnet.prefix <= 8 * len(base):
            raise ValueError(f"'{text}': the prefix length is 0 to {8 * len(base)} for this kind of address")
        return subnet

    def __contains__(self, address: object) -> bool:
        """Whether an address of the same kind has the same first bits."""
        if not isinstance(address, bytes) or len(address) != len(self.base):
            return False
        ignored = 8 * len(address) - self.prefix
        return int.from_bytes(address, "big") >> ignored == int.from_bytes(self.base, "big") >> ignored

    def encode(self) -> bytes:
        return bytes([len(self.base)]) + self.base + bytes([self.prefix])

    def __str__(self) -> str:
        if len(self.base) in (4, 16):
            return f"{ipaddress.ip_address(self.base)}/{self.prefix}"
        vlan = f"{int.from_bytes(self.base[:2], 'big')}/" if len(self.base) == 8 else ""
        return f"{vlan}{self.base[-6:].hex(':')}/{self.prefix}"


class Reader:
    """Takes bytes from the front; too few of them are an error."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def take(self, count: int) -> bytes:
        if len(self.data) < count:
            raise WireError("truncated message")
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def byte(self) -> int:
        return self.take(1)[0]

    def repeated(self, read: Callable[[], object]) -> tuple:
        """As many things as a leading byte says."""
        return tuple(read() for _ in range(self.byte()))

    def endpoint(self, address_bytes: int) -> Endpoint:
        return Endpoint.of(self.take(address_bytes), int.from_bytes(self.take(2), "big"))

    def subnet(self) -> Subnet:
        base = self.take(self.byte())
        subnet = Subnet(base, self.byte())
        if len(base) not in (4, 6, 8, 16) or subnet.prefix > 8 * len(base):
            raise WireError("impossible subnet")
        return subnet


@dataclass(frozen=True)
class Data:
    """A frame of the device."""

    type: ClassVar[int] = 0
    frame: bytes

    def encode(self) -> bytes:
        return self.frame


@dataclass(frozen=True)
class PeerList:
    """Whom the sender knows."""

    type: ClassVar[int] = 1
    ipv4: Sequence[Endpoint]
    ipv6: Sequence[Endpoint]
    trailing: bytes = b""

    def encode(self) -> bytes:
        ipv4, ipv6 = (bytes([len(part)]) + b"".join(e.encode() for e in part) for part in (self.ipv4, self.ipv6))
        return ipv4 + ipv6 + self.trailing


@dataclass(frozen=True)
class Init:
    """Who the sender is, and which subnets are behind it."""

    type: ClassVar[int] = 2
    stage: int
    node_id: bytes
    subnets: Sequence[Subnet]
    trailing: bytes = b""

    def encode(self) -> bytes:
        subnets = b"".join(subnet.encode() for subnet in self.subnets)
        return bytes([self.stage]) + self.node_id + bytes([len(self.subnets)]) + subnets + self.trailing


@dataclass(frozen=True)
class Close:
    """The sender leaves."""

    type: ClassVar[int] = 3
    trailing: bytes = b""

    def encode(self) -> bytes:
        return self.trailing


Message = Data | PeerList | Init | Close


def decode(message_type: int, plain: bytes) -> Message:
    """The message in the opened rest of a packet. What follows the known fields is kept as `trailing`."""
    reader = Reader(plain)
    if message_type == Data.type:
        return Data(plain)
    if message_type == PeerList.type:
        ipv4 = reader.repeated(lambda: reader.endpoint(4))
        ipv6 = reader.repeated(lambda: reader.endpoint(16))
        return PeerList(ipv4, ipv6, reader.data)
    if message_type == Init.type:
        stage, node_id = reader.byte(), reader.take(16)
        if stage > 1:
            raise WireError("unknown stage")
        return Init(stage, node_id, reader.repeated(reader.subnet), reader.data)
    if message_type == Close.type:
        return Close(plain)
    raise WireError("unknown message type")


class Sealer:
    """Makes packets of messages and messages of packets, for one network."""

    def __init__(self, magic: bytes, method: int, key: bytes | None, nonce: int = 0) -> None:
        """`nonce` is the number before that of the first packet."""
        self.magic, self.method, self.nonce = magic, method, nonce
        self.cipher = CIPHERS[method](key) if method else None

    @staticmethod
    def first_nonce(dialect: Dialect) -> int:
        """A random start; dialect 1 never begins with the byte ff."""
        while True:
            nonce = secrets.token_bytes(NONCE)
            if not (dialect.announces_timeout and nonce[0] == 0xFF):
                return int.from_bytes(nonce, "big")

    def seal(self, message: Message) -> bytes:
        header = self.magic + bytes([self.method, 0, 0, message.type])
        if self.cipher is None:
            return header + message.encode()
        self.nonce = (self.nonce + 1) % (1 << 8 * NONCE)
        nonce = self.nonce.to_bytes(NONCE, "big")
        return header + nonce + self.cipher.encrypt(nonce, message.encode(), header)

    def open(self, packet: bytes) -> tuple[Message, int | None]:
        """The message and its nonce, or a WireError."""
        header, rest = packet[:HEADER], packet[HEADER:]
        if len(header) < HEADER:
            raise WireError("truncated header")
        if header[:4] != self.magic:
            raise WireError("foreign magic")
        if header[4] != self.method:
            raise WireError("other crypto method")
        if self.cipher is None:
            return decode(header[7], rest), None
        if len(rest) < NONCE + TAG:
            raise WireError("truncated ciphertext")
        try:
            plain = self.cipher.decrypt(rest[:NONCE], rest[NONCE:], header)
        except InvalidTag:
            raise WireError("unauthentic") from None
        return decode(header[7], plain), int.from_bytes(rest[:NONCE], "big")


def frame_addresses(frame: bytes, is_tap: bool) -> tuple[bytes, bytes] | None:
    """Destination and source of a frame, as in subnets; None for what is neither Ethernet nor IP."""
    if is_tap:
        if len(frame) < 14:
            return None
        vlan = b""
        if frame[12:14] == b"\x81\x00" and len(frame) >= 16:
            # The number without the priority; 0 means that there is none.
            number = int.from_bytes(frame[14:16], "big") & 0xFFF
            vlan = struct.pack(">H", number) if number else b""
        return vlan + frame[0:6], vlan + frame[6:12]
    version = frame[0] >> 4 if frame else 0
    if version == 4 and len(frame) >= 20:
        return frame[16:20], frame[12:16]
    if version == 6 and len(frame) >= 40:
        return frame[24:40], frame[8:24]
    return None
