"""What this program is to reach, as ratios between medians of one run."""

from .drivers import DRIVERS

AT_LEAST, AT_MOST = "at least", "at most"


class Comparison:
    """One aim: a figure of this program, by a figure of another, at least or at most so much."""

    def __init__(self, row, driver, measure, sense, aim, other=None, other_measure=None, unit=""):
        self.row, self.driver, self.measure, self.sense, self.aim = row, driver, measure, sense, aim
        self.other, self.other_measure, self.unit = other, other_measure or measure, unit

    def judge(self, medians):
        """What was measured, and whether it is enough: (by what, value, True, False or None where a figure lacks)."""
        value = medians.get(self.driver, {}).get(self.measure)
        against = self.other or ""
        if self.other == "best peer":
            peers = {name: rows[self.other_measure] for name, rows in medians.items()
                     if name in DRIVERS and DRIVERS[name].is_peer and rows.get(self.other_measure) is not None}
            best = (max if self.sense == AT_LEAST else min)(peers, key=peers.get, default=None)
            against = f"best peer, {best}" if best else self.other
            reference = peers.get(best)
        elif self.other:
            reference = medians.get(self.other, {}).get(self.other_measure)
        else:
            reference = 1
        if value is None or not reference:
            return against, None, None
        ratio = value / reference
        return against, ratio, ratio >= self.aim if self.sense == AT_LEAST else ratio <= self.aim

    def text(self, number):
        """A value as this aim counts it."""
        if number is None:
            return "-"
        return f"{number:.2f} x" if self.other else f"{number:.3g}{self.unit}"


AES, CHACHA, AES_TAP, CHACHA_TAP = "vpncloud-aes", "vpncloud-chacha", "vpncloud-aes-tap", "vpncloud-chacha-tap"

AIMS = (
    Comparison("TCP, one stream, AES-256, tun", AES, "tcp1", AT_LEAST, 0.9, "yardstick-aes"),
    Comparison("TCP, one stream, AES-256, tun", AES, "tcp1", AT_LEAST, 5, "nebula-aes"),
    Comparison("TCP, one stream, ChaCha20, tun", CHACHA, "tcp1", AT_LEAST, 0.9, "yardstick-chacha"),
    Comparison("TCP, one stream, AES-256, tap", AES_TAP, "tcp1", AT_LEAST, 0.9, AES),
    Comparison("TCP, one stream, ChaCha20, tap", CHACHA_TAP, "tcp1", AT_LEAST, 0.9, CHACHA),
    Comparison("underlay without segmentation offload, AES-256", AES, "nic", AT_LEAST, 2, "wireguard-go-2023"),
    Comparison("four streams, AES-256", AES, "tcp4", AT_LEAST, 0.9, AES, "tcp1"),
    Comparison("both directions at once, sum, AES-256", AES, "bidir", AT_LEAST, 0.9, AES, "tcp1"),
    Comparison("both directions at once, share of the slower", AES, "bidir_share", AT_LEAST, 0.333),
    Comparison("UDP 1200 bytes, less than 1% lost, AES-256", AES, "udp1200", AT_LEAST, 1.5, "best peer"),
    Comparison("UDP 64 bytes, received under overload, AES-256", AES, "udp64", AT_LEAST, 1.5, "best peer"),
    Comparison("round trip, idle, AES-256", AES, "rtt", AT_MOST, 1.1, "best peer"),
    Comparison("CPU seconds per GB, both daemons, AES-256", AES, "tcp1_cpu", AT_MOST, 0.2, "nebula-aes"),
    Comparison("resident memory, 1 peer, after full load", AES, "resident", AT_MOST, 16, unit=" MB"),
    Comparison("resident memory, 1,000 peers", "vpncloud-none", "crowd_resident", AT_MOST, 24, unit=" MB"),
    Comparison("start to device ready, AES-256 with a password", AES, "start", AT_MOST, 150, unit=" ms"),
)
