"""Medians of a run, and the tables of them: plain, or Markdown for docs/benchmarks.md."""

import statistics

from .aims import AIMS
from .drivers import DRIVERS

# measure, heading, format
COLUMNS = (
    ("tcp1", "TCP, 1 stream, Gbit/s", "{:.2f}"),
    ("nic", "without offload below, Gbit/s", "{:.2f}"),
    ("tcp4", "4 streams, Gbit/s", "{:.2f}"),
    ("bidir", "both ways, Gbit/s", "{:.2f}"),
    ("bidir_share", "slower way's share", "{:.2f}"),
    ("udp1200", "UDP 1200 B, < 1% lost, kpps", "{:.0f}"),
    ("udp64", "UDP 64 B received, kpps", "{:.0f}"),
    ("rtt", "RTT, us", "{:.0f}"),
    ("tcp1_cpu", "CPU s per GB", "{:.2f}"),
    ("resident", "resident, MB", "{:.1f}"),
    ("start", "start, ms", "{:.0f}"),
)


def medians(document):
    """The median of each measure, by driver: {driver: {measure: value}}."""
    found = {}
    for run in document["runs"]:
        measures = found.setdefault(run["driver"], {})
        for name, value in run["values"].items():
            if value is not None and value == value:
                measures.setdefault(name, []).append(value)
    return {driver: {name: statistics.median(values) for name, values in measures.items()}
            for driver, measures in found.items()}


def spread(document, driver, measure):
    """Least and greatest value of a measure, as a text."""
    values = [run["values"][measure] for run in document["runs"]
              if run["driver"] == driver and run["values"].get(measure) is not None]
    return f"{min(values):.2f} to {max(values):.2f}" if values else "-"


def rows_of_figures(document):
    """Heading and rows of the table of figures."""
    found = medians(document)
    columns = [column for column in COLUMNS if any(column[0] in measures for measures in found.values())]
    head = ["", *(heading for _, heading, _ in columns), "TCP, 1 stream, least and greatest"]
    rows = []
    for driver, measures in found.items():
        if driver == "vpncloud-none" and "tcp1" not in measures:
            continue                                       # there for its memory with many peers only
        cells = [pattern.format(measures[name]) if name in measures else "-" for name, _, pattern in columns]
        rows.append([driver, *cells, spread(document, driver, "tcp1")])
    return head, rows


def rows_of_aims(document):
    """Heading and rows of the table of aims."""
    found, rows = medians(document), []
    for aim in AIMS:
        against, value, met = aim.judge(found)
        outcome = {True: "met", False: "missed", None: "not measured"}[met]
        rows.append([aim.row, f"{aim.sense} {aim.text(aim.aim)}", against, aim.text(value), outcome])
    return ["", "aim", "against", "measured", ""], rows


def plain(head, rows):
    """A table for a terminal. Long headings stand above each other."""
    if max(map(len, head)) > 16:
        head = [name if len(name) < 16 else name.replace(", ", ",\n").replace("without ", "without\n") for name in head]
    height = max(name.count("\n") for name in head) + 1
    stacked = [([""] * height + name.split("\n"))[-height:] for name in head]
    lines = [[name[level] for name in stacked] for level in range(height)] + rows
    widths = [max(len(line[index]) for line in lines) for index in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) if index == 0 else cell.rjust(width)
                               for index, (cell, width) in enumerate(zip(line, widths))).rstrip() for line in lines)


def markdown(head, rows, numbers=True):
    """The same, as Markdown."""
    rule = "|---|" + ("---:|" if numbers else "---|") * (len(head) - 1)
    return "\n".join(["| " + " | ".join(head) + " |", rule, *("| " + " | ".join(row) + " |" for row in rows)])


def circumstances(document):
    """Machine, date, versions and command, one fact a line."""
    about = document["machine"]
    lines = [f"Machine: {about['cores']} cores, {about['processor']}, {about['kernel']}",
             f"Date: {document['date']}", f"Command: {document['command']}",
             f"Rounds: {document['rounds']}, medians; TCP congestion control: {document['congestion_control']}; "
             f"MTU inside: 1400"]
    if document["underlay"] != "fast":
        lines.append(f"Underlay of all measurements: --veth {document['underlay']}")
    versions = {}
    for driver, version in document["versions"].items():
        if version:
            versions.setdefault(version, []).append(driver)
    lines += [f"{', '.join(names)}: {version}" for version, names in versions.items()]
    lines += [f"Missing: {driver} (no {what})" for driver, what in document["missing"].items()]
    disturbed = sum(len(run["disturbed"]) for run in document["runs"])
    if disturbed:
        lines.append(f"Disturbed by others' work: {disturbed} of {sum(run['measured'] for run in document['runs'])} "
                     "measurements")
    for run in document["runs"]:
        for step, fault in run["faults"].items():
            lines.append(f"Failed: {run['driver']}, {step}, round {run['round']}: {fault.splitlines()[0]}")
    return lines


def report(document, as_markdown=False):
    """Everything there is to say about a run."""
    head, rows = rows_of_figures(document)
    crowd = medians(document).get("vpncloud-none", {})
    extra = []
    if "crowd_resident" in crowd:
        extra = [f"Resident memory of a node with {crowd['crowd_peers']:,.0f} peers: {crowd['crowd_resident']:.1f} MB; "
                 f"before their first packet: {crowd['crowd_resident_without']:.1f} MB."]
    facts = circumstances(document)
    if as_markdown:
        what = [f"- `{name}`: {DRIVERS[name].title}" for name, *_ in rows if name in DRIVERS]
        return "\n\n".join(["\n".join(f"- {fact}" for fact in facts), "\n".join(what), markdown(head, rows),
                            *extra, markdown(*rows_of_aims(document), numbers=False)])
    return "\n\n".join(["\n".join(facts), plain(head, rows), *extra, plain(*rows_of_aims(document))])
