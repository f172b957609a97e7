"""Whatever GDB shows as its target now is what tm reads: remote, recorded, forked, another inferior, another core, run again."""

import re
import select
import shutil
import subprocess

import pytest

import sources
from sources import Python
from target import Unavailable

PYTHON = sources.PYTHON
TRACES = "tm traces -n 0 --json"
SHOWN = "tm statistics --by traceback -n 0"

# A place to stop at that an interpreter without symbols has, too.
GROWING = """
import os, tracemalloc
tracemalloc.start()
held = []
for number in range(1, 9):
    held.append([bytearray(1000) for _ in range(100)])
    os.ctermid()
"""
FORKING = """
import os, tracemalloc
tracemalloc.start()
held = [bytearray(1000) for _ in range(300)]
child = os.fork()
held += [bytearray(1000) for _ in range(200 if child else 400)]
os.ctermid()
if child:
    os.waitpid(child, 0)
"""
STOP = ["set breakpoint pending on", "break ctermid"]


def held(answer):
    """How many bytearray(1000) there are."""
    return sum(row["size"] == 1001 for row in answer.json()["rows"])


# ---- remote ----

class Server:
    """gdbserver on a port of this machine."""

    def __init__(self, *options, program=()):
        if not shutil.which("gdbserver"):
            pytest.skip("no gdbserver")
        self.process = subprocess.Popen(["gdbserver", *options, "127.0.0.1:0", *map(str, program)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def __enter__(self):
        said = b""
        while select.select([self.process.stderr], [], [], sources.LIMIT)[0]:
            piece = self.process.stderr.read1(4096)
            said += piece
            found = re.search(rb"Listening on port (\d+)", said)
            if found:
                self.address = "127.0.0.1:" + found.group(1).decode()
                return self
            if not piece:
                break
        self.__exit__()
        pytest.skip("gdbserver does not listen: %s" % said.decode())

    def __exit__(self, *ignored):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()


@pytest.mark.parametrize("program", [[PYTHON], []], ids=["with-program", "bare"])
def test_gdbserver(any_gdb, tm, tracing, program):
    expected = tm.output("statistics", tracing.pid, "--by", "traceback", "-n", 0)
    with Server("--attach", program=[tracing.pid]) as server:
        _, shown, forced, direct, status, _ = any_gdb.ask(
            ["target remote " + server.address, SHOWN, SHOWN + " --read debugger", SHOWN + " --read direct", "tm status --json",
             "detach"], *program)
    assert str(shown) == str(forced) == expected
    direct.refused("through the debugger only")
    assert status.json()["complete"] and status.json()["tracing"]
    assert tracing.alive()


def test_gdbserver_extended(any_gdb, tm, tracing):
    expected = tm.output("statistics", tracing.pid, "--by", "traceback", "-n", 0)
    with Server("--multi") as server:
        _, before, _, shown, _, after, _, again = any_gdb.ask(
            ["target extended-remote " + server.address, SHOWN, "attach %d" % tracing.pid, SHOWN, "detach", SHOWN,
             "attach %d" % tracing.pid, SHOWN])
    assert str(shown) == str(again) == expected
    before.refused("no process and no core")
    after.refused("no process and no core")


def test_gdbserver_in_the_target_s_own_root(gdb, tm, tracing):
    """GDB then names files target:/…, which are those of a sysroot."""
    expected = tm.output("statistics", tracing.pid, "--by", "traceback", "-n", 0)
    with Server("--attach", program=[tracing.pid]) as server:
        _, _, shown, _ = gdb.ask(["set sysroot target:", "target remote " + server.address, SHOWN, "detach"])
    assert str(shown) == expected


# ---- one process from stop to stop ----

def test_every_stop_is_read_anew(any_gdb):
    steps = [*STOP, "run", TRACES, "continue", TRACES, "continue 3", TRACES, "kill", TRACES, "run", TRACES, "run", TRACES]
    answers = any_gdb.ask(steps, "--args", PYTHON, "-S", "-c", GROWING)
    assert [held(answers[i]) for i in (3, 5, 7)] == [100, 200, 500]
    answers[9].refused("no process and no core")
    assert [held(answers[i]) for i in (11, 13)] == [100, 100], "run again, twice"


def test_it_ends(gdb):
    answers = gdb.ask([*STOP, "run", "delete", TRACES, "continue", TRACES, "run", TRACES], "--args", PYTHON, "-S", "-c", GROWING)
    assert held(answers[4]) == 100
    answers[6].refused("no process and no core")
    answers[8].refused("no process and no core")


def test_memory_that_the_user_changes(gdb):
    """'set var' and calls into the target are seen: nothing of the last command is kept."""
    answers = gdb.ask([*STOP, "run", "tm status --json", "print (int)PyRun_SimpleString(\"import tracemalloc; tracemalloc.stop()\")",
                       "tm status --json"], "--args", PYTHON, "-S", "-c", GROWING)
    assert answers[3].json()["tracing"] is True and answers[5].json()["tracing"] is False


# The vector instructions of libc are none that GDB can record.
PLAIN = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-AVX,-AVX512F,-AVX512VL,-ERMS,-SSE4_2,-XSAVE,-XSAVEC,-SSSE3"}


def test_a_recording_is_read_through_gdb(any_gdb):
    """In a replay memory is not what the process holds now: only GDB knows it. The number of entries is a table's first word."""
    if any_gdb.name.startswith("gdb-18"):
        pytest.skip("GDB 18 ends with an internal error of its own in a replay, with or without tm")
    program = ["--args", PYTHON, "-S", "-c", GROWING]
    table = re.search(r"traces at (0x[0-9a-f]+)", str(any_gdb.ask([*STOP, "run", "tm status"], *program, environment=PLAIN)[3])).group(1)
    steps = [*STOP, "run", "record full", "stepi 20", "set {long}%s += 1" % table, "stepi", TRACES, TRACES + " --read direct",
             "record goto begin", TRACES, "record goto end", TRACES, "record goto begin", "record stop", TRACES]
    answers = any_gdb.ask(steps, *program, environment=PLAIN)
    assert [answers[i].json()["complete"] for i in (7, 10, 12, 15)] == [False, True, False, True]
    answers[8].refused("through the debugger only")
    assert held(answers[10]) == held(answers[15]) == 100


def test_checkpoints(gdb):
    steps = [*STOP, "run", TRACES, "checkpoint", "continue 2", TRACES, "restart 1", TRACES, "continue", TRACES, "restart 0", TRACES]
    answers = gdb.ask(steps, "--args", PYTHON, "-S", "-c", GROWING)
    if answers[4].error:
        pytest.skip("no checkpoints: %s" % answers[4].error)
    assert [held(answers[i]) for i in (3, 6, 8, 10, 12)] == [100, 300, 100, 200, 300]


# ---- several ----

def test_the_child_of_a_fork(any_gdb):
    answers = any_gdb.ask([*STOP, "set follow-fork-mode child", "run", TRACES], "--args", PYTHON, "-S", "-c", FORKING)
    assert held(answers[4]) == 700


def test_both_sides_of_a_fork(any_gdb):
    steps = ["set detach-on-fork off", *STOP, "run", TRACES, "inferior 2", "continue", TRACES, "inferior 1", TRACES,
             "kill inferiors 2", TRACES, "add-inferior", "inferior 3", TRACES, "inferior 1", TRACES]
    answers = any_gdb.ask(steps, "--args", PYTHON, "-S", "-c", FORKING)
    assert [held(answers[i]) for i in (4, 7, 9, 11, 16)] == [500, 700, 500, 500, 500], [answer.error for answer in answers]
    answers[14].refused("no process and no core")


def test_two_processes_and_a_core(gdb, tm, core, tracing):
    code = "import tracemalloc; tracemalloc.start(); held = [bytearray(1000) for _ in range(150)]"
    with Python(code) as other:
        steps = ["attach %d" % tracing.pid, SHOWN, "add-inferior", "inferior 2", "attach %d" % other.pid, SHOWN,
                 "add-inferior", "inferior 3", "core-file %s" % core, SHOWN, "inferior 1", SHOWN, "inferior 2", SHOWN, "detach", SHOWN,
                 "inferior 3", SHOWN]
        answers = gdb.ask(steps)
        expected = [tm.output("statistics", source, "--by", "traceback", "-n", 0) for source in (tracing.pid, other.pid, core)]
    assert [str(answers[i]) for i in (1, 5, 9, 11, 13, 17)] == [expected[i] for i in (0, 1, 2, 0, 1, 2)]
    answers[15].refused("no process and no core")


def other_core(folder):
    code = "import tracemalloc; tracemalloc.start(); held = [bytearray(1000) for _ in range(150)]"
    with Python(code, folder) as process:
        try:
            return process.core()
        except Unavailable as why:
            pytest.skip(str(why))


def test_another_core(any_gdb, tm, core, tmp_path):
    other = other_core(tmp_path)
    copy = tmp_path / "replaced"
    shutil.copy(core, copy)
    steps = ["core-file %s" % core, SHOWN, "core-file %s" % other, SHOWN, "core-file", SHOWN, "core-file %s" % copy, SHOWN,
             "shell cp %s %s.new && mv %s.new %s" % (other, copy, copy, copy), SHOWN, "shell rm %s" % copy, SHOWN,
             SHOWN + " --read debugger"]
    answers = any_gdb.ask(steps)
    expected = [tm.output("statistics", path, "--by", "traceback", "-n", 0) for path in (core, other)]
    assert [str(answers[i]) for i in (1, 3)] == expected
    answers[5].refused("no process and no core")

    def rows(answer):
        return str(answer).split("\n", 1)[1]  # the heading names the file
    for i in (7, 9, 11, 12):
        assert rows(answers[i]) == rows(answers[1]), "GDB still shows the file that it opened"
        assert str(copy) in str(answers[i]).split("\n", 1)[0], "it goes by its name"


def test_a_core_behind_a_link(any_gdb, tm, core, tmp_path):
    copy, link = tmp_path / "copy", tmp_path / "link"
    shutil.copy(core, copy)
    link.symlink_to(copy)
    _, before, _, after = any_gdb.ask(["core-file %s" % link, SHOWN, "shell rm %s" % copy, SHOWN])
    assert str(before).split("\n")[1:] == str(after).split("\n")[1:] == tm.output("statistics", core, "--by", "traceback", "-n", 0).split("\n")[1:]


def test_a_core_that_is_written_anew(any_gdb, tm, core, tmp_path):
    """In place, while GDB has it open: the file's name, and what to do."""
    other = other_core(tmp_path)
    copy = tmp_path / "rewritten"
    shutil.copy(core, copy)
    steps = ["core-file %s" % copy, SHOWN, "shell cat %s > %s" % (other, copy), SHOWN, SHOWN + " --read debugger", "core-file %s" % copy, SHOWN]
    answers = any_gdb.ask(steps)
    for i in (3, 4):
        if answers[i].error is not None:  # or GDB had kept none of its bytes and reads the new ones
            answers[i].refused(str(copy), "open it again")
    assert str(answers[6]) == tm.output("statistics", copy, "--by", "traceback", "-n", 0)


# ---- what cannot be read ----

def to_breakpoint(terminal):
    for line in STOP:
        terminal.do(line)
    terminal.send("run")
    terminal.child.expect("Breakpoint 1, ")
    terminal.prompt()


def test_a_running_target_is_refused(gdb):
    code = "import os, time\n" + sources.TRACING + "os.ctermid()\ntime.sleep(60)"
    with gdb.terminal("-iex", "set non-stop on", "-iex", "set mi-async on", "--args", PYTHON, "-S", "-c", code) as terminal:
        to_breakpoint(terminal)
        assert "bytearray" not in terminal.do("tm status") and "tracing: yes" in terminal.do("tm status")
        terminal.do("continue &")
        said = terminal.do("tm status")
        assert "the target is running" in said and "interrupt -a" in said and "Traceback" not in said
        terminal.send("interrupt -a")
        terminal.child.expect("stopped")
        assert "tracing: yes" in terminal.do("tm status")
        terminal.do("kill")


def test_a_thread_that_runs_on_is_refused(gdb):
    """In non-stop mode one thread stands at the breakpoint while the others change the tables."""
    busy = "import threading\ndef work():\n while True:\n  [str(i) for i in range(999)]; time.sleep(0.001)\nthreading.Thread(target=work, daemon=True).start()\n"
    code = "import os, time\n" + sources.TRACING + busy + "os.ctermid()\ntime.sleep(60)"
    with gdb.terminal("-iex", "set non-stop on", "-iex", "set mi-async on", "--args", PYTHON, "-S", "-c", code) as terminal:
        to_breakpoint(terminal)
        for command in ("tm statistics", "tm status", "tm statistics --read debugger"):
            said = terminal.do(command)
            assert "other threads of the target are running, in non-stop mode" in said and "interrupt -a" in said and "Traceback" not in said
        terminal.send("interrupt -a")
        terminal.child.expect("stopped")
        assert "tracing: yes" in terminal.do("tm status")
        terminal.do("kill")


@pytest.mark.parametrize("command", ["status", "statistics", "traces", "snapshot", "traceback 0x1234"])
def test_no_inferior(any_gdb, command):
    any_gdb.ask(["tm " + command])[0].refused("no process and no core", "attach", "core-file", "run")
    any_gdb.ask(["tm " + command], PYTHON)[0].refused("no process and no core")


def test_not_a_python(any_gdb):
    program = shutil.which("sleep")
    answers = any_gdb.ask(["starti", "tm status", "break nanosleep", "tm statistics", "tm statistics --read debugger"], "--args", program, "60")
    for i in (1, 3, 4):
        answers[i].refused("no Python found")


def test_not_tracing(any_gdb, tm):
    for code in (sources.NOT_TRACING, sources.STOPPED):
        with Python(code) as process:
            for road in ("direct", "debugger"):
                status, refused = any_gdb.ask(["tm status --json --read " + road, "tm statistics --read " + road], "-p", process.pid)
                assert status.json()["tracing"] is False
                refused.refused("not tracing", "PYTHONTRACEMALLOC=1")


def test_before_python_has_begun(any_gdb):
    for answer in any_gdb.ask(["starti", "tm statistics", "tm statistics --read debugger"], "--args", PYTHON, "-c", "pass")[1:]:
        answer.refused()


@pytest.mark.parametrize("road", ["auto", "direct", "debugger"])
@pytest.mark.parametrize("filter_", [0x10, 0x01, 0x11])
def test_a_core_without_its_data_is_never_called_not_tracing(any_gdb, tmp_path, filter_, road):
    """GDB fills absent pages of .data from the program: a perfect but false "off"."""
    with Python(sources.TRACING, tmp_path) as process:
        with open("/proc/%d/coredump_filter" % process.pid, "w") as file:
            file.write("%#x" % filter_)
        try:
            core = process.core()
        except Unavailable as why:
            pytest.skip(str(why))
    _, status, statistics = any_gdb.ask(["core-file %s" % core, "tm status --json --read " + road, "tm statistics --read " + road], PYTHON)
    for answer in (status, statistics):
        if answer.error:
            assert "not tracing" not in answer.error
            answer.refused()
        else:
            assert "not tracing" not in answer.out and '"tracing": false' not in answer.out
