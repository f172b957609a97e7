"""Measures the module tm against the interpreter's own tracemalloc, in one process and in turns.

    /usr/bin/python3 tests/bench/module.py [--traces N] [--nframe F] [--build build] [--python PATH ...]

prints a Markdown table: take_snapshot() of the process itself, statistics, filter_traces, compare_to. About N blocks
(3 000 000), made as in target.py. Wants two idle cores and 6 GB of memory; takes some minutes per interpreter, nearly all of
them CPython's own.
"""
import argparse
import os
import subprocess
import sys

import files

WORK = """
import gc, json, random, sys, time, tracemalloc
count, nframe, folder, build = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
sys.path[:0] = [folder, build + "/python"]
import target
import tm
clock = time.perf_counter
rng = random.Random(1)
chains = target.make_chains(rng, target.make_functions(rng))
tracemalloc.start(nframe)
held, _ = target.allocate(rng, chains, count)
gc.collect()
gc.disable()


def best(times, work):
    least = None
    for _ in range(times):
        start = clock()
        result = work()
        spent = clock() - start
        least = spent if least is None else min(least, spent)
    return least, result


rows = []


def pair(name, own, ours, same, own_times=1):
    # Ours first: what it made is gone before CPython's is made.
    t, mine = best(3, ours)
    o, its = best(own_times, own)
    assert same(its, mine), name
    rows.append((name, o, t))
    return its, mine


def lines(a, b):
    return list(map(str, a)) == list(map(str, b))


old_ours = tm.take_snapshot()
more, _ = target.allocate(rng, chains, count // 20)
its, mine = pair("take_snapshot()", tracemalloc.take_snapshot, tm.take_snapshot, lambda a, b: abs(len(a.traces) - len(b.traces)) < 10000)
del its
tracemalloc.stop()  # from here on nothing of the measuring is traced
old_own, new_own = (tracemalloc.Snapshot(s.traces._traces, nframe) for s in (old_ours, mine))
pair("statistics('lineno')", lambda: new_own.statistics("lineno"), lambda: mine.statistics("lineno"), lines)
pair("filter_traces", lambda: new_own.filter_traces([tracemalloc.Filter(True, "*/package0*")]),
     lambda: mine.filter_traces([tm.Filter(True, "*/package0*")]), lambda a, b: len(a.traces) == len(b.traces))
pair("compare_to(old, 'lineno')", lambda: new_own.compare_to(old_own, "lineno"), lambda: mine.compare_to(old_ours, "lineno"), lines)
print(json.dumps([len(mine.traces), rows]))
"""


def main():
    parser = argparse.ArgumentParser(description="Measures the module tm; prints Markdown.")
    parser.add_argument("--traces", type=int, default=3000000)
    parser.add_argument("--nframe", type=int, default=1)
    parser.add_argument("--build", default=os.path.join(files.ROOT, "build"))
    parser.add_argument("--python", action="append", metavar="PATH")
    options = parser.parse_args()
    for python in options.python or files.default_pythons():
        version = files.output(python, "-c", "import platform; print(platform.python_version())").strip()
        done = subprocess.run([python, "-c", WORK, str(options.traces), str(options.nframe), files.HERE, options.build],
                              stdout=subprocess.PIPE, check=True, timeout=1800)
        count, rows = files.json.loads(done.stdout.decode())
        print("\n**Python %s, %d blocks, %d frame%s**\n" % (version, count, options.nframe, "s"[options.nframe == 1:]))
        print("| | CPython | tm | |\n|---|---|---|---|")
        for name, own, ours in rows:
            files.row(name, own, ours)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
