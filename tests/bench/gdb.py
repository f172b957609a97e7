"""Measures tm inside GDB: against the shell, against scripts without tm, and what loading the plugin costs.

    /usr/bin/python3 tests/bench/gdb.py [--traces N] [--check] [--python PATH] [--build build] [--gdb PROGRAM]

prints Markdown, ready for docs/performance.md. What is compared is measured in turns. Wants two idle cores, 4 GB of
memory, 1 GB under the temporary folder, gdbserver and pexpect; takes about three minutes.
"""
import argparse
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
sys.path[:] = [place for place in sys.path if os.path.basename(place) != "bench"] + [os.path.dirname(os.path.abspath(__file__))]
import pexpect  # noqa: E402

from bench import compile_c, default_pythons, say  # noqa: E402
from measure import run, wall  # noqa: E402
from report import machine, markdown, number, power  # noqa: E402
from subject import HERE, BenchError, Subject  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(HERE))
SHELL_FACTOR = 1.5
VALUE_FACTOR = 20
LOAD_SECONDS = 0.05
PROMPT = "(bench) "
LIMIT = 300

INSIDE = """
### From the command to the prompt, inside GDB

Median (best) of %d, in turns with the shell's whole process; %s traces. Required: GDB ≤ %.1f × the shell.
"""
REMOTE = """
### Through gdbserver on this machine

All %s traces by tm; a part of them by scripts without it (`gdbwalk.py`). Required: tm ≥ %d × faster than `gdb.Value`.
"""
LOADING = """
### Loading the plugin

`gdb -batch` with it and without, in turns, median of %d pairs. Required: ≤ %d ms.
"""


class Debugger:
    """GDB at a terminal."""

    def __init__(self, bench, *arguments):
        first, *rest = bench.gdb(*arguments)
        self.child = pexpect.spawn(first, rest, env=bench.environment, encoding="utf-8", timeout=LIMIT, echo=False)
        self.child.delaybeforesend = None
        self.child.sendline("set prompt " + PROMPT)
        self.child.expect_exact(PROMPT)
        self.do("set width 0")

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.child.close(force=True)

    def do(self, line):
        self.child.sendline(line)
        self.child.expect_exact(PROMPT)
        return self.child.before

    def seconds(self, line):
        begin = time.perf_counter()
        said = self.do(line)
        taken = time.perf_counter() - begin
        if "# " not in said:
            raise BenchError("`%s` in GDB said: %s" % (line, said.strip()))
        return taken


class Bench:
    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.rounds = 5
        self.missed = 0
        self.environment = {**os.environ, "TM_BUILD": options.build, "TERM": "dumb", "INPUTRC": "/dev/null"}
        self.environment.pop("DEBUGINFOD_URLS", None)
        self.tm = os.path.join(options.build, "bin", "tm")

    def gdb(self, *arguments, plugin=True):
        loaded = ["-ix", os.path.join(ROOT, "gdb", "tm_gdb.py")] if plugin else []
        return [self.options.gdb, "-q", "-nx", "-iex", "set debuginfod enabled off", "-iex", "set confirm off", "-iex", "set height 0",
                *loaded, *map(str, arguments)]

    def verdict(self, met):
        self.missed += not met
        return "yes" if met else "**no**"

    def in_turns(self, source, debugger):
        """[(command, [seconds in the shell], [seconds in GDB]), ...]"""
        out = os.path.join(self.folder, "out.tm")
        measured = []
        for command in ("statistics", "snapshot -o %s --force" % out, "status"):
            shell, inside = [], []
            for _ in range(self.rounds + 1):
                shell.append(wall([self.tm, *command.split(), str(source)]))
                inside.append(debugger.seconds("tm " + command) if command != "status" else self.status(debugger))
            measured.append((command.split()[0], shell[1:], inside[1:]))  # the first one warms up
        return measured

    @staticmethod
    def status(debugger):
        begin = time.perf_counter()
        said = debugger.do("tm status")
        taken = time.perf_counter() - begin
        if "tracing: yes" not in said:
            raise BenchError("`tm status` in GDB said: " + said.strip())
        return taken

    def inside(self, subject, core):
        rows = []
        for name, source, arguments in (("core", core, ["-c", core]), ("live", subject.pid, ["-p", subject.pid])):
            say(name)
            with Debugger(self, *arguments) as debugger:
                # A process that GDB holds: the shell reads it while it stands still, as GDB does.
                measured = self.in_turns(source, debugger)
                if name == "live":
                    debugger.do("detach")
            for command, shell, gdb in measured:
                theirs, ours = statistics.median(shell), statistics.median(gdb)
                rows.append([name, "`tm %s`" % command, both(shell), both(gdb), "%.2f" % (ours / theirs), "%.1f" % SHELL_FACTOR,
                             self.verdict(ours <= SHELL_FACTOR * theirs)])
        print(INSIDE % (self.rounds, power(self.options.traces), SHELL_FACTOR))
        markdown(["source", "command", "shell, ms", "GDB, ms", "GDB / shell", "limit", "met"], rows)

    def remote(self, subject):
        say("gdbserver")
        server = subprocess.Popen(["gdbserver", "--attach", "127.0.0.1:0", str(subject.pid)], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            for line in server.stderr:
                found = re.search(r"Listening on port (\d+)", line)
                if found:
                    break
            else:
                raise BenchError("gdbserver does not listen")
            with Debugger(self, "-ex", "target remote 127.0.0.1:" + found.group(1)) as debugger:
                times = [debugger.seconds("tm statistics") for _ in range(2)]
                debugger.do("python import os; os.environ.update(TM_TABLE='%#x', TM_WALK='%d')" % (subject.table, 2000))
                walked = json.loads(re.search(r"walked (\{.*\})", debugger.do("source %s" % os.path.join(HERE, "gdbwalk.py"))).group(1))
                debugger.do("detach")
        finally:
            server.kill()
            server.wait()
            server.stderr.close()
        ours = min(times) / self.options.traces
        rows = [["`tm statistics`", "%.2f" % min(times), "%.2f" % (ours * 1e6), "", "", ""]]
        for name, label in (("values", "`gdb.Value`"), ("small_reads", "small `read_memory` calls")):
            factor = walked[name] / ours
            limit = VALUE_FACTOR if name == "values" else ""
            rows.append([label, "", "%.1f" % (walked[name] * 1e6), "%.0f ×" % factor, limit,
                         self.verdict(factor >= VALUE_FACTOR) if limit else "stated"])
        print(REMOTE % (power(self.options.traces), VALUE_FACTOR))
        markdown(["how", "all, s", "µs per trace", "tm is faster by", "limit", "met"], rows)

    def loading(self):
        say("loading")
        pairs = []
        for _ in range(21):
            bare = self.once(False)
            pairs.append((self.once(True), bare))
        cost = statistics.median(loaded - bare for loaded, bare in pairs)
        print(LOADING % (len(pairs), LOAD_SECONDS * 1e3))
        markdown(["with, ms", "without, ms", "cost, ms", "limit, ms", "met"], [[
            number(statistics.median(pair[0] for pair in pairs), 1e-3, 1), number(statistics.median(pair[1] for pair in pairs), 1e-3, 1),
            number(cost, 1e-3, 1), number(LOAD_SECONDS, 1e-3, 0), self.verdict(cost <= LOAD_SECONDS)]])

    def once(self, plugin):
        begin = time.perf_counter()
        subprocess.run(self.gdb("-batch", "-ex", "python pass", plugin=plugin), env=self.environment, check=True, stdin=subprocess.DEVNULL)
        return time.perf_counter() - begin


def both(times):
    return "%s (%s)" % (number(statistics.median(times), 1e-3, 0), number(min(times), 1e-3, 0))


def parse_options():
    parser = argparse.ArgumentParser(description="Measures tm inside GDB; prints Markdown.")
    parser.add_argument("--traces", type=int, default=3 * 10**6)
    parser.add_argument("--check", action="store_true", help="exit with 1 if a requirement is not met")
    parser.add_argument("--python", default=default_pythons()[-1], metavar="PATH", help="interpreter of the target")
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), metavar="FOLDER")
    parser.add_argument("--gdb", default="gdb", metavar="PROGRAM")
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    return options


def main():
    options = parse_options()
    for program in (options.gdb, "gdbserver"):
        if not shutil.which(program):
            say("there is no %s" % program)
            return 1
    signal.signal(signal.SIGTERM, lambda *ignored: sys.exit(1))
    print("%s; %s\n\n`%s`" % (machine(), run([options.gdb, "--version"]).decode().split("\n")[0],
                              " ".join(["python3 tests/bench/gdb.py", *sys.argv[1:]])))
    try:
        with tempfile.TemporaryDirectory(prefix="tm-bench-") as folder:
            bench = Bench(options, folder)
            bench.loading()
            probe = compile_c("pause_probe.c", os.path.join(folder, "pause_probe.so"), "-shared", "-fPIC", "-pthread")
            say("building %d traces" % options.traces)
            with Subject(options.python, options.traces, 1, probe, folder) as subject:
                bench.inside(subject, subject.make_core())
                bench.remote(subject)
    except (BenchError, OSError, subprocess.CalledProcessError, pexpect.ExceptionPexpect) as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    return 1 if options.check and bench.missed else 0


if __name__ == "__main__":
    sys.exit(main())
