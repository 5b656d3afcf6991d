"""How each VPN is started between the two sides."""

import os
import re
import shutil
import subprocess
import time

from .machine import first_line, package_version
from .network import DEVICE, INNER, MTU, OTHER, OUTER, SUBNET, Failure, run

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
BUILT = f"{ROOT}/.build/peers"
YARDSTICK = f"{BUILT}/yardstick"
WIREGUARD_2023 = f"{BUILT}/wireguard-go-2023/usr/bin/wireguard-go"
PROGRAM = os.environ.get("VPNCLOUD_PROGRAM", f"{ROOT}/.build/release/vpncloud")
PASSWORD = "a password for the comparison"


class Driver:
    """One VPN with one choice of options.

    start() leaves one daemon a side, with the addresses of `INNER` and the MTU of 1400 on its device.
    """

    name = ""
    title = ""
    programs = ()
    is_peer = True          # one of the others, that "the best peer" is chosen from
    settle = 1.0            # seconds from the first ping to the first measurement

    def missing(self):
        """What is not on this machine, or None."""
        for program in self.programs:
            if not shutil.which(program):
                return os.path.relpath(program, ROOT) if os.path.isabs(program) else program
        return None

    def version(self):
        return ""

    def start(self, network):
        raise NotImplementedError


class Nothing(Driver):
    """No VPN: the cable itself."""

    name, title, settle, is_peer = "none", "no VPN: the raw veth pair, MTU 1500", 0.0, False

    def start(self, network):
        network.inner = dict(OUTER)


class Yardstick(Driver):
    programs, is_peer = (YARDSTICK,), False
    modes = {"none": 0, "sodium-aes": 1, "aes": 2, "sodium-chacha": 3, "chacha": 4}

    def __init__(self, crypto):
        self.name, self.crypto = f"yardstick-{crypto}", crypto
        self.title = f"the bare C loop, {crypto}"

    def version(self):
        return f"ipsec-mb {package_version('libipsec-mb-dev')}, libsodium {package_version('libsodium-dev')}"

    def start(self, network):
        for side in "ba":
            network.daemon(side, [YARDSTICK, DEVICE[side], OUTER[side], OUTER[OTHER[side]],
                                  str(self.modes[self.crypto]), "1"])
            network.configure(side)


class Vpncloud(Driver):
    """This program. `options` are handed on."""

    programs, is_peer = (PROGRAM,), False

    def __init__(self, crypto, device="tun", suffix="", options=()):
        short = {"aes256": "aes", "chacha20": "chacha", None: "none"}[crypto]
        self.name = "-".join(part for part in ("vpncloud", short, device if device != "tun" else "", suffix) if part)
        self.title = " ".join(("this program,", crypto or "no encryption,", device, *options))
        self.crypto, self.device, self.options = crypto, device, list(options)

    def missing(self):
        if missing := super().missing():
            return missing
        if self.options:
            text = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True).stdout
            return next((f"vpncloud with {option}" for option in self.options
                         if option.startswith("--") and option not in text), None)
        return None

    def version(self):
        text = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True).stdout
        return "; ".join(text.split("\n")).strip("; ")

    def command(self, device, port, peer=None, subnet=None):
        """The command line of one node."""
        command = [PROGRAM, "--type", self.device, "--device", device, "--listen", str(port), "--no-port-forwarding"]
        command += ["--connect", peer] if peer else []
        command += ["--subnet", subnet] if subnet and self.device == "tun" else []
        command += ["--shared-key", PASSWORD, "--crypto", self.crypto] if self.crypto else []
        return command + self.options

    def start(self, network):
        for side in "ba":
            network.daemon(side, self.command(DEVICE[side], 3210, f"{OUTER[OTHER[side]]}:3210", SUBNET[side]))
            network.configure(side)


class WireguardGo(Driver):
    def __init__(self, name, title, program):
        self.name, self.title, self.program = name, title, program
        self.programs = (program, "wg")

    def version(self):
        return first_line([self.program, "--version"], r"v[\d.]+")

    def start(self, network):
        private, public = {}, {}
        for side in "ab":
            key = run(["wg", "genkey"]).strip()
            private[side] = network.write(f"{side}.key", key + "\n")
            public[side] = run(["wg", "pubkey"], input=key + "\n").strip()
        for side in "ab":
            device = f"vb{os.getpid()}{side}"              # its control socket is in a folder that all share
            socket = f"/var/run/wireguard/{device}.sock"
            network.sockets.append(socket)
            network.daemon(side, [self.program, "-f", device], device, {"LOG_LEVEL": "error"})
            end = time.monotonic() + 5
            while not os.path.exists(socket) and time.monotonic() < end:
                time.sleep(0.02)
            network.run(side, [
                "wg", "set", device, "listen-port", "51820", "private-key", private[side], "peer",
                public[OTHER[side]], "allowed-ips", "10.99.0.0/16", "endpoint", f"{OUTER[OTHER[side]]}:51820"])
            network.configure(side, device)


class Nebula(Driver):
    programs = ("nebula", "nebula-cert")

    def __init__(self, name, cipher):
        self.name, self.cipher, self.title = name, cipher, f"nebula, {cipher}"

    def version(self):
        return package_version("nebula")

    def start(self, network):
        folder = network.folder
        run(["nebula-cert", "ca", "-name", "peers", "-out-crt", f"{folder}/ca.crt", "-out-key", f"{folder}/ca.key"])
        for side in "ba":
            other = OTHER[side]
            run(["nebula-cert", "sign", "-ca-crt", f"{folder}/ca.crt", "-ca-key", f"{folder}/ca.key", "-name", side,
                 "-ip", f"{INNER[side]}/16", "-out-crt", f"{folder}/{side}.crt", "-out-key", f"{folder}/{side}.key"])
            path = network.write(f"{side}.yml", f"""
pki: {{ca: {folder}/ca.crt, cert: {folder}/{side}.crt, key: {folder}/{side}.key}}
static_host_map: {{"{INNER[other]}": ["{OUTER[other]}:4242"]}}
lighthouse: {{am_lighthouse: false, interval: 60, hosts: []}}
listen: {{host: {OUTER[side]}, port: 4242}}
punchy: {{punch: false}}
cipher: {self.cipher}
tun: {{disabled: false, dev: {DEVICE[side]}, tx_queue: 500, mtu: {MTU}, routes: [], unsafe_routes: []}}
logging: {{level: warning, format: text}}
firewall:
  outbound: [{{port: any, proto: any, host: any}}]
  inbound: [{{port: any, proto: any, host: any}}]
""")
            network.daemon(side, ["nebula", "-config", path])


class Openvpn(Driver):
    programs = ("openvpn", "openssl")

    def __init__(self, name, cipher):
        self.name, self.cipher, self.title = name, cipher, f"openvpn, {cipher}"

    def version(self):
        return package_version("openvpn")

    def start(self, network):
        folder, fingerprint = network.folder, {}
        for side in "ab":
            run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                 "-days", "30", "-subj", f"/CN={side}", "-keyout", f"{folder}/{side}.key", "-out",
                 f"{folder}/{side}.crt"])
            text = run(["openssl", "x509", "-in", f"{folder}/{side}.crt", "-noout", "-fingerprint", "-sha256"])
            fingerprint[side] = text.split("=")[1].strip()
        for side in "ba":
            other = OTHER[side]
            network.daemon(side, [
                "openvpn", "--dev", DEVICE[side], "--dev-type", "tun", "--proto", "udp4", "--local", OUTER[side],
                "--lport", "1194", "--remote", OUTER[other], "1194",
                *(["--tls-server", "--dh", "none"] if side == "b" else ["--tls-client"]),
                "--cert", f"{folder}/{side}.crt", "--key", f"{folder}/{side}.key",
                "--peer-fingerprint", fingerprint[other], "--ifconfig", INNER[side], INNER[other],
                "--tun-mtu", str(MTU), "--mssfix", "0", "--data-ciphers", self.cipher, "--cipher", self.cipher,
                "--data-ciphers-fallback", self.cipher, "--disable-dco", "--fast-io"])


class Fastd(Driver):
    programs = ("fastd",)

    def __init__(self, name, method):
        self.name, self.method, self.title = name, method, f"fastd, {method}"

    def version(self):
        return package_version("fastd")

    def start(self, network):
        secret, public = {}, {}
        for side in "ab":
            text = run(["fastd", "--generate-key"])
            secret[side] = re.search(r"Secret: (\w+)", text).group(1)
            public[side] = re.search(r"Public: (\w+)", text).group(1)
        for side in "ba":
            other = OTHER[side]
            path = network.write(f"{side}.conf", f"""
log level warn;
mode tun;
interface "{DEVICE[side]}";
mtu {MTU};
method "{self.method}";
secret "{secret[side]}";
bind {OUTER[side]}:10000;
on up "ip addr add {INNER[side]}/16 dev $INTERFACE; ip link set dev $INTERFACE mtu {MTU} up";
peer "{other}" {{ key "{public[other]}"; remote {OUTER[other]}:10000; }}
""")
            network.daemon(side, ["fastd", "--config", path])
            time.sleep(0.5)                                # who is not heard at first tries again after 20 s


class Tinc(Driver):
    name, title, programs, settle = "tinc", "tinc 1.0, AES-256-CBC and SHA-256", ("tincd",), 6.0

    def version(self):
        return package_version("tinc")

    def start(self, network):
        folder = network.folder
        for side in "ab":
            network.write(f"{side}/tinc.conf", f"Name = n{side}\nInterface = {DEVICE[side]}\nDeviceType = tun\n"
                          "Mode = router\nAddressFamily = ipv4\nPingInterval = 3600\n"
                          + ("ConnectTo = nb\n" if side == "a" else ""))
            network.write(f"{side}/hosts/n{side}", f"Address = {OUTER[side]} 655\nSubnet = {SUBNET[side]}\n")
            network.write(f"{side}/tinc-up", f"#!/bin/sh\nip addr add {INNER[side]}/16 dev $INTERFACE\n"
                          f"ip link set dev $INTERFACE mtu {MTU} up\n", 0o755)
            run(["tincd", "-c", f"{folder}/{side}", "-K2048"], stdin=subprocess.DEVNULL)
        for side in "ab":
            shutil.copy(f"{folder}/{side}/hosts/n{side}", f"{folder}/{OTHER[side]}/hosts/n{side}")
        for side in "ba":
            network.daemon(side, ["tincd", "-D", "-c", f"{folder}/{side}", f"--pidfile={folder}/{side}.pid"])
            time.sleep(0.3)


DRIVERS = {driver.name: driver for driver in (
    Nothing(),
    Yardstick("none"), Yardstick("aes"), Yardstick("chacha"), Yardstick("sodium-aes"), Yardstick("sodium-chacha"),
    Vpncloud("aes256"), Vpncloud("chacha20"), Vpncloud("aes256", "tap"), Vpncloud("chacha20", "tap"), Vpncloud(None),
    Vpncloud("aes256", suffix="plain", options=("--no-offload",)),
    Vpncloud("aes256", suffix="sodium", options=("--crypto-provider", "libsodium")),
    Vpncloud("chacha20", suffix="sodium", options=("--crypto-provider", "libsodium")),
    WireguardGo("wireguard-go", "wireguard-go of 2022, in Debian 12", "wireguard-go"),
    WireguardGo("wireguard-go-2023", "wireguard-go of 2023, with offload, in Debian 12's backports", WIREGUARD_2023),
    Nebula("nebula-aes", "aes"), Nebula("nebula-chacha", "chachapoly"),
    Openvpn("openvpn-aes", "AES-256-GCM"), Openvpn("openvpn-chacha", "CHACHA20-POLY1305"),
    Fastd("fastd", "salsa2012+umac"),
    Tinc(),
)}

USUAL = [name for name in DRIVERS if name not in (
    "yardstick-none", "yardstick-sodium-aes", "yardstick-sodium-chacha", "vpncloud-none", "vpncloud-aes-plain",
    "vpncloud-aes-sodium", "vpncloud-chacha-sodium")]


def choose(names):
    """The drivers of these names; a Failure names what is unknown."""
    unknown = [name for name in names if name not in DRIVERS]
    if unknown:
        raise Failure(f"unknown: {', '.join(unknown)}. Known are: {', '.join(DRIVERS)}")
    return [DRIVERS[name] for name in names]
