"""What query_check does, done by the tracemalloc of the interpreter that runs this (3.6 or later)."""

import re
import sys
import tracemalloc

GROUPINGS = [("lineno", False), ("filename", False), ("traceback", False), ("lineno", True), ("filename", True)]
HAS_TOTAL = sys.version_info >= (3, 9)


def text(word):
    return bytes.fromhex(word[1:]).decode("utf-8", "surrogatepass")


def number(word):
    return None if word == "." else int(word)


def trace(domain, size, total, *frames):
    frames = tuple((text(name), int(line)) for name, line in (frame.split(":") for frame in frames))
    return (int(domain), int(size), frames) + ((int(total),) if HAS_TOTAL else ())


def filter_(sign, pattern, line, frames, domain):
    if pattern == ".":
        return tracemalloc.DomainFilter(sign == "+", int(domain))
    return tracemalloc.Filter(sign == "+", text(pattern), number(line), frames == "all", number(domain))


def frames_of(traceback):
    frames = ["x%s:%d" % (f.filename.encode("utf-8", "surrogatepass").hex(), f.lineno) for f in traceback]
    return " ".join(frames)


def statistics(snapshot, key, cumulative):
    for s in snapshot.statistics(key, cumulative):
        yield "%d %d %s %s" % (s.size, s.count, frames_of(s.traceback), str(s)[len(str(s.traceback)):])


def comparison(old, new, key, cumulative):
    for d in new.compare_to(old, key, cumulative):
        numbers = "%d %d %d %d" % (d.size, d.size_diff, d.count, d.count_diff)
        yield "%s %s %s" % (numbers, frames_of(d.traceback), str(d)[len(str(d.traceback)):])


def answers(new, old, filters):
    passed = []
    for traces in new, old:
        snapshot = tracemalloc.Snapshot(traces, 1)
        try:
            passed.append(snapshot.filter_traces(filters))
        except re.error:  # a reversed range, before 3.10.13 and 3.11.2
            yield "refused"
            return
    left = {id(t) for t in passed[0].traces._traces}
    yield " ".join(["pass"] + [str(i) for i, t in enumerate(new) if id(t) in left])
    yield "pass %d" % len(passed[1].traces)
    for key, cumulative in GROUPINGS:
        yield "statistics %s%s" % (key, " cumulative" if cumulative else "")
        yield from statistics(passed[0], key, cumulative)
    for key, cumulative in GROUPINGS:
        yield "compare %s%s" % (key, " cumulative" if cumulative else "")
        yield from comparison(passed[1], passed[0], key, cumulative)


def main():
    new, old, filters = [], [], []
    traces = new
    for line in sys.stdin:
        word, *rest = line.split()
        if word == "new":
            traces = new
        elif word == "old":
            traces = old
        elif word == "t":
            traces.append(trace(*rest))
        elif word == "f":
            filters.append(filter_(*rest))
        else:
            print("\n".join(answers(new, old, filters)), "end", sep="\n")
            new, old, filters = [], [], []
            traces = new


main()
