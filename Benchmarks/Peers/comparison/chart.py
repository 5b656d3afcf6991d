"""The chart of throughput, as SVG. Needs matplotlib."""

from .results import medians
from .network import Failure

OURS, OTHERS, LIMIT = "#2a6f97", "#9aa5ab", "#d9b650"


def draw(document, path):
    """Writes a bar for each driver's TCP throughput with one stream."""
    try:
        import matplotlib
    except ImportError as fault:
        raise Failure("the chart needs matplotlib: apt-get install python3-matplotlib (with /usr/bin/python3), "
                      "or pip install matplotlib") from fault
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "vpncloud"       # the same figures give the same file
    matplotlib.rcParams["svg.fonttype"] = "none"
    from matplotlib import pyplot

    found = {name: measures["tcp1"] for name, measures in medians(document).items()
             if "tcp1" in measures and name != "none"}
    names = sorted(found, key=found.get)
    colours = [OURS if name.startswith("vpncloud") else LIMIT if name.startswith("yardstick") else OTHERS
               for name in names]
    figure, axes = pyplot.subplots(figsize=(8, 0.32 * len(names) + 1.1))
    bars = axes.barh(names, [found[name] for name in names], color=colours)
    axes.bar_label(bars, fmt="%.1f", padding=3)
    axes.set_xlabel("Gbit/s, one TCP stream, MTU 1400, medians")
    for edge in ("top", "right"):
        axes.spines[edge].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None, "Creator": None})
