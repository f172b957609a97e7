"""Whichever thread runs Python: that one does it."""

import pytest

from subjects import Subject

PYTHON = """
import json, select, signal, sys, threading, tracemalloc
signal.alarm(120)


def wait():
    threading.Event().wait()


def answer():
    print("ready", flush=True)
    while True:
        if select.select([sys.stdin], [], [], PATIENCE)[0] and sys.stdin.readline():
            print(json.dumps({"tracing": tracemalloc.is_tracing(), "limit": tracemalloc.get_traceback_limit()}), flush=True)


"""
MAIN = "PATIENCE = 0\nfor _ in range(2):\n    threading.Thread(target=wait, daemon=True).start()\nanswer()\n"
ANOTHER = "PATIENCE = 0\nfor run in wait, answer, wait:\n    threading.Thread(target=run, daemon=True).start()\nwait()\n"


@pytest.mark.parametrize("code", (MAIN, ANOTHER), ids=("main", "another"))
def test_one_of_them_runs(tm, interpreter, tmp_path, code):
    if interpreter.number < (3, 14):
        pytest.skip("before PEP 768: the main thread")
    program = tmp_path / "program.py"
    program.write_text(PYTHON + code)
    with Subject(interpreter.path, program=program) as subject:
        assert "limit 3 frames" in tm.output("start", 3, "-p", subject.pid, "--timeout", 5)
        assert subject.ask("say") == {"tracing": True, "limit": 3}
        subject.is_as_before()


def test_nobody_runs(gdb, interpreter, tmp_path):
    """All wait, the main thread for a lock: since 3.13 that looks like the brief wait for a mutex of the interpreter's own."""
    if interpreter.number < (3, 8):
        pytest.skip("live control knows CPython 3.8 to 3.15")
    program = tmp_path / "program.py"
    program.write_text(PYTHON + ANOTHER.replace("= 0", "= None"))
    with Subject(interpreter.path, program=program) as subject:
        done = gdb.batch("-p", subject.pid, "-ex", "tm start 3", "-ex", "detach")
        assert "done by its main thread, which waits in a system call" in done.stdout, done.stdout + done.stderr
        assert subject.ask("say") == {"tracing": True, "limit": 3}
        subject.is_as_before()
