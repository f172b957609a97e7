"""What is required, and the tables that say whether it is met. Prints; measures nothing."""
import os
import platform
import statistics

BARE_FACTOR = 1.3
EXTRA_SECONDS = {"symbol": 0.03, "scan": 0.15}  # by what leads to the tables
PAUSE_RATIO = 0.15
SNAPSHOT_BYTES_PER_TRACE = 28
STATISTICS_BYTES_PER_TRACEBACK = 512  # and none per trace


SPEED = """
### From a core to `tm statistics CORE --by lineno`

Median (best) of %d runs of the whole process, page cache warm. *Itself*: the process's own `take_snapshot()` +
`statistics('lineno')`. *Bare walk*: `barewalk.c`, one thread, which maps the core and walks the table once, as tm does;
*again* is the best of four more passes, over pages that the process has by then. Required: tm ≤ %.1f × bare walk +
%.2f s if a symbol or the cookie leads to the tables, + %.2f s if only a scan does; in parentheses the same of *again*.
"""

PAUSE = """
### How long `tm statistics PID` stops a live process

The longest gap that a thread of the process saw, of 5 runs. *Without tm*: the same in 0.3 s without tm, the noise of
the machine. Required: ≤ %.2f × of its own `take_snapshot()`.
"""

MEMORY = """
### Memory beyond the mapped core

Peak of anonymous and shared memory (`RssAnon` + `RssShmem`), so without the core's own pages; per trace: its growth
from the smallest to the largest process by the traces between them. *The process itself*: growth of its peak RSS over
`take_snapshot()` and `statistics('lineno')`. Required from a core: %d bytes per trace for `snapshot`; none for
`statistics`, at most %d per distinct traceback. Live: the copied pages of the tables come on top.
"""


class Report:
    """results: a dict of figures per process, in the order of measuring; see Bench.measure_subject."""

    def __init__(self, results, rounds):
        self.results = results
        self.rounds = rounds
        self.missed = 0

    def print(self):
        self.speed()
        self.pause()
        self.memory()

    def verdict(self, value, limit):
        if value is None:
            return "failed"
        if value <= limit:
            return "yes"
        self.missed += 1
        return "**no**"

    def speed(self):
        rows = []
        for r in self.results:
            own = r["own"]["take_snapshot"] + r["own"]["lineno"]
            limit, strict = (BARE_FACTOR * r[walk] + EXTRA_SECONDS[r["found_by"]] for walk in ("bare", "again"))
            rows.append([
                r["python"], r["power"], r["nframe"], r["found_by"], number(r["core_bytes"], 1e6, 0),
                "%.2f + %.2f" % (r["own"]["take_snapshot"], r["own"]["lineno"]),
                "%s (%s)" % (number(r["tm"], 1e-3, 1), number(r["tm_min"], 1e-3, 1)),
                ratio(own, r["tm"], "%.0f ×"),
                number(r["bare"], 1e-3, 1), number(r["again"], 1e-3, 1), ratio(r["tm"], r["bare"], "%.2f"),
                "%s (%s)" % (number(limit, 1e-3, 1), number(strict, 1e-3, 1)), self.verdict(r["tm"], limit)])
        print(SPEED % (self.rounds, BARE_FACTOR, EXTRA_SECONDS["symbol"], EXTRA_SECONDS["scan"]))
        markdown(["Python", "traces", "frames", "found by", "core, MB", "itself, s", "tm, ms", "faster than itself",
                  "bare walk, ms", "again, ms", "tm / bare walk", "limit, ms", "met"], rows)

    def pause(self):
        rows = []
        for r in self.results:
            own = r["own"]["take_snapshot"]
            worst = max(r["pauses"]) if r["pauses"] else None
            median = statistics.median(r["pauses"]) if r["pauses"] else None
            rows.append([
                r["python"], r["power"], r["nframe"], number(own, 1e-3, 1), number(worst, 1e-3, 1),
                number(median, 1e-3, 1), number(r["idle_pause"], 1e-3, 1), ratio(worst, own, "%.3f"),
                self.verdict(worst, PAUSE_RATIO * own)])
        print(PAUSE % PAUSE_RATIO)
        markdown(["Python", "traces", "frames", "its own take_snapshot, ms", "worst pause, ms", "median pause, ms",
                  "without tm, ms", "worst / take_snapshot", "met"], rows)

    def memory(self):
        rows = []
        for small, large in ends(self.results):
            for what in ("core statistics", "core snapshot", "live statistics", "live snapshot"):
                rows.append(self.memory_row(what, small, large))
            rows.append([
                large["python"], large["nframe"], "the process itself",
                number(own_growth(small), 1e6, 1), number(own_growth(large), 1e6, 1),
                number(per_trace(small, large, own_growth), 1, 1), "", "", ""])
        print(MEMORY % (SNAPSHOT_BYTES_PER_TRACE, STATISTICS_BYTES_PER_TRACEBACK))
        first, last = self.results[0]["power"], self.results[-1]["power"]
        markdown(["Python", "frames", "command", "peak at %s, MB" % first, "peak at %s, MB" % last,
                  "bytes per trace", "bytes per distinct traceback", "limit", "met"], rows)

    def memory_row(self, what, small, large):
        source, command = what.split()
        label = "`tm %s %s`" % (command, {"core": "CORE", "live": "PID"}[source])
        row = [large["python"], large["nframe"], label, number(small[what], 1e6, 1), number(large[what], 1e6, 1)]
        if small[what] is None or large[what] is None:
            return row + ["", "", "", "failed"]
        bytes_per_trace = per_trace(small, large, lambda r: r[what])
        if what == "core snapshot":
            return row + [number(bytes_per_trace, 1, 1), "", "%d per trace" % SNAPSHOT_BYTES_PER_TRACE,
                          self.verdict(bytes_per_trace, SNAPSHOT_BYTES_PER_TRACE)]
        if what == "core statistics":
            more = large["own"]["tracebacks"] - small["own"]["tracebacks"]
            per_traceback = (large[what] - small[what]) / max(1, more)
            return row + [number(bytes_per_trace, 1, 2), number(per_traceback, 1, 0),
                          "%d per traceback" % STATISTICS_BYTES_PER_TRACEBACK,
                          self.verdict(per_traceback, STATISTICS_BYTES_PER_TRACEBACK)]
        return row + [number(bytes_per_trace, 1, 1), "", "", "stated"]


def ends(results):
    """The smallest and the largest process of each interpreter and depth."""
    groups = {}
    for r in results:
        groups.setdefault((r["python"], r["nframe"]), []).append(r)
    return [(group[0], group[-1]) for group in groups.values() if len(group) > 1]


def per_trace(small, large, value):
    return (value(large) - value(small)) / (large["traces"] - small["traces"])


def own_growth(r):
    return r["own"]["rss_peak"] - r["own"]["rss_before"]


def number(value, unit, digits):
    return "failed" if value is None else "%.*f" % (digits, round(value / unit, digits) + 0.0)  # no "-0.0"


def ratio(value, base, form):
    return "" if value is None or base is None else form % (value / base)


def power(traces):
    digits = len(str(traces)) - 1
    factor = traces // 10 ** digits
    exponent = "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(digit)] for digit in str(digits))
    return "%s10%s" % ("" if factor == 1 else "%d·" % factor, exponent)


def markdown(heading, rows):
    print("| %s |" % " | ".join(heading))
    print("|%s" % ("---|" * len(heading)))
    for row in rows:
        print("| %s |" % " | ".join(str(cell) for cell in row))


def machine():
    model = platform.machine()
    with open("/proc/cpuinfo") as cpuinfo:
        for line in cpuinfo:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    with open("/proc/meminfo") as meminfo:
        gigabytes = int(meminfo.readline().split()[1]) / 1e6
    return "%s, %d cores, %.0f GB, Linux %s, load %.1f when it began" % (
        model, os.cpu_count(), gigabytes, platform.release(), os.getloadavg()[0])
