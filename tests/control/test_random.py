"""Starts and stops at random moments of an allocating, threaded process: it lives, agrees and goes on."""

import json
import os
import pathlib

import pytest

from subjects import HERE, Subject

ROUNDS = 52  # a multiple of four: it ends with a stop
FEW = 8
LONGEST = 300  # seconds, on a machine that does other things, too
at_work = []  # processes that show, while the next one is tested, that they are well


def at_random(run, folder, rounds):
    answers = folder / "answers"
    done = run({"TM_ROUNDS": str(rounds), "TM_ANSWERS": str(answers)})
    assert answers.exists(), (done.stdout + done.stderr)[-2000:]
    result = json.loads(answers.read_text())
    assert result["error"] is None, "%s\n%s" % (result.pop("error"), result)
    assert result["rounds"] == rounds
    return result


def agree(subject, tracing, limit=None):
    """What we say and what its own tracemalloc says, then work: its result is looked at at the end."""
    subject.is_as_before()
    said = subject.ask("say")
    assert said["tracing"] == tracing and (limit is None or said["limit"] == limit), said
    subject.send("work")
    at_work.append(subject)


def test_in_gdb(gdb, interpreter, tmp_path):
    subject = Subject(interpreter.path)
    debug = ["-iex", "set debug-file-directory %s" % interpreter.debug_directory] if interpreter.debug_directory else []
    result = at_random(lambda settings: gdb.batch(*debug, "-p", subject.pid, "-x", HERE / "at_random.py", "-ex", "detach", environment=settings, timeout=LONGEST),
                       tmp_path, ROUNDS)
    agree(subject, False)
    if interpreter.number < (3, 14):
        assert set(result["ways"]) <= {"a pending call in its main thread", "its main thread, which waits in a system call"}, result


LLDB_PYTHONS = "system-3.11", "pyenv-3.13", "sid-3.14"


def test_in_lldb(lldb, interpreter, tmp_path):
    if not interpreter.label.startswith(LLDB_PYTHONS) or interpreter.build != "release":
        pytest.skip("three Pythons are enough")
    subject = Subject(interpreter.path)
    at_random(lambda settings: lldb.batch("-p", subject.pid, "-o", "command script import '%s'" % (HERE / "at_random.py"), "-o", "detach",
                                          environment=settings, timeout=LONGEST), tmp_path, FEW)
    agree(subject, False)


def test_in_the_shell(tm, interpreter):
    """Without a debugger from 3.14 on; before that through one, which takes its time."""
    subject = Subject(interpreter.path)
    alone = interpreter.number >= (3, 14)
    for number in range(ROUNDS // 2 if alone else 1):
        limit = number % 40 + 1
        assert "limit %d frame" % limit in tm.output("start", limit, "-p", subject.pid)
        assert subject.ask("say") == {"tracing": True, "limit": limit}
        assert "not tracing" in tm.output("stop", "-p", subject.pid)
    agree(subject, False)


def test_all_of_them_went_on():
    assert at_work
    for subject in at_work:
        with subject:
            answer = subject.answer()
            assert answer["rounds"] > 3 and answer["threads"] == 4, answer
            subject.is_as_before()
            assert subject.ask("say")["tracing"] is False
    scripts = [path for folder in ("/tmp", "/var/tmp", "/dev/shm") for path in pathlib.Path(folder).glob("tm-" + "[0-9a-f]" * 16 + ".py")]
    assert scripts == []
