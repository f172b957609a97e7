"""What the tests of the LLDB plugin share: LLDBs, and processes and cores to look at."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
for folder in (HERE.parent / "matrix", HERE.parent / "cli", HERE):  # targets and interpreters; the shell
    sys.path.insert(0, str(folder))

pytest.register_assert_rewrite("debugger", "shell")

import shell
import sources
from debugger import BUILD, Lldb, ROOT
from target import Unavailable


def lldbs():
    """16, 19 and 22; one of them in a quick run, and with TM_LONG the newest that runs here, too."""
    more = ["--newest"] if os.environ.get("TM_LONG") else []
    done = subprocess.run(["sh", str(ROOT / "fixtures" / "lldbs.sh"), "--fetch", *more], check=True, stdout=subprocess.PIPE, text=True)
    found = [Lldb(*line.split("\t")) for line in done.stdout.splitlines()]
    usual = [one for one in found if one.major in (16, 19, 22)]
    return usual[-1:] if os.environ.get("TM_QUICK") else found if more else usual


LLDBS = lldbs()


def pytest_generate_tests(metafunc):
    if "any_lldb" in metafunc.fixturenames:
        metafunc.parametrize("any_lldb", LLDBS or [None], ids=lambda one: one.version if one else "none")


@pytest.fixture(scope="session", autouse=True)
def some_lldb():
    if not LLDBS:
        pytest.skip("no LLDB: fixtures/lldbs.sh --fetch got none")


@pytest.fixture(scope="session")
def tm(tm_path):
    return shell.Shell(tm_path)


@pytest.fixture(scope="module")
def tracing():
    """A Python that traces a few hundred blocks."""
    with sources.Python(sources.TRACING) as process:
        yield process


@pytest.fixture(scope="session")
def core(tmp_path_factory):
    """The core of one."""
    folder = tmp_path_factory.mktemp("core")
    with sources.Python(sources.TRACING, folder) as process:
        try:
            yield process.core()
        except Unavailable as why:
            pytest.skip(str(why))
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def tm_commands():
    """The rows of the table."""
    code = "import json, sys; sys.path.insert(0, sys.argv[1]); import tm; print(json.dumps(tm.commands()))"
    done = subprocess.run([sources.PYTHON, "-c", code, os.path.join(BUILD, "python")], check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)
