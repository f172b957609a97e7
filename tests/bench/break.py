"""What tm break costs: below the peak nothing, above it a stop for every new peak.

    python3 tests/bench/break.py [--python PYTHON] [--rounds N]

A Python allocates and frees far below its peak, then grows above it, alone, in each debugger, and there with a line armed that
it never reaches. The best of N rounds; the debugger counts the stops.
"""

import argparse
import os
import pathlib
import re
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("TM_BUILD") or ROOT / "build")
PROGRAM = """
import os, time

def below(n=400000):
    start = time.process_time()
    for _ in range(n):
        bytearray(500)
    return (time.process_time() - start) / n

def above(n=3000):
    start = time.perf_counter()
    held = [bytearray(4000) for _ in range(n)]
    return time.perf_counter() - start

peak = bytearray(1 << 20)
del peak
below()
os.ctermid()
print("took", below(), above(), flush=True)
"""


def gdb(program, armed, python):
    # GDB counts no hit that its Python waves through.
    count = "python import sys; L = sys.modules['tm_plugin.programs'].Line; L.n = 0; old = L.stop; L.stop = lambda line: (setattr(L, 'n', L.n + 1), old(line))[1]"
    return ["gdb", "-q", "-nx", "-batch", "-iex", "set debuginfod enabled off", "-ex", "source %s" % (ROOT / "gdb" / "tm_gdb.py"), "-ex", count,
            "-ex", "set breakpoint pending on", "-ex", "break ctermid", "-ex", "tm run %s %s" % (python, program),
            *(["-ex", "tm break --grow 1G"] if armed else []), "-ex", "break exit", "-ex", "continue",
            "-ex", "python print('already hit', L.n, 'times')"]


def lldb(path):
    def command(program, armed, python):
        arm = ["-o", "tm break --grow 1G"] if armed else []
        return [path, "-x", "-b", "-O", "command script import '%s'" % (ROOT / "lldb" / "tm_lldb.py"), "-o", "breakpoint set --name ctermid",
                "-o", "tm run %s %s" % (python, program), *arm, "-o", "breakpoint set --name exit", "-o", "continue",
                "-o", "script print('already hit', *[w.GetHitCount() for w in lldb.debugger.GetSelectedTarget().watchpoint_iter()], 'times')"]
    return command


def alone(program, armed, python):
    return [str(BUILD / "bin" / "tm"), "run", python, program]


def measured(command, rounds):
    """Seconds for one allocation below the peak (processor), for all above it (clock), and how often it stopped there."""
    found = []
    for _ in range(rounds):
        text = subprocess.run(command, env={**os.environ, "TM_BUILD": str(BUILD)}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=300).stdout
        took, hits = re.search(r"took (\S+) (\S+)", text), re.search(r"already hit (\d+) time", text)
        assert took, text
        found.append((float(took.group(1)), float(took.group(2)), int(hits.group(1)) if hits else 0))
    return [min(column) for column in zip(*found)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", default="/usr/bin/python3")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rows = subprocess.run(["sh", str(ROOT / "fixtures" / "lldbs.sh")], stdout=subprocess.PIPE, text=True).stdout.splitlines()
    hosts = {"GDB": gdb, **{"LLDB " + row.split("\t")[0].split(".")[0]: lldb(row.split("\t")[1]) for row in rows}}
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "program.py")
        pathlib.Path(program).write_text(PROGRAM)
        below, above, _ = measured(alone(program, False, options.python), options.rounds)
        print("%-8s %5.0f ns for a block below the peak, %4.1f ms for 3000 above it" % ("alone", below * 1e9, above * 1e3))
        for name, host in hosts.items():
            plain = measured(host(program, False, options.python), options.rounds)
            armed = measured(host(program, True, options.python), options.rounds)
            print("%-8s %5.0f ns below, armed %5.0f ns: ×%.2f; above, armed: %.0f stops, %.0f µs each" % (
                name, plain[0] * 1e9, armed[0] * 1e9, armed[0] / plain[0], armed[2], (armed[1] - plain[1]) * 1e6 / max(armed[2], 1)))


if __name__ == "__main__":
    main()
