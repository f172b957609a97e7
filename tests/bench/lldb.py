"""Measures tm inside LLDB, from command to prompt, against the shell's tm on the same core and process.

    /usr/bin/python3 tests/bench/lldb.py [--traces 3000000] [--rounds 7] [--check] [--tm build/bin/tm]

prints Markdown. The shell's time is that of the whole program; both are measured in turns, because the speed of a machine
changes from minute to minute. --check fails where LLDB takes more than 1.5 times as long. Every LLDB that fixtures/lldbs.sh
lists is measured. Wants 2 GB of memory and 1 GB under the temporary folder.
"""
import argparse
import glob
import json
import os
import statistics
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from measure import run, wall  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
COMMAND = ["statistics", "--by", "lineno", "-n", "10"]
MOST = 1.5


class Target:
    """A process of target.py, which answers a line of JSON to each line."""

    def __init__(self, traces):
        self.process = subprocess.Popen(["/usr/bin/python3", os.path.join(HERE, "target.py"), "--traces", str(traces)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self.process.pid
        self.traces = self.answer()["traces"]

    def answer(self):
        return json.loads(self.process.stdout.readline())

    def core(self, folder):
        print("core", folder, file=self.process.stdin, flush=True)
        self.answer()
        return (glob.glob(os.path.join(folder, "core*")) or [None])[0]

    def close(self):
        self.process.kill()
        self.process.wait()


class Lldb:
    """Runs the command again and again in one LLDB, which times itself."""

    def __init__(self, program, options, build):
        steps = [word for line in ("command script import '%s'" % os.path.join(ROOT, "lldb", "tm_lldb.py"),
                                   "script import time", "tm " + " ".join(COMMAND)) for word in ("-o", line)]
        self.process = subprocess.Popen([program, "-x", *options, *steps, "-o", "script print('ready', flush=True)"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                        env={**os.environ, "TM_BUILD": build})
        self.until("ready")

    def until(self, word):
        for line in self.process.stdout:
            if line.startswith(word):
                return line
        raise SystemExit("LLDB ended")

    def seconds(self):
        for line in "script start = time.perf_counter()", "tm " + " ".join(COMMAND), "script print('took', time.perf_counter() - start, flush=True)":
            self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return float(self.until("took").split()[1])

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)


def measure(options, source, program, arguments):
    """Medians of the shell's and LLDB's seconds; what a live process has is held by LLDB meanwhile."""
    build = os.path.dirname(os.path.dirname(os.path.abspath(options.tm)))
    shell, inside = [], []
    lldb = Lldb(program, arguments, build)
    try:
        for _ in range(options.rounds):
            shell.append(wall([options.tm, *COMMAND, str(source)]))
            inside.append(lldb.seconds())
    finally:
        lldb.close()
    return statistics.median(shell), statistics.median(inside)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--traces", type=int, default=3000000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--tm", default=os.path.join(ROOT, "build", "bin", "tm"))
    options = parser.parse_args()
    lines = run(["sh", os.path.join(ROOT, "fixtures", "lldbs.sh")]).decode().splitlines()
    if not lines:
        raise SystemExit("no LLDB: fixtures/lldbs.sh --fetch gets some")
    target, slow = Target(options.traces), []
    with tempfile.TemporaryDirectory(prefix="tm-bench-lldb-") as folder:
        try:
            core = target.core(folder)
            print("`tm %s`, %d traces\n\n| LLDB | source | shell | in LLDB | ratio |\n|---|---|---|---|---|" % (" ".join(COMMAND), target.traces))
            for line in lines:
                version, program = line.split("\t")[:2]
                for kind, source, arguments in ("core", core, ["-c", core]), ("process", target.pid, ["-p", str(target.pid)]):
                    if not source:
                        continue
                    shell, inside = measure(options, source, program, arguments)
                    print("| %s | %s | %.0f ms | %.0f ms | %.2f |" % (version, kind, shell * 1000, inside * 1000, inside / shell), flush=True)
                    if inside > MOST * shell:
                        slow.append("%s, %s" % (version, kind))
        finally:
            target.close()
    if slow:
        print("\nMore than %.1f times the shell's: %s" % (MOST, "; ".join(slow)))
    return 1 if slow and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
