"""The program as it is shipped, under valgrind: no bad access, no use of what was never set, nothing lost."""

import json
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

import cases
import conftest
import shell

VALGRIND = ("valgrind", "-q", "--error-exitcode=%d" % cases.FOUND, "--leak-check=full",
            "--errors-for-leak-kinds=definite,indirect,possible")
QUICK = bool(os.environ.get("TM_QUICK"))
LIMIT = 120  # seconds for a program; each takes less than ten by itself
UNITS = sorted(path.stem.replace("test_", "unit_") for path in (conftest.HERE.parent / "unit").glob("test_*.c"))
UNITS.remove("unit_alloc")  # makes allocations fail through a malloc of its own, which valgrind replaces
if QUICK:
    UNITS = ["unit_query", "unit_render"]

pytestmark = pytest.mark.skipif(not shutil.which("valgrind"), reason="no valgrind")
longer = pytest.mark.skipif(QUICK, reason="takes longer than --quick allows")


@pytest.fixture(scope="module")
def units():
    """All of the programs, two at a time."""
    folder = conftest.build_folder() / "bin"
    with ThreadPoolExecutor(2) as pool:
        yield {name: pool.submit(subprocess.run, [*VALGRIND, str(folder / name)], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LIMIT) for name in UNITS}


@pytest.mark.parametrize("unit", UNITS)
def test_unit(units, unit):
    cases.checked(units[unit].result(), (0,))


@pytest.fixture(scope="module")
def tm(tm_path):
    def run(*words, status=(0,)):
        return cases.checked(shell.Shell(tm_path).run(*words, prefix=VALGRIND), status)
    return run


def all_refused(tm, many):
    """Two at a time; the files of each were made before."""
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(tm, *words, status=status) for _, words, status in many]:
            done.result()


@longer
def test_commands(tm, place):
    answer = json.loads(tm("statistics", place.source, "-n", 0, "--json", "--by", "traceback").stdout)
    assert answer["complete"] and answer["total"]["count"] > 500
    tm("traceback", place.object, "--in", place.source)


@longer
def test_a_snapshot_and_back(tm, core, tmp_path):
    path = tmp_path / "file.tm"
    tm("snapshot", core.source, "-o", path)
    tm("status", "--verify", path)
    tm("statistics", path, "--cumulative", "--format", "table")


@longer
def test_what_cannot_be_done(tm, core, snapshot, tmp_path):
    all_refused(tm, list(cases.of_no_source(tmp_path, core.source, snapshot)))


@longer
def test_damaged_snapshots(tm, snapshot, tmp_path):
    all_refused(tm, list(cases.of_damaged_snapshots(tmp_path, snapshot))[::5])


@longer
def test_a_core_that_is_cut_off(tm, core, tmp_path):
    all_refused(tm, list(cases.of_cut_cores(tmp_path, core.source, [0.5])))


@longer
def test_processes_that_do_not_trace(tm):
    for _, words, status in cases.of_processes():
        tm(*words, status=status)
