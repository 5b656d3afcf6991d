"""What is measured of a VPN that is up. Each measurement gives numbers by name."""

import json
import re
import subprocess
import time

from . import machine
from .network import Failure, stop

CONGESTION_CONTROL = "cubic"    # for all: the system's own choice may differ, and cannot be set in a namespace
IPERF_PORT = 5201


def listens(namespace):
    """Whether iperf3's server is ready."""
    rows = (line.split() for line in namespace.read("tcp").splitlines()[1:])
    return any(row[3] == "0A" and int(row[1].split(":")[1], 16) == IPERF_PORT for row in rows)


def iperf(network, options, seconds):
    """One run of iperf3 from a to b. Gives the `end` records of client and server."""
    with open(f"{network.folder}/iperf-server.json", "wb+") as output:
        server = network.spawn("b", ["iperf3", "-s", "-1", "-J", "-B", network.inner["b"]], output=output)
        try:
            end = time.monotonic() + 10
            while not listens(network.namespaces["b"]):
                if server.poll() is not None or time.monotonic() > end:
                    raise Failure("iperf3's server did not start")
                time.sleep(0.02)
            command = ["iperf3", "-J", "-c", network.inner["b"], "-B", network.inner["a"], "-t", str(seconds)]
            client = json.loads(network.run("a", command + options, check=False, timeout=seconds + 45))
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                pass
            output.seek(0)
            text = output.read()
        except subprocess.TimeoutExpired as fault:
            raise Failure("iperf3 did not end") from fault
        except ValueError as fault:
            raise Failure("iperf3 printed no JSON") from fault
        finally:
            stop(server)
            network.processes.remove(server)
    if "error" in client:
        raise Failure("iperf3: " + client["error"])
    try:
        return client["end"], json.loads(text)["end"]
    except (ValueError, KeyError):
        return client["end"], {}


def stream(network, plan, name="tcp1"):
    """One TCP stream: rate, what the daemons spent on it, and their memory afterwards."""
    pids = [process.pid for process in network.daemons.values()]
    before = sum(map(machine.cpu_seconds, pids)), machine.times()[0]
    end, _ = iperf(network, ["-C", CONGESTION_CONTROL], plan.seconds)
    after = sum(map(machine.cpu_seconds, pids)), machine.times()[0]
    received = end["sum_received"]
    gigabytes = received["bytes"] / 1e9
    result = {name: received["bits_per_second"] / 1e9,
              f"{name}_retransmits": end["sum_sent"].get("retransmits"),
              f"{name}_machine_cpu": (after[1] - before[1]) / gigabytes}
    if pids:
        result[f"{name}_cpu"] = (after[0] - before[0]) / gigabytes
        result["resident"] = max(map(machine.resident_megabytes, pids))
    return result


def four_streams(network, plan):
    """Four TCP streams at once: their sum."""
    end, _ = iperf(network, ["-P", "4", "-C", CONGESTION_CONTROL], plan.seconds)
    return {"tcp4": end["sum_received"]["bits_per_second"] / 1e9}


def both_directions(network, plan):
    """A TCP stream each way at once: the sum, and the share of the slower one."""
    end, _ = iperf(network, ["--bidir", "-C", CONGESTION_CONTROL], plan.seconds)
    rates = [end[key]["bits_per_second"] / 1e9 for key in ("sum_received", "sum_received_bidir_reverse")]
    return {"bidir": sum(rates), "bidir_share": min(rates) / sum(rates)}


def datagrams(network, size, seconds, rate=None):
    """Offers UDP datagrams of a size, at a rate or as fast as it goes.

    Gives how many a second (in thousands) were sent, and how many arrived, as the receiver counted them.
    """
    bits = f"{int(rate * size * 8)}K" if rate else "0"
    client, server = iperf(network, ["-u", "-b", bits, "-l", str(size), "-w", "2M"], seconds)
    sent = client["streams"][0]["udp"]["packets"] if client.get("streams") else client["sum"]["packets"]
    counted = server.get("sum") or client["sum"]
    arrived = max(0, counted["packets"] - counted["lost_packets"])
    duration = client["sum"]["seconds"]
    return sent / duration / 1000, arrived / duration / 1000


def highest_rate(network, plan, size=1200):
    """The highest rate of UDP datagrams of which fewer than 1% are lost, in thousands a second.

    Goes up by quarters until two tries at a rate fail, then halves the gap three times.
    """
    best, rate, failed = 0.0, 60.0, None

    def passes(rate):
        nonlocal best
        for _ in range(2):                                 # with few cores a try may fail by where processes ran
            sent, arrived = datagrams(network, size, plan.search_seconds, rate)
            if sent < 0.9 * rate:
                return None                                # the sender is at its own limit
            if arrived >= 0.99 * sent:
                best = max(best, arrived)
                return True
        return False

    while rate < 1500:
        outcome = passes(rate)
        if outcome:
            rate *= 1.25
            continue
        failed = rate
        break
    if failed:
        low, high, halvings = (failed / 1.25 if best else 0.0), failed, 0
        while halvings < plan.search_steps or (not best and halvings < 6):
            halvings += 1
            middle = (low + high) / 2
            if passes(middle):
                low = middle
            else:
                high = middle
    return {"udp1200": best}


def overload(network, plan):
    """UDP datagrams of 64 bytes as fast as the sender can: how many thousands a second arrive."""
    sent, arrived = datagrams(network, 64, plan.udp_seconds)
    return {"udp64": arrived, "udp64_sent": sent}


def round_trip(network, plan):
    """Pings of an idle tunnel, one every two milliseconds: microseconds there and back."""
    text = network.run("a", ["ping", "-n", "-i", "0.002", "-c", str(plan.pings), "-W", "1", network.inner["b"]],
                       check=False, timeout=plan.pings * 0.002 + 60)
    times = sorted(float(number) * 1000 for number in re.findall(r"time=([\d.]+)", text))
    if len(times) < plan.pings * 0.9:
        raise Failure(f"only {len(times)} of {plan.pings} pings came back")
    return {"rtt": times[len(times) // 2], "rtt_p99": times[int(len(times) * 0.99) - 1]}


def warm_up(network, plan):
    """Large pings, for those that look for the MTU of the path, and a stream that is not counted."""
    network.run("a", ["ping", "-n", "-q", "-s", "1372", "-M", "do", "-i", "0.05", "-c", "20", "-W", "1",
                      network.inner["b"]], check=False)
    iperf(network, ["-C", CONGESTION_CONTROL], plan.warm_seconds)


# Those over the usual underlay, in this order; "nic" is one stream over the other.
STEPS = {"ping": round_trip, "tcp1": stream, "tcp4": four_streams, "bidir": both_directions, "udp1200": highest_rate,
         "udp64": overload}
NIC_STEP = "nic"
START_STEP = "start"
CROWD_STEP = "crowd"
ALL_STEPS = [*STEPS, NIC_STEP, START_STEP, CROWD_STEP]


def seconds_of(step, plan):
    """About how long a step takes, to say when a run will end."""
    return {"ping": plan.pings * 0.0021, "tcp1": plan.seconds + 0.3, "tcp4": plan.seconds + 0.3,
            "bidir": plan.seconds + 0.3, "udp1200": (plan.search_seconds + 0.4) * (9 + plan.search_steps),
            "udp64": plan.udp_seconds + 0.3, NIC_STEP: plan.seconds + plan.warm_seconds + 5}.get(step, 0)
