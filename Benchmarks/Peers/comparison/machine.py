"""What this machine is, and what else it does while something is measured."""

import os
import re
import subprocess
import sys
import time

TICKS = os.sysconf("SC_CLK_TCK")
CORES = os.cpu_count() or 1


def say(*words):
    """Progress, for whoever watches."""
    print(time.strftime("%H:%M:%S"), *words, file=sys.stderr, flush=True)


def first_line(command, pattern=r".*\S.*"):
    """The first match in what a command prints, or an empty text where there is none."""
    try:
        run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = re.search(pattern, run.stdout)
    return match.group(0).strip() if match else ""


def package_version(name):
    """The version of an installed Debian package, or an empty text."""
    try:
        run = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", name], capture_output=True, text=True)
    except OSError:
        return ""
    return run.stdout.strip() if run.returncode == 0 else ""


def description():
    """Cores, processor and kernel. Nothing that names the machine."""
    model = first_line(["lscpu"], r"Model name:.*").removeprefix("Model name:").strip()
    return {"cores": CORES, "processor": model or os.uname().machine, "architecture": os.uname().machine,
            "kernel": f"{os.uname().sysname} {os.uname().release}"}


# ------------------------------------------------------------------------------------------------ processes
def process_stat(pid):
    """Parent, own ticks, ticks of children that ended, and start time of a process; None where it is gone."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            text = file.read()
    except OSError:
        return None
    fields = text[text.rindex(")") + 2:].split()
    return int(fields[1]), int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14]), int(fields[19])


def cpu_seconds(pid):
    """User and system time of a process."""
    stat = process_stat(pid)
    return stat[1] / TICKS if stat else float("nan")


def resident_megabytes(pid):
    """Resident memory of a process (VmRSS), in units of 1024 * 1024 bytes."""
    try:
        with open(f"/proc/{pid}/status") as file:
            match = re.search(r"VmRSS:\s+(\d+)", file.read())
    except OSError:
        match = None
    return int(match.group(1)) / 1024 if match else float("nan")


def times():
    """Seconds since boot, all cores together: at work, and taken by the host below this machine."""
    with open("/proc/stat") as file:
        numbers = [int(number) / TICKS for number in file.readline().split()[1:9]]
    user, nice, system, _, _, interrupts, soft_interrupts, steal = numbers
    return user + nice + system + interrupts + soft_interrupts, steal


def foreign_ticks():
    """Ticks of every process that neither this one nor a kernel thread started, by process."""
    stats = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (stat := process_stat(name)):
            stats[int(name)] = stat
    children = {}
    for pid, stat in stats.items():
        children.setdefault(stat[0], []).append(pid)
    own, todo = set(), [os.getpid()]
    while todo:
        pid = todo.pop()
        own.add(pid)
        todo += children.get(pid, [])
    ancestors, pid = set(), os.getppid()
    while pid in stats:                                    # the ended children of these are ours
        ancestors.add(pid)
        pid = stats[pid][0]
    return {(pid, stat[3]): stat[1] + (0 if pid in ancestors else stat[2])
            for pid, stat in stats.items() if pid not in own and pid != 2 and stat[0] != 2}


class Watch:
    """What others did on this machine during one measurement."""

    def __enter__(self):
        self.began, self.times, self.ticks = time.monotonic(), times(), foreign_ticks()
        return self

    def __exit__(self, *_):
        wall = (time.monotonic() - self.began) * CORES
        after = foreign_ticks()
        foreign = sum(ticks - self.ticks.get(process, 0) for process, ticks in after.items()) / TICKS
        self.foreign = max(0, foreign) / wall
        self.steal = (times()[1] - self.times[1]) / wall

    @property
    def disturbed(self):
        """Why the measurement is not to be trusted, or None."""
        if self.foreign > 0.015:
            return f"others used {self.foreign:.1%} of the machine"
        if self.steal > 0.03:
            return f"the host took {self.steal:.1%} of the machine"
        return None


def wait_until_quiet(limit):
    """Waits, at most `limit` seconds, until others leave the machine alone for two seconds. Whether they did."""
    end, quiet = time.monotonic() + limit, 0
    while time.monotonic() < end:
        with Watch() as watch:
            time.sleep(1)
        quiet = 0 if watch.disturbed else quiet + 1
        if quiet == 2:
            return True
    return False
