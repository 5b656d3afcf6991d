"""Two network namespaces joined by a cable, and the processes in them.

The namespaces have no names: they live as long as a process in them. Every process started here dies with this one,
by the kernel (PR_SET_PDEATHSIG), so nothing stays behind however the run ends, and nothing else is ever signalled.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time

from .machine import say

SIDES = ("a", "b")
OTHER = {"a": "b", "b": "a"}
OUTER = {"a": "192.0.2.1", "b": "192.0.2.2"}
INNER = {"a": "10.99.1.1", "b": "10.99.2.1"}
SUBNET = {"a": "10.99.1.0/24", "b": "10.99.2.0/24"}
DEVICE = {"a": "vbta", "b": "vbtb"}
CABLE = "vbcable"
MTU = 1400
UNDERLAYS = ("fast", "nic")

PR_SET_PDEATHSIG = 1
CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


class Failure(Exception):
    """What went wrong, for the results."""


def die_with_parent():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def run(command, check=True, **options):
    """Runs a command and gives what it printed."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if check and done.returncode:
        raise Failure(f"{' '.join(command)}: status {done.returncode}: {done.stdout.strip()[-600:]}")
    return done.stdout


class Namespace:
    """A network namespace of its own, kept by a process that does nothing."""

    def __init__(self):
        def prepare():
            die_with_parent()
            if libc.unshare(CLONE_NEWNET):
                os._exit(1)
        self.keeper = subprocess.Popen(["sleep", "infinity"], preexec_fn=prepare, stdin=subprocess.DEVNULL)
        self.file = os.open(f"/proc/{self.keeper.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.run(["ip", "link", "set", "lo", "up"])

    def enter(self):
        """What a child process does before it becomes its program."""
        die_with_parent()
        if libc.setns(self.file, CLONE_NEWNET):
            os._exit(1)

    def run(self, command, check=True, **options):
        """Runs a command in the namespace and gives what it printed."""
        return run(command, check, preexec_fn=self.enter, **options)

    def read(self, path):
        """A file below /proc/net, as this namespace has it."""
        try:
            with open(f"/proc/{self.keeper.pid}/net/{path}") as file:
                return file.read()
        except OSError:
            return ""

    def has_device(self, name):
        """Whether the namespace has a device of that name."""
        return f" {name}:" in self.read("dev").replace("\n", "\n ")

    def close(self):
        os.close(self.file)
        self.keeper.kill()
        self.keeper.wait()


def stop(process, grace=2.0):
    """Ends a process of ours: politely first."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Network:
    """Two namespaces, `a` and `b`, with a cable between them.

    underlay "fast": the cable as the kernel makes it, which passes packets of 64 KiB on unsplit.
    underlay "nic": without segmentation offload (TSO, GSO), with GRO: as a plain network card.
    """

    def __init__(self, underlay="fast", keep_files=False):
        self.processes, self.daemons, self.inner = [], {}, dict(INNER)
        self.ready = {}                                    # seconds from the start of a daemon to its device
        self.sockets = []                                  # files outside of our folder, to be removed
        self.keep_files = keep_files
        self.folder = tempfile.mkdtemp(prefix="vpn-peers-")
        self.namespaces = {}
        try:
            for side in SIDES:
                self.namespaces[side] = Namespace()
            self.lay_cable(underlay)
        except BaseException:
            self.close()
            raise

    def lay_cable(self, underlay):
        peer = str(self.namespaces["b"].keeper.pid)
        self.run("a", ["ip", "link", "add", CABLE, "mtu", "1500", "type", "veth", "peer", "name", CABLE, "mtu", "1500",
                       "netns", peer])
        for side in SIDES:
            self.run(side, ["ip", "addr", "add", OUTER[side] + "/24", "dev", CABLE])
            self.run(side, ["ip", "link", "set", CABLE, "up"])
            if underlay == "nic":
                self.run(side, ["ethtool", "-K", CABLE, "tso", "off", "gso", "off", "tx-udp-segmentation", "off",
                                "gro", "on"])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def run(self, side, command, check=True, **options):
        return self.namespaces[side].run(command, check, **options)

    def spawn(self, side, command, environment=None, output=None):
        """Starts a process in a namespace."""
        log = output or open(f"{self.folder}/{side}-{os.path.basename(command[0])}-{len(self.processes)}.log", "wb")
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT if output is None else None,
            env={**os.environ, **(environment or {})}, cwd=self.folder, preexec_fn=self.namespaces[side].enter)
        if output is None:
            log.close()
        self.processes.append(process)
        return process

    def daemon(self, side, command, device=None, environment=None):
        """Starts the VPN of a side, in the foreground, and waits for its device."""
        device = device or DEVICE[side]
        began = time.monotonic()
        self.daemons[side] = self.spawn(side, command, environment)
        while not self.namespaces[side].has_device(device):
            if time.monotonic() - began > 15:
                raise Failure(f"no device {device} on side {side}\n{self.logs()}")
            self.check_daemons()
            time.sleep(0.001)
        self.ready[side] = time.monotonic() - began

    def configure(self, side, device=None):
        """Gives a device its address and MTU, and switches it on."""
        device = device or DEVICE[side]
        self.run(side, ["ip", "addr", "add", f"{self.inner[side]}/16", "dev", device])
        self.run(side, ["ip", "link", "set", device, "mtu", str(MTU), "up"])

    def write(self, name, text, mode=0o600):
        """A file in the folder of this network."""
        path = f"{self.folder}/{name}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def check_daemons(self):
        for side, process in self.daemons.items():
            if process.poll() is not None:
                raise Failure(f"the VPN of side {side} ended with {process.returncode}\n{self.logs()}")

    def logs(self, limit=1500):
        """The ends of everything that the processes printed."""
        text = ""
        for name in sorted(os.listdir(self.folder)):
            if name.endswith(".log"):
                with open(f"{self.folder}/{name}", errors="replace") as file:
                    text += f"--- {name}\n{file.read()[-limit:]}\n"
        return text

    def wait_for_ping(self, limit=40):
        """Waits until a ping goes through the tunnel and comes back."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            self.check_daemons()
            if " 1 received" in self.run("a", ["ping", "-n", "-c", "1", "-W", "1", self.inner["b"]], check=False):
                return
            time.sleep(0.1)
        raise Failure("no ping comes through the tunnel\n" + self.logs())

    def close(self):
        for process in reversed(self.processes):
            stop(process)
        for namespace in self.namespaces.values():
            namespace.close()
        for path in self.sockets:
            if os.path.exists(path):
                os.unlink(path)
        self.processes, self.namespaces, self.sockets = [], {}, []
        if self.keep_files:
            say("configurations and logs are in", self.folder)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
