"""What services have besides Python code: signals, waits, subinterpreters, other debuggers, users who change their minds and ends."""

import os
import pathlib
import signal
import subprocess
import time

import pytest

from subjects import HERE, LIMIT, Subject

START = """
import json, select, signal, sys, threading, time, tracemalloc
signal.alarm(120)
"""
ANSWER = """
def answer():
    while sys.stdin.readline():
        print(json.dumps({"tracing": tracemalloc.is_tracing(), "limit": tracemalloc.get_traceback_limit(), "seen": seen}), flush=True)


seen = 0
"""
# One thread answers, the other one, or the main thread, is hit.
SIGNALLED = START + ANSWER + """
def hit(*ignored):
    global seen
    seen += 1


signal.signal(signal.SIGUSR1, hit)
threading.Thread(target=answer, daemon=True).start()
print("ready", flush=True)
while True:
    time.sleep(0.2)
"""
HITTING = """
import os, sys, time
while True:
    time.sleep(0.01)
    try:
        os.kill(int(sys.argv[1]), 10)
    except OSError:
        break
"""
WAITING = START + ANSWER + """
threading.Thread(target=answer, daemon=True).start()
print("ready", flush=True)
time.sleep(100)
"""
SUBINTERPRETER = START + ANSWER + """
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
interpreters.destroy(interpreters.create())
threading.Thread(target=answer, daemon=True).start()
print("ready", flush=True)
time.sleep(100)
"""
IN_C = START + """
print("ready", flush=True)
sum(range(%d))
print(json.dumps({"tracing": tracemalloc.is_tracing()}), flush=True)
time.sleep(1)
print(json.dumps({"tracing": tracemalloc.is_tracing()}), flush=True)
time.sleep(100)
"""
FEW = "system-3.11", "pyenv-3.13", "sid-3.14"


@pytest.fixture
def program(tmp_path):
    def write(text):
        path = tmp_path / "program.py"
        path.write_text(text)
        return path
    return write


def few(interpreter, labels=FEW):
    if not interpreter.label.startswith(labels) or interpreter.build != "release":
        pytest.skip("a few Pythons are enough")


def test_signals_arrive_all_the_time(gdb, interpreter, program):
    """Those that a program handles are its own: they end no call, and none is lost."""
    few(interpreter)
    with Subject(interpreter.path, program=program(SIGNALLED)) as subject:
        hitting = subprocess.Popen(["/usr/bin/python3", "-c", HITTING, str(subject.pid)])
        try:
            for number in range(3):
                for command, tracing in ("tm start 5", True), ("tm stop", False):
                    done = gdb.batch("-p", subject.pid, "-ex", "info signals", "-ex", command, "-ex", "info signals", "-ex", "detach")
                    assert "done by" in done.stdout, done.stdout[-500:] + done.stderr
                    before, after = done.stdout.split("Signal        Stop", 2)[1:]
                    assert before.split("Use the")[0] == after.split("Use the")[0], "GDB handles signals as before"
                    assert subject.ask("say")["tracing"] == tracing
        finally:
            hitting.kill()
            hitting.wait()
        assert subject.ask("say")["seen"] > 20 and subject.process.poll() is None
        subject.is_as_before()


def test_nothing_comes_after_the_user_has_stopped_it(tm, interpreter, program):
    """A call that is queued is taken out again; a debugger that works for the shell is told."""
    few(interpreter)
    with Subject(interpreter.path, program=program(IN_C % 1_000_000_000)) as subject:
        for number, status in (signal.SIGINT, 130), (signal.SIGTERM, 143):
            process = subprocess.Popen([tm.path, "start", "5", "-p", str(subject.pid), "--timeout", "60"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            time.sleep(1.5)
            process.send_signal(number)
            said, _ = process.communicate(timeout=LIMIT)
            assert process.returncode == status, said
        assert [subject.answer() for _ in range(2)] == 2 * [{"tracing": False}]
        subject.is_as_before()


def test_a_process_that_waits(tm, interpreter, program):
    """It never comes to run a script: the shell asks a debugger to make it."""
    few(interpreter)
    with Subject(interpreter.path, program=program(WAITING)) as subject:
        assert "waits in a system call" in tm.output("start", 3, "-p", subject.pid)
        assert subject.ask("say")["limit"] == 3
        subject.is_as_before()
        if interpreter.number >= (3, 14):
            none = {"TM_GDB": "/nonexistent/gdb", "TM_LLDB": "/nonexistent/lldb"}
            tm.refused(1, "stop", "-p", subject.pid, "--timeout", 1, says=("left as it was", "only a debugger"))
            done = tm.run("stop", "-p", subject.pid, "--timeout", 3, environment=none)
            assert done.returncode == 1 and b"no point in 3 s" in done.stderr and b"only a debugger" in done.stderr, done
            os.kill(subject.pid, signal.SIGSTOP)
            time.sleep(0.5)  # until all its threads have heard it
            tm.refused(1, "stop", "-p", subject.pid, "--timeout", 1, says=("left as it was", "kill -CONT %d" % subject.pid))
            os.kill(subject.pid, signal.SIGCONT)
            assert subject.ask("say")["limit"] == 3


def test_a_subinterpreter_has_been_there(tm, gdb, interpreter, program):
    """Since then PyGILState_Check() says yes to everybody."""
    few(interpreter)
    with Subject(interpreter.path, program=program(SUBINTERPRETER)) as subject:
        assert "waits in a system call" in tm.output("start", 3, "-p", subject.pid)
        done = gdb.batch("-p", subject.pid, "-ex", "tm stop", "-ex", "detach")
        assert "waits in a system call" in done.stdout, done.stdout + done.stderr
        assert subject.ask("say")["tracing"] is False
        subject.is_as_before()


def test_the_script_goes_with_the_process(tm, interpreter, program):
    if interpreter.number < (3, 14):
        pytest.skip("before PEP 768")
    with Subject(interpreter.path, program=program(WAITING)) as subject:
        process = subprocess.Popen([tm.path, "start", "5", "-p", str(subject.pid), "--timeout", "1"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        time.sleep(0.5)
        subject.process.kill()
        said, _ = process.communicate(timeout=LIMIT)
        assert process.returncode == 1 and b"has ended" in said, said
    assert [path for folder in ("/tmp", "/var/tmp", "/dev/shm") for path in pathlib.Path(folder).glob("tm-" + "[0-9a-f]" * 16 + ".py")] == []


def test_another_debugger_has_it(tm, gdb, interpreter, program):
    few(interpreter)
    with Subject(interpreter.path, program=program(WAITING)) as subject:
        done = gdb.batch("-p", subject.pid, "-ex", "shell '%s' start -p %d; true" % (tm.path, subject.pid), "-ex", "detach")
        assert "process %d is held by process " % subject.pid in done.stderr + done.stdout
        assert subject.ask("say")["tracing"] is False
