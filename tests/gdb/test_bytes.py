"""Every command prints in GDB, byte for byte, what it prints in the shell: interpreter x symbols x source x road x GDB."""

import os
import shutil

import pytest

import interpreters
from conftest import GDBS
from program import Program
from target import Target, Unavailable

COMMANDS = [
    "statistics --by lineno -n 0", "statistics --by filename -n 0 --json", "statistics --by traceback -n 0",
    "statistics --by lineno --cumulative --json", "statistics --by filename --cumulative -n 0 --format csv",
    "statistics --format table", "traces -n 0",
]
ROADS = ("direct", "debugger")


def pytest_generate_tests(metafunc):
    if "interpreter" not in metafunc.fixturenames:
        return
    sample = ("system", "pyenv-3.8", *(("pyenv-3.12", "sid-3.15") if os.environ.get("TM_LONG") else ()))
    rows = []
    for interpreter in interpreters.interpreters(metafunc.config):
        for which, gdb in enumerate(GDBS):
            if which and not interpreter.label.startswith(sample):
                continue  # another GDB has the same plugin
            for stripped in (False, True):
                rows.append(pytest.param(interpreter, gdb, stripped, id="-".join(
                    (interpreter.label, "stripped" if stripped else "native", gdb.name))))
    metafunc.parametrize("interpreter,one_gdb,stripped", rows)


def in_shell(tm_path, source, options):
    tm = Program(tm_path, *options)
    return {**{command: tm.output(*command.split(), source) for command in COMMANDS}, "status": tm.json("status", source)}


def steps():
    """The same commands on both roads."""
    listed = []
    for road in ROADS:
        listed += ["set tm read " + road, *("tm " + command for command in COMMANDS), "tm status --json"]
    return listed


# What differs in the answer of "status": who holds the process, and when it was asked.
OWN = ("stopped_by", "time")


def same(answers, expected):
    answers = iter(answers)
    for road in ROADS:
        str(next(answers))
        for command in COMMANDS:
            assert str(next(answers)) == expected[command], (road, command)
        status = next(answers).json()
        assert {**status, **{key: None for key in OWN}} == {**expected["status"], **{key: None for key in OWN}}, road


def test_the_same_bytes_as_in_the_shell(tm_path, tmp_path, interpreter, one_gdb, stripped):
    path, environment = interpreters.stripped(interpreter, tmp_path / "copy") if stripped else (interpreter.path, {})
    options, arguments = [], []
    if interpreter.debug_directory and not stripped:
        options = ["--debug-dir", interpreter.debug_directory]
        arguments = ["-iex", "set debug-file-directory " + interpreter.debug_directory]
    target = Target(path, tmp_path, ["--domains", "--nframe", "7", "--threads", "2"], environment=environment)
    try:
        pid = target.process.pid
        expected = {"live": in_shell(tm_path, pid, options)}
        gcore = tmp_path / "gcore"
        answers = one_gdb.ask([*steps(), "generate-core-file %s" % gcore], "-p", pid, *arguments)
        same(answers[:-1], expected["live"])
        places = [gcore]
        try:
            places.append(target.core())
        except Unavailable as why:
            print("skipped: kernel core: %s" % why)
        on_cores(tm_path, one_gdb, path, places, options, arguments)
    finally:
        target.close()
        shutil.rmtree(tmp_path / "copy", ignore_errors=True)


def on_cores(tm_path, gdb, exe, places, options, arguments):
    """With the program loaded, and with nothing but the core."""
    cases = [(exe, place) for place in places] + [("", place) for place in places]
    listed = []
    for program, place in cases:
        listed += ["core-file", "file " + program, "core-file %s" % place, *steps()]
    answers = gdb.ask(listed, *arguments)
    size = len(answers) // len(cases)
    for number, (program, place) in enumerate(cases):
        same(answers[number * size + 3:(number + 1) * size], in_shell(tm_path, place, options))
