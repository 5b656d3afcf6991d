"""A node with a thousand peers, over loopback.

The peers are one program that speaks the protocol without encryption: each has an address of 127.0.0.0/8, says hello
with an Init message that claims an address inside of the tunnel, and sends a ping through the tunnel. The kernel behind
the node answers it, and the answer finds its way back to that peer only where the node has it as one and knows its
claim. So as many answers as peers is the proof that they are.
"""

import json
import os
import select
import socket
import struct
import subprocess
import sys
import time

from .machine import resident_megabytes
from .network import Failure, Namespace, stop

MAGIC = b"vpn\x01"
DATA, INIT = 0, 2
NODE = ("127.0.0.1", 3210)      # which listens on all addresses, so the peers need another port
PEER_PORT = 3211
INSIDE = "10.98.0.1"


def header(kind):
    """The header of a packet without encryption."""
    return MAGIC + bytes([0, 0, 0, kind])


def claim(index):
    """The address inside of the tunnel that a peer claims."""
    return bytes([10, 98, 1 + index // 250, 1 + index % 250])


def init(index):
    """The first message of a peer: stage 0, a node id, one subnet of one address."""
    node_id = struct.pack(">QQ", 0x7065657273, index + 1)
    return header(INIT) + b"\x00" + node_id + b"\x01\x04" + claim(index) + b"\x20"


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ping(index):
    """A data packet: an ICMP echo request from the peer's address to the node's."""
    echo = struct.pack(">BBHHH", 8, 0, 0, index, 1)
    echo = echo[:2] + struct.pack(">H", checksum(echo)) + echo[4:]
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(echo), 0, 0, 64, 1, 0, claim(index), socket.inet_aton(INSIDE))
    ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
    return header(DATA) + ip + echo


def exchange(sockets, waiting, packet, is_answer, limit):
    """Sends each waiting peer's packet, again each second, until all have an answer or the time is up."""
    poll = select.poll()
    by_file = {}
    for index in waiting:
        by_file[sockets[index].fileno()] = index
        poll.register(sockets[index], select.POLLIN)
    end = time.monotonic() + limit
    while waiting and time.monotonic() < end:
        for count, index in enumerate(sorted(waiting)):
            sockets[index].sendto(packet(index), NODE)
            if count % 20 == 19:
                time.sleep(0.002)
        again = time.monotonic() + 1
        while waiting and time.monotonic() < again:
            for file, _ in poll.poll(100):
                index = by_file[file]
                if is_answer(sockets[index].recv(65536)):
                    waiting.discard(index)
    return waiting


def play(count):
    """Plays `count` peers; gives how many of them the node knows, and how many it exchanges data with."""
    sockets = []
    for index in range(count):
        peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        peer.bind((f"127.1.{index // 250}.{1 + index % 250}", PEER_PORT))
        sockets.append(peer)
    unknown = exchange(sockets, set(range(count)), init, lambda data: data[7] == INIT and data[8] == 1, 30)
    silent = exchange(sockets, set(range(count)), ping, lambda data: data[7] == DATA and data[28] == 0, 30)
    return {"known": count - len(unknown), "exchanging": count - len(silent)}


def measure(driver, count):
    """The resident memory of a node with so many peers, in megabytes."""
    namespace = Namespace()
    node = crowd = None
    try:
        command = driver.command("vbta", NODE[1], subnet=INSIDE + "/32") + ["--quiet"]
        node = subprocess.Popen(command, preexec_fn=namespace.enter, stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while not namespace.has_device("vbta"):
            if node.poll() is not None or time.monotonic() > end:
                raise Failure("the node for a thousand peers did not start")
            time.sleep(0.01)
        namespace.run(["ip", "addr", "add", INSIDE + "/16", "dev", "vbta"])
        namespace.run(["ip", "link", "set", "vbta", "mtu", "1400", "up"])
        before = resident_megabytes(node.pid)
        folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        crowd = subprocess.Popen([sys.executable, "-B", "-m", "comparison.crowd", str(count)], cwd=folder, text=True,
                                 preexec_fn=namespace.enter, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        text, _ = crowd.communicate(timeout=90)
        outcome = json.loads(text)
        if outcome != {"known": count, "exchanging": count}:
            raise Failure(f"not all of {count} simulated peers became peers: {outcome}")
        return {"crowd_peers": count, "crowd_resident_without": before,
                "crowd_resident": resident_megabytes(node.pid)}
    finally:
        for process in (crowd, node):
            if process:
                stop(process)
        namespace.close()


if __name__ == "__main__":
    print(json.dumps(play(int(sys.argv[1]))))
