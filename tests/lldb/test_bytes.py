"""Every command prints in LLDB, byte for byte, what it prints in the shell: interpreter x symbols x source x road x LLDB."""

import os
import shutil

import pytest

import interpreters
import sources
from conftest import LLDBS
from program import Program
from target import Target, Unavailable

COMMANDS = [
    "statistics --by lineno -n 0", "statistics --by filename -n 0 --json", "statistics --by traceback -n 0",
    "statistics --by lineno --cumulative --json", "statistics --by filename --cumulative -n 0 --format csv",
    "statistics --format table", "traces -n 0", "statistics --include '*truth*' --exclude-domain 0 -n 0",
]
ROADS = ("direct", "debugger")
# What differs in the answer of "status": when it was asked; who holds a process is its tracer for the one, we for the other.
OWN = ("stopped_by", "time")


def pytest_generate_tests(metafunc):
    """The plugin is the same in each: every interpreter in one of them and in one form, some in all; with TM_LONG all in all."""
    if "interpreter" not in metafunc.fixturenames:
        return
    rows = []
    for interpreter in interpreters.interpreters(metafunc.config):
        every = os.environ.get("TM_LONG") or interpreter.label.startswith(("system", "pyenv-3.8"))
        for stripped in (False, True) if every else (len(rows) % 2 == 0,):
            some = LLDBS if every else [LLDBS[len(rows) % len(LLDBS)]] if LLDBS else []
            name = "-".join((interpreter.label, "stripped" if stripped else "native", *(one.version for one in some)))
            rows.append(pytest.param(interpreter, stripped, some, id=name))
    metafunc.parametrize("interpreter,stripped,some_lldbs", rows)


def in_shell(tm_path, source, options):
    tm = Program(tm_path, *options)
    return {**{command: tm.output(*command.replace("'", "").split(), source) for command in COMMANDS},
            "status": tm.json("status", source)}


def steps():
    """The same commands on both roads."""
    listed = []
    for road in ROADS:
        listed += ["tm config read " + road, *("tm " + command for command in COMMANDS), "tm status --json"]
    return listed


def same(answers, expected):
    answers = iter(answers)
    for road in ROADS:
        str(next(answers))
        for command in COMMANDS:
            answer = next(answers)
            assert answer.error is None and str(answer) == expected[command], (road, command, answer.error)
        status = next(answers).json()
        assert {**status, **{key: None for key in OWN}} == {**expected["status"], **{key: None for key in OWN}}, road


def test_the_same_bytes_as_in_the_shell(tm_path, tmp_path, interpreter, stripped, some_lldbs):
    path, environment = interpreters.stripped(interpreter, tmp_path / "copy") if stripped else (interpreter.path, {})
    options, arguments = [], []
    if interpreter.debug_directory and not stripped:
        options = ["--debug-dir", interpreter.debug_directory]
        arguments = ["-O", "settings append target.debug-file-search-paths " + interpreter.debug_directory]
    target = Target(path, tmp_path, ["--domains", "--nframe", "7", "--threads", "2"], environment=environment)
    try:
        pid = target.process.pid
        expected = in_shell(tm_path, pid, options)
        for lldb in some_lldbs:
            same(lldb.ask(steps(), "-p", pid, *arguments), expected)
        places = [target.gcore()]
        try:
            places.append(target.core())
        except Unavailable as why:
            print("skipped: kernel core: %s" % why)
        for place in places:
            expected = in_shell(tm_path, place, options)
            for lldb in some_lldbs:
                same(lldb.ask(steps(), "-c", place, *arguments), expected)
    finally:
        target.close()


def test_a_core_whose_program_is_gone(tm_path, tmp_path):
    """Both programs find what they can of it, and that is the same."""
    path = shutil.copy(sources.PYTHON, tmp_path / "python")
    target = Target(path, tmp_path, ["--nframe", "3"])
    try:
        places = [target.gcore()]
        try:
            places.append(target.core())
        except Unavailable as why:
            print("skipped: kernel core: %s" % why)
        os.unlink(path)
        for place in places:
            expected = in_shell(tm_path, place, [])
            for lldb in LLDBS:
                same(lldb.ask(steps(), "-c", place), expected)
    finally:
        target.close()
