"""What the tests of the GDB plugin share: GDBs, and processes and cores to look at."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
for folder in ("matrix", "cli"):
    sys.path.insert(0, str(HERE.parent / folder))  # targets and interpreters; the shell
sys.path.insert(0, str(HERE))

pytest.register_assert_rewrite("debugger", "shell")

import shell
import sources
from debugger import Gdb, ROOT
from target import Unavailable


def fetched():
    """GDBs of other Debian suites, with TM_LONG only: rows of fixtures/gdbs.sh."""
    if not os.environ.get("TM_LONG"):
        return []
    lines = subprocess.run(["sh", str(ROOT / "fixtures" / "gdbs.sh"), "--fetch"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return [tuple(line.split("\t")) for line in lines.splitlines()]


def gdbs():
    names = ("gdb",) if os.environ.get("TM_QUICK") else ("gdb", "gdb-multiarch")
    found = [Gdb(name) for name in names if shutil.which(name)]
    for name, program, root in fetched():
        # PYTHONHOME is GDB's, not its target's.
        found.append(Gdb(program, "--data-directory", root + "/usr/share/gdb", "-iex", "unset environment PYTHONHOME",
                         environment={"PYTHONHOME": root + "/usr"}, name=name))
    return found


GDBS = gdbs()


def pytest_generate_tests(metafunc):
    if "any_gdb" in metafunc.fixturenames:
        metafunc.parametrize("any_gdb", GDBS or [None], ids=lambda one: one.name if one else "none")


@pytest.fixture(scope="session", autouse=True)
def some_gdb():
    if not GDBS:
        pytest.skip("no gdb")


@pytest.fixture(scope="session")
def gdb():
    return GDBS[0]


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
