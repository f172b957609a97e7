"""Measures reading and writing of snapshot files against CPython's own, on the same file and in turns.

    /usr/bin/python3 tests/bench/files.py [--traces N] [--rounds N] [--build build] [--python PATH ...]

prints a Markdown table. The pickle that both read is one that the interpreter dumped of itself: about N blocks (3 000 000), made
as in target.py. Wants two idle cores, 4 GB of memory and 200 MB under the temporary folder; takes about a minute per interpreter.
"""
import argparse
import glob
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

MAKE = """
import random, sys, tracemalloc
count, nframe, path, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
sys.path.insert(0, folder)
import target
rng = random.Random(1)
chains = target.make_chains(rng, target.make_functions(rng))
tracemalloc.start(nframe)
held, _ = target.allocate(rng, chains, count)
tracemalloc.take_snapshot().dump(path)
"""

OWN = """
import json, sys, time, tracemalloc
clock = time.perf_counter
t0 = clock(); snapshot = tracemalloc.Snapshot.load(sys.argv[1])
t1 = clock(); rows = snapshot.statistics("lineno")
t2 = clock(); snapshot.dump(sys.argv[2])
t3 = clock()
print(json.dumps({"load": t1 - t0, "statistics": t2 - t1, "dump": t3 - t2, "rows": len(rows)}))
"""


def output(*words):
    return subprocess.run(words, stdout=subprocess.PIPE, check=True, timeout=600).stdout.decode()


def default_pythons():
    """This interpreter and pyenv's newest 3.13."""
    root = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    return [sys.executable] + sorted(glob.glob(os.path.join(root, "versions", "3.13.*", "bin", "python3")))[-1:]


def least(results):
    return {key: min(result[key] for result in results) for key in results[0]}


def measure(check, python, nframe, options, folder):
    """(CPython's seconds, ours, ours for the .tm file): the best of all rounds."""
    source, written, tmfile = (os.path.join(folder, name) for name in ("source.pickle", "written.pickle", "file.tm"))
    output(python, "-c", MAKE, str(options.traces), str(nframe), source, HERE)
    output(check, "save", source, tmfile)
    own, ours, mapped = [], [], []
    for _ in range(options.rounds):
        own.append(json.loads(output(python, "-c", OWN, source, written)))
        ours.append(json.loads(output(check, "time", source, "3", written)))
        mapped.append(json.loads(output(check, "time", tmfile, "3", written)))
    rows = len(output(check, "statistics", source, "lineno").splitlines())
    if rows != own[0]["rows"]:
        sys.exit("files.py: %d rows of statistics instead of %d" % (rows, own[0]["rows"]))
    return least(own), least(ours), least(mapped)


def row(what, own, ours):
    print("| %s | %.3f s | %.4f s | %.0f × |" % (what, own, ours, own / ours))


def main():
    parser = argparse.ArgumentParser(description="Measures snapshot files; prints Markdown.")
    parser.add_argument("--traces", type=int, default=3000000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--python", action="append", metavar="PATH")
    options = parser.parse_args()
    check = os.path.join(options.build, "bin", "store_check")
    for python in options.python or default_pythons():
        version = output(python, "-c", "import platform; print(platform.python_version())").strip()
        for nframe in 1, 10:
            with tempfile.TemporaryDirectory(prefix="tm-files-") as folder:
                own, ours, mapped = measure(check, python, nframe, options, folder)
            print("\n**Python %s, %d blocks, %d frame%s**: %.1f bytes a block while the pickle is loaded\n"
                  % (version, options.traces, nframe, "s"[nframe == 1:], ours["peak"] / ours["traces"]))
            print("| | CPython | tm | |\n|---|---|---|---|")
            row("load the pickle", own["load"], ours["load"])
            row("load it and group by line", own["load"] + own["statistics"], ours["load"] + ours["statistics"])
            row("dump it", own["dump"], ours["dump"])
            row("open the .tm file", own["load"], mapped["load"])
            row("open it and group by line", own["load"] + own["statistics"], mapped["load"] + mapped["statistics"])
            sys.stdout.flush()


if __name__ == "__main__":
    main()
