"""What the tests of the command line share: how tm is run, and processes and cores to run it on."""

import pathlib
import shutil
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "matrix"))  # target.py makes cores
sys.path.insert(0, str(HERE))

pytest.register_assert_rewrite("shell")

import shell
import sources
from target import Unavailable


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
def snapshot(tm, core, tmp_path_factory):
    """The snapshot file of the core."""
    path = tmp_path_factory.mktemp("snapshot") / "file.tm"
    tm.output("snapshot", core, "-o", path)
    return str(path)
