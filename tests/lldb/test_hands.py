"""What LLDB lends to run something in a live Python, used here by hand: the process goes on as if nothing had been."""

import errno
import json
import os
import pathlib
import re
import subprocess

import pytest

import interpreters
import sources
from conftest import LLDBS
from debugger import HERE

ERESTART_RESTARTBLOCK = -516  # linux/errno.h
VERSIONS = "pyenv-3.8.", "pyenv-3.11.", "pyenv-3.13.", "system-3.11."


def pytest_generate_tests(metafunc):
    """Every interpreter in one LLDB, and every LLDB has one; with TM_LONG all in all."""
    if "interpreter" not in metafunc.fixturenames:
        return
    found = [one for one in interpreters.interpreters(metafunc.config) if one.label.startswith(VERSIONS)]
    found = found[:3] if metafunc.function is test_at_random_moments and not os.environ.get("TM_LONG") else found
    pairs = [(one, lldb) for i, one in enumerate(found) for j, lldb in enumerate(LLDBS) if os.environ.get("TM_LONG") or (i - j) % len(LLDBS) == 0]
    metafunc.parametrize("interpreter,one_lldb", pairs, ids=lambda one: getattr(one, "label", None) or one.version)


class Working(sources.Command):
    """See working.py."""

    def __init__(self, kind, path=sources.PYTHON, environment=None):
        self.process = subprocess.Popen([path, str(HERE / "working.py"), kind], env={**os.environ, **(environment or {})},
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = self.process.pid

    def __enter__(self):
        return sources.Python.__enter__(self)

    def __exit__(self, *ignored):
        self.process.stdin.close()
        super().__exit__(*ignored)

    def went_on(self, traces, received=()):
        """Works on when nothing holds it, and got no signals but these."""
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        assert self.line().decode() == "worked 50000 %r %r\n" % (list(received), traces)
        assert self.process.wait(sources.LIMIT) == 0


def do(lldb, step, process, tmp_path, arguments=(), **environment):
    """What the step of hands.py answered, and what LLDB printed meanwhile."""
    answers = tmp_path / "answers"
    done = lldb.batch("-p", process.pid, *arguments, "-o", "script print('BEGIN')", "-o", "command script import '%s'" % (HERE / "hands.py"),
                      "-o", "script print('END')", environment={"TM_STEP": step, "TM_ANSWERS": str(answers), **environment})
    assert answers.exists(), done.stdout + done.stderr
    printed = re.search(r"(?s)BEGIN\n(.*)\(lldb\) script print\('END'\)", done.stdout)
    assert printed and not re.sub(r"(?m)^\(lldb\) .*\n", "", printed.group(1)), done.stdout + done.stderr
    assert not done.stderr or "plugin for the language \"assembler\"" in done.stderr, done.stderr  # LLDB 16, wherever it stops in some
    answer = json.loads(answers.read_text())
    assert not isinstance(answer, str), answer
    return answer


@pytest.mark.parametrize("asynchronous", [0, 1], ids=["waiting", "asynchronous"])
def test_the_main_thread_runs_it(one_lldb, tmp_path, interpreter, asynchronous):
    with Working("allocate", interpreter.path) as process:
        do(one_lldb, "start", process, tmp_path, TM_ASYNC=str(asynchronous))
        assert process.line() == b"tracing 5\n"
        process.went_on(True)


def test_a_thread_that_sleeps_runs_it(one_lldb, tmp_path, interpreter):
    with Working("waiting", interpreter.path) as process:
        answer = do(one_lldb, "asleep", process, tmp_path)
        before, after = answer.pop("rax")
        assert after == (-errno.EINTR if before == ERESTART_RESTARTBLOCK else before)
        assert answer == {"done": 0, "differ": ["rax"] * (after != before)}
        assert process.line() == b"tracing 5\n"
        process.went_on(True)


def test_at_random_moments(one_lldb, tmp_path, interpreter):
    with Working("allocate", interpreter.path) as process:
        do(one_lldb, "often", process, tmp_path)
        assert process.line() == b"tracing 5\n"
        process.went_on(True)


def test_a_busy_thread_is_waited_for_and_no_longer(any_lldb, tmp_path):
    with Working("long") as process:
        answer = do(any_lldb, "busy", process, tmp_path)
        assert answer["got"] is None and answer["finished"] is False and answer["stopped"]
        assert 0.5 <= answer["seconds"] < 1.5 and set(answer["states"]) == {"t"}
        assert process.line() == b"tracing 5\n"
        process.went_on(True)


@pytest.mark.parametrize("kind", ["allocate", "waiting"])
def test_calls_that_do_not_return(any_lldb, tmp_path, kind):
    with Working(kind) as process:
        for name, said, seconds, changed in do(any_lldb, "failing", process, tmp_path):
            assert not changed and seconds < 2, (name, said)
            assert "did not return" in said or name in ("write", "thread"), (name, said)
        process.went_on(False)


@pytest.mark.parametrize("kind,said", [("exit", "signal 3"), ("fault", "SIGSEGV"), ("killed", "ended meanwhile")])
def test_a_process_that_ends(any_lldb, tmp_path, kind, said):
    with Working(kind) as process:
        answer = do(any_lldb, "ends", process, tmp_path)
        assert said in answer[0] and answer[1] < 6


def test_the_users_own_are_left_alone(any_lldb, tmp_path):
    with Working("allocate") as process:
        answer = do(any_lldb, "users", process, tmp_path)
        assert answer == {"changed": [], "frame": True, "thread": True}
        assert process.line() == b"tracing 5\n"
        process.went_on(True)


def test_nothing_is_seen_on_a_terminal(any_lldb, tmp_path):
    """Where LLDB runs processes in the background, and tells of it."""
    answers = tmp_path / "answers"
    with Working("allocate") as process:
        settings = {"TM_STEP": "start", "TM_ANSWERS": str(answers), "TM_ASYNC": "1"}
        with any_lldb.terminal("-p", process.pid, environment=settings) as terminal:
            shown = terminal.do("command script import '%s'" % (HERE / "hands.py")) + terminal.do("script print('later')")
            for command, said in (("continue", "resuming"), ("process interrupt", "stop reason"), ("detach", "detached")):
                terminal.send(command)
                terminal.child.expect_exact(said)
        assert isinstance(json.loads(answers.read_text()), dict)
        assert "Process" not in shown and "thread #" not in shown and "later" in shown, shown
        assert process.line() == b"tracing 5\n"
        process.went_on(True)


def test_ctrl_c_ends_a_wait(any_lldb, tmp_path):
    answers = tmp_path / "answers"
    with Working("allocate") as process:
        with any_lldb.terminal("-p", process.pid, environment={"TM_STEP": "interrupted", "TM_ANSWERS": str(answers)}) as terminal:
            terminal.send("command script import '%s'" % (HERE / "hands.py"))
            sources.until(lambda: answers.exists() and answers.read_text() == '"waits"' and "t" not in str(sources.states(process.pid)))
            terminal.child.sendintr()
            terminal.prompt(10)
            assert json.loads(answers.read_text()) == ["interrupted", True]
            terminal.send("detach")
            terminal.child.expect_exact("detached")
        process.went_on(False)


def test_a_function_from_its_first_instruction_on(any_lldb, tmp_path):
    with Working("asleep") as process:
        assert do(any_lldb, "entered", process, tmp_path) == [True] * 20
        process.went_on(False)


def test_the_frames(any_lldb, tmp_path):
    with Working("asleep") as process:
        tids = set(map(int, os.listdir("/proc/%d/task" % process.pid)))
        found = dict(do(any_lldb, "unwound", process, tmp_path))
        assert process.pid in found and len(tids & set(found)) >= 4
        mapped = [line.split()[:2] for line in pathlib.Path("/proc/%d/maps" % process.pid).read_text().splitlines()]
        code = [[int(end, 16) for end in place.split("-")] for place, rights in mapped if "x" in rights]
        for pcs in found.values():
            assert 1 <= len(pcs) <= 64 and all(any(low <= pc < high for low, high in code) for pc in pcs)
        process.went_on(False)
