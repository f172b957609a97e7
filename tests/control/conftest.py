"""What the tests of live control share: debuggers, interpreters, and processes to switch."""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
for folder in (HERE.parent / "matrix", HERE.parent / "cli", HERE):  # interpreters; the shell
    sys.path.insert(0, str(folder))

pytest.register_assert_rewrite("subjects", "shell")

import shell
from interpreters import interpreters


def debugger(name):
    """The tests of each debugger know how it is started."""
    spec = importlib.util.spec_from_file_location(name + "_debugger", HERE.parent / name / "debugger.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GDB = debugger("gdb").Gdb("gdb")
LLDB = debugger("lldb").Lldb


def lldbs():
    done = subprocess.run(["sh", str(HERE.parent.parent / "fixtures" / "lldbs.sh"), "--fetch"], check=True, stdout=subprocess.PIPE, text=True)
    return [LLDB(*line.split("\t")) for line in done.stdout.splitlines() if line.split(".")[0] in ("16", "19", "22")]


def pytest_generate_tests(metafunc):
    if "interpreter" in metafunc.fixturenames:
        known = [one for one in interpreters(metafunc.config) if one.number >= (3, 8)]
        metafunc.parametrize("interpreter", known, ids=lambda one: one.label)
    if "lldb" in metafunc.fixturenames:
        metafunc.parametrize("lldb", lldbs(), ids=lambda one: one.version)


@pytest.fixture(scope="session")
def tm(tm_path):
    return shell.Shell(tm_path)


@pytest.fixture(scope="session")
def gdb():
    return GDB
