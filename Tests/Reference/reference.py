#!/usr/bin/python3
"""A second, deliberately simple implementation of the protocol, for tests of how implementations get along.

It runs as a real node on Linux (see --help), and `--self-test DIR` holds it against captures of other programs.
Needs Python 3.10 and the package 'cryptography' (Debian: python3-cryptography).
"""

from __future__ import annotations

import argparse
import errno
import fcntl
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

try:
    from node import Configured, Node, say
    from wire import DEFAULT_MAGIC, DIALECTS, METHODS, Endpoint, Sealer, Subnet, derive_key, derive_magic
except ModuleNotFoundError as missing:
    sys.exit(f"reference: the Python package '{missing.name}' is missing (Debian: python3-cryptography)")

MAX_ROUND = 64  # packets or frames in a row before others get their turn


def make_sealer(options: argparse.Namespace) -> Sealer:
    dialect = DIALECTS[options.compat]
    magic = derive_magic(options.magic, dialect) if options.magic else DEFAULT_MAGIC
    if not options.shared_key or options.crypto == "none":
        return Sealer(magic, 0, None)
    return Sealer(magic, METHODS[options.crypto], derive_key(options.shared_key, dialect), Sealer.first_nonce(dialect))


def open_device(options: argparse.Namespace) -> tuple[int, str]:
    """Creates the TUN or TAP device; returns its descriptor and name."""
    descriptor = os.open(options.device_path, os.O_RDWR | os.O_NONBLOCK)
    # TUNSETIFF with IFF_TUN or IFF_TAP, and IFF_NO_PI: nothing before the frame. Length and fields of struct ifreq.
    request = struct.pack("16sH22x", options.device.encode(), (2 if options.type == "tap" else 1) | 0x1000)
    return descriptor, fcntl.ioctl(descriptor, 0x400454CA, request)[:16].rstrip(b"\0").decode()


def open_sockets(port: int) -> dict[int, socket.socket]:
    """A UDP socket for each version of IP; a machine may have only one of them."""
    sockets: dict[int, socket.socket] = {}
    for version, family, host in ((4, socket.AF_INET, ""), (6, socket.AF_INET6, "::")):
        try:
            udp = socket.socket(family, socket.SOCK_DGRAM)
            if version == 6:
                udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            udp.setblocking(False)
            udp.bind((host, port))
            sockets[version] = udp
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise OSError(f"UDP port {port} is taken; --listen chooses another") from None
    if not sockets:
        raise OSError(f"cannot listen on UDP port {port}, neither over IPv4 nor over IPv6")
    return sockets


def run_command(command: str | None, name: str) -> None:
    if command and (status := subprocess.run(["sh", "-c", command], env={**os.environ, "IFNAME": name}).returncode):
        say(f"'{command}' ended with status {status}")


def write_statistics(node: Node, path: str | None, now: float) -> None:
    if path:
        try:
            Path(f"{path}.new").write_text(node.statistics(now))
            os.replace(f"{path}.new", path)
        except OSError as error:
            say(f"cannot write {path}: {error.strerror}")


def serve(node: Node, stop: socket.socket) -> None:
    """Hands packets, frames and seconds to the node until a signal comes."""
    selector = selectors.DefaultSelector()
    selector.register(stop, selectors.EVENT_READ)
    selector.register(node.device, selectors.EVENT_READ)
    for udp in node.sockets.values():
        selector.register(udp, selectors.EVENT_READ)
    tick_due, statistics_due = 0.0, 0.0
    while True:
        now = time.monotonic()
        if now >= tick_due:
            tick_due = now + 1
            node.tick(now)
        if now >= statistics_due:
            statistics_due = now + node.options.stats_interval
            write_statistics(node, node.options.stats_file, now)
        for key, _ in selector.select(max(0, tick_due - time.monotonic())):
            if key.fileobj is stop:
                return
            for _ in range(MAX_ROUND):
                try:
                    if key.fd == node.device:
                        node.take_frame(os.read(node.device, 65536))
                    else:
                        packet, address = key.fileobj.recvfrom(65536)
                        node.take_packet(packet, Endpoint.of(*address[:2]), time.monotonic())
                except BlockingIOError:
                    break
                except OSError as error:
                    if error.errno == errno.EBADFD or error.errno == errno.ENODEV:
                        raise OSError("the device is gone") from None
                    break  # an ICMP error for what was sent before, or a device that is down


def run(options: argparse.Namespace) -> int:
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.fileno())
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, lambda *_: None)
    try:
        sockets = open_sockets(options.listen)
        device, name = open_device(options)
    except PermissionError:
        return fail(f"cannot create a device through {options.device_path}: this needs root, or CAP_NET_ADMIN")
    except OSError as error:
        return fail(f"{options.device_path}, device '{options.device}': {error.strerror}" if error.strerror else error)
    node = Node(options, device, sockets)
    try:
        run_command(options.ifup, name)
        say(f"up, device {name}, port {options.listen}")
        serve(node, reader)
    except OSError as error:
        return fail(error)
    finally:
        node.close()
        write_statistics(node, options.stats_file, time.monotonic())
        run_command(options.ifdown, name)
        if options.verbose:
            say(f"dropped: {dict(node.dropped)}")
    say("down")
    return 0


def fail(problem: object) -> int:
    print(f"reference: {problem}", file=sys.stderr)
    return 1


def self_test(folder: Path) -> int:
    from vectors import check_folder

    captures, packets, faults = check_folder(folder)
    for fault in faults if captures else [f"there are no captures in {folder}"]:
        print(f"reference: {fault}", file=sys.stderr)
    say(f"self-test of {captures} captures with {packets} packets: {'failed' if faults or not captures else 'ok'}")
    return 1 if faults or not captures else 0


# The command line


def checked(read):
    """A reader of an option whose ValueError is told to the user."""

    def convert(text: str):
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


def number(low: int, high: int, what: str):
    def read(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise ValueError(f"'{text}' is no {what}: {low} to {high}")
        return int(text)

    return checked(read)


def device_name(text: str) -> str:
    if not 1 <= len(text.encode()) <= 15 or "/" in text or " " in text:
        raise ValueError(f"'{text}' is no name of a device: 1 to 15 characters, no blank or slash")
    return text


def parse_options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="reference", allow_abbrev=False, description=__doc__.split("\n")[0])
    add = parser.add_argument
    seconds = number(1, 65535, "number of seconds")
    add("-t", "--type", choices=["tap", "tun"], default="tap", help="what the device carries (tap)")
    add("-d", "--device", type=checked(device_name), default="vpncloud%d", help="name of the device (vpncloud%%d)")
    add("--device-path", default="/dev/net/tun", help="where devices are made (/dev/net/tun)")
    add("-m", "--mode", choices=["normal", "hub", "switch", "router"], default="normal", help="forwarding (normal)")
    add("-l", "--listen", type=number(1, 65535, "port"), default=3210, metavar="PORT", help="UDP port (3210)")
    add("-c", "--connect", type=checked(Configured), action="append", default=[], metavar="HOST:PORT",
        help="a peer to connect to; can be repeated")
    add("-s", "--subnet", "--subnets", dest="subnets", type=checked(Subnet.parse), action="append", default=[],
        metavar="SUBNET", help="addresses behind this node: 10.1.1.0/24; can be repeated")
    add("--shared-key", metavar="KEY", help="without one, nothing is encrypted")
    add("--crypto", choices=list(METHODS), default="chacha20", help="the cipher; none ignores the key (chacha20)")
    add("--magic", "--network-id", metavar="ID", help="8 hexadecimal digits, or hash:NAME (76706e01)")
    add("--compat", choices=list(DIALECTS), default="manual", help="which programs to speak like (manual)")
    add("--peer-timeout", type=seconds, default=1800, metavar="SECS", help="until a silent peer is dropped (1800)")
    add("--dst-timeout", type=seconds, default=300, metavar="SECS", help="until an address is forgotten (300)")
    add("--ifup", metavar="COMMAND", help="run by 'sh -c' with IFNAME set when the device is there")
    add("--ifdown", metavar="COMMAND", help="run in the same way at the end")
    add("--stats-file", metavar="FILE", help="write peers, table and drops there, as YAML")
    add("--stats-interval", type=seconds, default=60, metavar="SECS", help="how often (60)")
    add("--no-port-forwarding", action="store_true", help="accepted; there is no port forwarding here")
    add("-q", "--quiet", action="store_true", help="do not tell of peers")
    add("-v", "--verbose", action="store_true", help="tell at the end what was dropped")
    add("--self-test", type=Path, metavar="DIR", help="check against the captures in a folder, and do nothing else")
    options = parser.parse_args(arguments)
    if len(options.subnets) > 255:
        parser.error("there can be at most 255 subnets")
    try:
        options.sealer = make_sealer(options)
    except ValueError as error:
        parser.error(str(error))
    return options


def main() -> int:
    options = parse_options(sys.argv[1:])
    return self_test(options.self_test) if options.self_test else run(options)


if __name__ == "__main__":
    sys.exit(main())
