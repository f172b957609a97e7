"""Not tracing, never traced, or no Python at all: exit status 3, and a line that says which."""

import subprocess

import pytest

import interpreters
from program import Program
from target import Target, Unavailable

NOTHING = 3


def pytest_generate_tests(metafunc):
    if "off" in metafunc.fixturenames:
        metafunc.parametrize("interpreter,off", [
            pytest.param(interpreter, off, id="%s-%s" % (interpreter.label, off))
            for interpreter in interpreters.interpreters(metafunc.config) for off in ("never", "stopped")])


@pytest.mark.parametrize("source", ["live", "core"])
def test_a_process_that_does_not_trace(tm_path, tmp_path, interpreter, off, source):
    target = Target(interpreter.path, tmp_path, ["--off", off, "--nframe", "3"])
    try:
        place = target.process.pid if source == "live" else target.core()
        tm = Program(tm_path)
        done = tm.run("statistics", place)
        assert done.returncode == NOTHING, done.stderr
        assert done.stderr.strip(), "nothing says why"
        status = tm.json("status", place)
        assert status["tracing"] is False
        assert status["python"] == interpreter.version
        assert status["traceback_limit"] == target.truth["traceback_limit"]
    except Unavailable as why:
        pytest.skip(str(why))
    finally:
        target.close()


def test_a_process_without_python(tm_path):
    process = subprocess.Popen(["sleep", "60"])
    try:
        done = Program(tm_path).run("statistics", process.pid)
        assert done.returncode == NOTHING and done.stderr.strip()
        done = Program(tm_path).run("status", process.pid)
        assert done.stderr.strip() or done.stdout.strip()
    finally:
        process.kill()
        process.wait()
