"""Options of the tests that need the built program."""

import os
import pathlib
import shutil
import sys

import pytest

pytest.register_assert_rewrite("truths", "program")

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import watchpoints


def pytest_addoption(parser):
    parser.addoption("--quick", action="store_true", default=bool(os.environ.get("TM_QUICK")),
                     help="a small part of the matrix (also: TM_QUICK=1)")
    parser.addoption("--local", action="store_true", help="leave the fetched interpreters out of the matrix")
    parser.addoption("--fetch", action="store_true", help="get the interpreters of other Debian suites first")


def pytest_report_header(config):
    return "tm: %s" % program_path()


def program_path():
    return os.environ.get("TM") or str(ROOT / "build" / "bin" / "tm")


@pytest.fixture(scope="session")
def tm_path():
    path = program_path()
    if not shutil.which(path):
        pytest.fail("no program %s: build it first, or set TM" % path, pytrace=False)
    return path


@pytest.fixture(scope="session")
def hardware_watchpoints():
    if not watchpoints.WORK:
        pytest.skip("skipped: " + watchpoints.WHY)


INIT_FILES = [pathlib.Path.home() / name for name in (".gdbinit", ".lldbinit", ".config/gdb/gdbinit")]


def contents():
    return [path.read_bytes() if path.exists() else None for path in INIT_FILES]


@pytest.fixture(scope="session", autouse=True)
def nothing_of_the_user_s_is_touched():
    before = contents()
    yield
    assert contents() == before, "a test wrote into the user's own init files"
