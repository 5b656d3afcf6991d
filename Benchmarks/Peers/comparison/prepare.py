"""What the comparison needs besides packages: the yardstick, and a second wireguard-go beside Debian's."""

import glob
import os
import shutil

from .drivers import BUILT, WIREGUARD_2023, YARDSTICK
from .machine import say
from .network import Failure, run

SOURCE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "yardstick.c")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def build_yardstick():
    """Builds the bare C loop where it is missing or older than its source."""
    if os.path.exists(YARDSTICK) and os.path.getmtime(YARDSTICK) >= os.path.getmtime(SOURCE):
        return
    os.makedirs(BUILT, exist_ok=True)
    run(["gcc", "-O3", "-march=native", "-o", YARDSTICK, SOURCE, "-lIPSec_MB", "-lsodium"])


def mirror():
    """Where this machine has its Debian packages from."""
    for line in run(["apt-get", "indextargets", "--format", "$(ORIGIN)|$(CODENAME)|$(REPO_URI)"]).splitlines():
        origin, codename, uri = line.split("|")
        if origin == "Debian" and codename == "bookworm":
            return uri
    raise Failure("apt knows no archive of Debian 12; 'apt-get update' may help")


def fetch_wireguard():
    """Unpacks the wireguard-go of bookworm-backports into a folder of ours. Nothing is installed.

    apt works on lists and sources of its own there, so that the machine's stay as they are.
    """
    if os.path.exists(WIREGUARD_2023):
        return
    with open("/etc/os-release") as file:
        if "bookworm" not in file.read():
            raise Failure("this is not Debian 12")
    folder = f"{BUILT}/apt"
    os.makedirs(f"{folder}/lists/partial", exist_ok=True)
    with open(f"{folder}/sources.list", "w") as file:
        file.write(f"deb [signed-by={KEYRING}] {mirror()} bookworm-backports main\n")
    apt = ["apt-get", "-q", "-o", f"Dir::Etc::SourceList={folder}/sources.list", "-o",
           "Dir::Etc::SourceParts=/dev/null", "-o", f"Dir::State::Lists={folder}/lists", "-o", f"Dir::Cache={folder}",
           "-o", "APT::Sandbox::User=root", "-o", "Acquire::http::Timeout=20", "-o", "Acquire::Retries=1"]
    run([*apt, "update"], timeout=180)
    run([*apt, "download", "wireguard-go/bookworm-backports"], cwd=folder, timeout=180)
    packages = glob.glob(f"{folder}/wireguard-go_*.deb")
    if not packages:
        raise Failure("apt-get downloaded nothing")
    run(["dpkg", "-x", packages[0], f"{BUILT}/wireguard-go-2023"])
    shutil.rmtree(folder)


def prepare():
    """All of it. What cannot be had is said, and is missing in the table."""
    for what, action in (("the yardstick", build_yardstick), ("the wireguard-go of 2023", fetch_wireguard)):
        try:
            action()
        except (Failure, OSError, TimeoutError) as fault:
            say(f"without {what}: {fault}")
        except Exception as fault:                         # subprocess.TimeoutExpired, and whatever apt meets
            say(f"without {what}: {type(fault).__name__}: {fault}")
