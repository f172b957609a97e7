"""What cannot be done safely is refused in one sentence, and nothing has changed after."""

import shutil
import subprocess
import time

import pytest

from subjects import HERE, Subject

PYTHON = "/usr/bin/python3"
ALTERNATIVE = "tm run"

READY = "import signal, sys, time; signal.alarm(120); print('ready', flush=True)\n"
ANSWERS = """
import json, tracemalloc
for line in sys.stdin:
    print(json.dumps({"tracing": tracemalloc.is_tracing(), "limit": tracemalloc.get_traceback_limit()}), flush=True)
"""


@pytest.fixture
def program(tmp_path):
    def write(code):
        path = tmp_path / "program.py"
        path.write_text(READY + code)
        return path

    return write


def untouched(subject, tracing=False):
    subject.is_as_before()
    assert subject.ask("say")["tracing"] is tracing


def asked(gdb, subject, *commands, options=()):
    return gdb.ask(list(commands), *options, "-p", subject.pid)


def test_another_limit(tm, gdb):
    with Subject(PYTHON, environment={"PYTHONTRACEMALLOC": "7"}) as subject:
        tm.refused(1, "start", 8, "-p", subject.pid, says=("tracing already", "limit of 7", "tm stop"))
        asked(gdb, subject, "tm start 8")[0].refused("tracing already", "limit of 7", "tm stop")
        assert "nothing to do" in tm.output("start", 7, "-p", subject.pid)
        untouched(subject, True)


def test_what_is_off(tm):
    with Subject(PYTHON) as subject:
        for command in "clear-traces", "reset-peak":
            tm.refused(3, command, "-p", subject.pid, says="not tracing")
        assert "nothing to do" in tm.output("stop", "-p", subject.pid)
        untouched(subject)


@pytest.mark.parametrize("number", (0, -1, 65536, "x", 1 << 64))
def test_numbers_of_frames(tm, number):
    tm.refused(2, "start", "-p", 1, "--", number, says="1 to 65535")


def test_no_python(tm, gdb):
    with subprocess.Popen(["/bin/sleep", "60"]) as process:
        try:
            tm.refused(3, "start", "-p", process.pid, says="no Python")
            assert process.poll() is None
        finally:
            process.kill()


def test_a_core(tm, gdb, tmp_path):
    core = str(tmp_path / "core")
    with Subject(PYTHON) as subject:
        gdb.batch("-p", subject.pid, "-ex", "generate-core-file " + core)
    gdb.ask(["tm start"], PYTHON, core)[0].refused("live process only", ALTERNATIVE, "PYTHONTRACEMALLOC")
    tm.refused(2, "start", "-c", core)


def test_nobody_to_help(tm):
    """A Python before PEP 768, and no debugger."""
    with Subject(PYTHON) as subject:
        tm.refused(1, "start", "-p", subject.pid, environment={"TM_GDB": "no-such-gdb", "TM_LLDB": "no-such-lldb"},
                   says=("neither gdb nor lldb", ALTERNATIVE, "PYTHONTRACEMALLOC"))
        untouched(subject)


def test_a_held_process(tm, gdb):
    """Another debugger has it."""
    with Subject(PYTHON) as subject:
        answer, = asked(gdb, subject, "shell '%s' start -p %d >'%s' 2>&1; true" % (tm.path, subject.pid, "/dev/null"))
        assert answer.error is None
        untouched(subject)


def test_finalizing(gdb, tm, program, interpreter):
    if not interpreter.label.startswith(("system", "pyenv-3.8", "pyenv-3.12", "pyenv-3.13", "sid-3.14")) or interpreter.build != "release":
        pytest.skip("five Pythons are enough")
    path = program("class Last:\n def __del__(self, sleep=time.sleep):\n  sleep(1)\n  sleep(100)\nlast = Last()\n")
    with Subject(interpreter.path, program=path) as subject:
        time.sleep(0.5)
        asked(gdb, subject, "tm start")[0].refused("finalizing")
        assert subject.process.poll() is None and subject.patched() == []


def test_in_c_code(gdb, program):
    """Its main thread is in C and holds the GIL: given up in time, and nothing comes after all."""
    path = program("sum(range(350_000_000))\n" + ANSWERS)
    with Subject(PYTHON, program=path) as subject:
        start = time.monotonic()
        asked(gdb, subject, "tm start --timeout 1")[0].refused("1 s", "left as it was", "--timeout")
        assert time.monotonic() - start < 8
        untouched(subject)
        asked(gdb, subject, "tm start 4")
        assert subject.ask("say") == {"tracing": True, "limit": 4}


def test_a_locked_queue(gdb, interpreter, program):
    """As if it stood inside the queue of pending calls: a call there would never come back."""
    if not interpreter.label.startswith("pyenv-3.13"):
        pytest.skip("before 3.13 the lock is a semaphore, after it nothing is queued; and its debug info is needed")
    path = program("number = 0\nwhile True:\n    number += 1\n")
    lock = "set var _PyRuntime.ceval.pending_mainthread.mutex._bits = %d"
    with Subject(interpreter.path, program=path) as subject:
        locked, refused, unlocked, done = asked(gdb, subject, lock % 1, "tm start --timeout 1", lock % 0, "tm start 3")
        assert locked.error is None and unlocked.error is None
        refused.refused("left as it was")
        assert "pending call" in str(done)
        subject.is_as_before()


def test_waiting_in_c_code_of_others(gdb, program):
    """The main thread waits, but not where Python made it wait: nothing is called there."""
    path = program("import ctypes\nlibc = ctypes.PyDLL(None)\nlibc.sleep(6)\n" + ANSWERS)  # PyDLL: the GIL is kept
    with Subject(PYTHON, program=path) as subject:
        asked(gdb, subject, "tm start --timeout 1")[0].refused("left as it was", "clock_nanosleep")
        untouched(subject)


def test_switched_off(tm, gdb, interpreter):
    if interpreter.number < (3, 14):
        pytest.skip("before PEP 768")
    with Subject(interpreter.path, environment={"PYTHON_DISABLE_REMOTE_DEBUG": "1"}) as subject:
        tm.refused(1, "start", "-p", subject.pid, says=("remote debugging is switched off", ALTERNATIVE))
        asked(gdb, subject, "tm start")[0].refused("remote debugging is switched off")
        untouched(subject)


def test_a_sleeper_that_runs_no_python(tm, interpreter, program):
    if interpreter.number < (3, 14):
        pytest.skip("before PEP 768")
    path = program("time.sleep(4)\n" + ANSWERS)
    with Subject(interpreter.path, program=path) as subject:
        answer = tm.run("start", "--timeout", 1, "-p", subject.pid)
        assert answer.returncode == 1 and b"left as it was" in answer.stderr and answer.seconds < 3
        untouched(subject)


def test_the_peak_of_38(tm, interpreter):
    if interpreter.number >= (3, 9):
        pytest.skip("3.9 and later can")
    with Subject(interpreter.path, environment={"PYTHONTRACEMALLOC": "1"}) as subject:
        tm.refused(1, "reset-peak", "-p", subject.pid, says=("cannot reset the peak", "3.9"))


def test_non_stop(gdb):
    with Subject(PYTHON) as subject:
        asked(gdb, subject, "tm start", options=("-iex", "set non-stop on"))[0].refused("non-stop")


def served(gdb, *arguments, first=()):
    """GDB, connected to a gdbserver that was started with these arguments: what two commands say."""
    with subprocess.Popen(["gdbserver", "--once", *arguments[:-1], "127.0.0.1:0", *map(str, arguments[-1])], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        try:
            for line in server.stdout:
                if "Listening on port" in line:
                    break
            target = "target remote 127.0.0.1:%s" % line.split()[-1]
            return gdb.ask([target, *first, "tm start 4", "tm stop"], "-iex", "set sysroot /")[-2:]
        finally:
            server.kill()


def test_through_gdbserver(gdb, tmp_path):
    """It started the process, and can stop it."""
    if not shutil.which("gdbserver"):
        pytest.skip("no gdbserver")
    code = "import signal\nsignal.alarm(60)\nwhile True:\n    held = [bytearray(100) for _ in range(50)]\n"
    start, stop = served(gdb, [PYTHON, "-c", "import os; os.getpid()\n" + code], first=("break getpid", "continue", "delete"))
    assert "limit 4 frames" in str(start) and "not tracing" in str(stop)


def test_a_gdbserver_that_cannot_interrupt(gdb):
    if not shutil.which("gdbserver"):
        pytest.skip("no gdbserver")
    with Subject(PYTHON) as subject:
        for answer in served(gdb, "--attach", [subject.pid])[:1]:
            answer.refused("gdbserver", "process group")


def test_before_python_begins(gdb):
    starting, = gdb.ask(["tm start"], "-ex", "starti", PYTHON)
    starting.refused()
