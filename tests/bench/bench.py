"""Measures tm against the process itself, against a bare walk of the table, and against what is required.

    /usr/bin/python3 tests/bench/bench.py [--quick] [--check] [--python PATH ...] [--tm build/bin/tm]

prints Markdown, ready for docs/performance.md. Everything happens in one run, and what is compared is measured in
turns, because the speed of a machine changes from minute to minute. Wants two idle cores, 4 GB of memory and 1 GB
under the temporary folder; takes about three minutes per interpreter, with --quick a quarter of one.
"""
import argparse
import glob
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
from measure import peak_memory, run, wall  # noqa: E402
from report import Report, machine, power  # noqa: E402
from subject import HERE, BenchError, Subject, found_by  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(HERE))


class Bench:
    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.rounds = 5 if options.quick else 9
        self.troubles = []
        self.barewalk = compile_c("barewalk.c", os.path.join(folder, "barewalk"))
        self.probe = compile_c("pause_probe.c", os.path.join(folder, "pause_probe.so"),
                               "-shared", "-fPIC", "-pthread")

    def tm(self, *arguments):
        return [self.options.tm, *arguments]

    def statistics_of(self, source):
        return self.tm("statistics", str(source), "--by", "lineno", "-n", "10")

    def snapshot_of(self, source, folder):
        return self.tm("snapshot", str(source), "-o", os.path.join(folder, "out.tm"), "--force")

    def attempt(self, measure, *arguments):
        """measure(*arguments), or None, and the trouble is kept for the end."""
        try:
            return measure(*arguments)
        except BenchError as error:
            self.troubles.append(str(error))
            return None

    def measure_subject(self, python, traces, nframe):
        """All figures of one process: a dict."""
        name = "%s, %s traces, %d frame%s" % (python, power(traces), nframe, "s"[nframe == 1:])
        folder = tempfile.mkdtemp(dir=self.folder)
        say("%s: building it" % name)
        with Subject(python, traces, nframe, self.probe, folder) as subject:
            say("%s: live" % name)
            result = {"python": subject.python, "nframe": nframe, "power": power(traces),
                      "found_by": found_by(subject.pid, subject.python)}
            live = self.statistics_of(subject.pid)
            result["idle_pause"] = subject.pause(lambda: time.sleep(0.3))
            result["pauses"] = self.attempt(lambda: [subject.pause(lambda: run(live)) for _ in range(5)])
            result["live statistics"] = self.attempt(peak_memory, live)
            result["live snapshot"] = self.attempt(peak_memory, self.snapshot_of(subject.pid, folder))
            core = subject.make_core()
            say("%s: its own statistics" % name)
            result["own"] = subject.ask("measure lineno")
            table = subject.table
        say("%s: from the core" % name)
        result["core_bytes"] = os.path.getsize(core)
        result["core statistics"] = self.attempt(peak_memory, self.statistics_of(core))
        result["core snapshot"] = self.attempt(peak_memory, self.snapshot_of(core, folder))
        self.measure_core(core, table, result)
        self.attempt(self.compare_counts, core, result["traces"])
        shutil.rmtree(folder)
        return result

    def compare_counts(self, core, entries):
        """A fast wrong answer is worth nothing: the rows must hold as many blocks as the table."""
        text = run(self.tm("statistics", core, "--by", "lineno", "-n", "0", "--format", "text"))
        counted = sum(int(count) for count in re.findall(rb", count=(\d+)", text))
        if counted != entries:
            raise BenchError("tm counts %d blocks in a table of %d" % (counted, entries))

    def measure_core(self, core, table, result):
        """Wall times of tm and of the bare walk, in turns; all of it out of a warm page cache."""
        walk = [self.barewalk, core, hex(table), "--passes", "5"]
        walks, times = [], []
        run(walk)
        for _ in range(self.rounds):
            walks.append(json.loads(run(walk)))
            seconds = self.attempt(wall, self.statistics_of(core))
            if seconds is None:
                break
            times.append(seconds)
        result["traces"] = walks[0]["entries"]
        result["bare"] = statistics.median(walk["first"] for walk in walks)
        result["again"] = statistics.median(walk["best"] for walk in walks)
        result["tm"] = statistics.median(times) if times else None
        result["tm_min"] = min(times) if times else None


def compile_c(source, output, *flags):
    compiler = os.environ.get("CC") or "cc"
    subprocess.run([compiler, "-std=gnu11", "-O2", "-Wall", "-Wextra", *flags, "-o", output,
                    os.path.join(HERE, source)], check=True)
    return output


def default_pythons():
    """This interpreter and pyenv's newest 3.13, which has symbols and the cookie."""
    root = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    found = sorted(glob.glob(os.path.join(root, "versions", "3.13.*", "bin", "python3")))
    return found[-1:] + [sys.executable]


def say(text):
    print("bench: " + text, file=sys.stderr, flush=True)


def parse_options():
    parser = argparse.ArgumentParser(description="Measures tm; prints Markdown.")
    parser.add_argument("--quick", action="store_true", help="10^5 and 10^6 traces, 1 frame")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a requirement is not met")
    parser.add_argument("--python", action="append", metavar="PATH", help="interpreter of the targets, repeatable")
    parser.add_argument("--tm", default=os.path.join(ROOT, "build", "bin", "tm"), metavar="PATH")
    options = parser.parse_args()
    options.tm = os.path.abspath(options.tm)
    options.python = options.python or default_pythons()
    return options


def main():
    options = parse_options()
    if not os.access(options.tm, os.X_OK):
        say("there is no program %s: build it, or say --tm PATH" % options.tm)
        return 1
    signal.signal(signal.SIGTERM, lambda *ignored: sys.exit(1))  # so that folders and targets go away
    sizes = (10**5, 10**6) if options.quick else (10**5, 10**6, 3 * 10**6)
    where = machine()
    results = []
    try:
        with tempfile.TemporaryDirectory(prefix="tm-bench-") as folder:
            bench = Bench(options, folder)
            for python in options.python:
                for nframe in (1,) if options.quick else (1, 10):
                    for traces in sizes:
                        results.append(bench.measure_subject(python, traces, nframe))
    except (BenchError, OSError, subprocess.CalledProcessError) as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    print("%s\n\n`%s`" % (where, " ".join(["python3 tests/bench/bench.py", *sys.argv[1:]])))
    report = Report(results, bench.rounds)
    report.print()
    for trouble in dict.fromkeys(bench.troubles):
        say(trouble)
    return 1 if options.check and (report.missed or bench.troubles) else 0


if __name__ == "__main__":
    sys.exit(main())
