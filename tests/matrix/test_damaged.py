"""Cores that are cut off or lack memory: never silently short, never a false "not tracing"."""

import json
import os
import shutil

import pytest

import truths
from program import Program
from target import Target, Unavailable, core_pattern

PYTHON = "/usr/bin/python3"


def core_of(folder, filter_=None):
    try:
        core_pattern()
        target = Target(PYTHON, folder, ["--domains", "--nframe", "5"])
        if filter_ is not None:
            with open("/proc/%d/coredump_filter" % target.process.pid, "w") as file:
                file.write("%#x" % filter_)
        core = target.core()
        target.close(keep=True)
        return core, target.truth
    except Unavailable as why:
        pytest.skip(str(why))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    yield core_of(folder)
    shutil.rmtree(folder)


def rows(answer):
    return [[row["size"], row["count"], truths.frames(row["traceback"])] for row in answer["rows"]]


def numbers(rows):
    return sorted((size, count, lineno) for size, count, ((_, lineno),) in rows)


def right_or_said_so(tm, core, truth, shown=lambda rows: rows):
    """The rows are all there, or the answer says that they are not; a failure says why."""
    done = tm.run("statistics", core, "--by", "lineno", "-n", 0, "--format", "json")
    if done.returncode != 0:
        assert done.stderr.strip()
        assert done.returncode in (1, 3) and b"not tracing" not in done.stderr, done.stderr
        return "refused"
    answer = json.loads(done.stdout)
    if answer["complete"]:
        expected = [row[1:] for row in truth["statistics"]["lineno"]]
        truths.same(shown(rows(answer)), shown(expected))
        return "complete"
    assert answer["notes"], "nothing says what is missing"
    return "partial"


@pytest.fixture
def copy(tmp_path, whole):
    path = tmp_path / "copy"
    shutil.copy(whole[0], path)
    yield path
    path.unlink()


# In hundredths of the file: a disk that was full, or a limit on the size of cores.
@pytest.mark.parametrize("part", [0, 1, 3, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99])
def test_a_core_that_is_cut_off(tm_path, whole, copy, part):
    os.truncate(copy, os.path.getsize(copy) * part // 100)
    assert right_or_said_so(Program(tm_path), copy, whole[1]) in (("refused",) if part == 0 else ("refused", "partial", "complete"))


@pytest.mark.parametrize("part", range(0, 100, 5))
def test_a_core_with_a_hole_of_zeros(tm_path, whole, copy, part):
    """As a file system leaves it after a crash: a hundredth of the core reads as zeros.

    Of a name nothing but its length is known otherwise, so zeros in it pass; every number must be right.
    """
    size = os.path.getsize(copy)
    with open(copy, "r+b") as file:
        file.seek(max(size * part // 100 & ~4095, 65536))  # the headers stay
        file.write(bytes(size // 100))
    assert right_or_said_so(Program(tm_path), copy, whole[1], numbers) in ("refused", "partial", "complete")


# Bits of coredump_filter: 0 anonymous private, 1 anonymous shared, 2 file-backed private, 4 first pages of ELF files.
@pytest.mark.parametrize("filter_", [0x00, 0x10, 0x14, 0x01, 0x11, 0x33, 0x37, 0x7f])
def test_a_core_with_less_or_more_memory(tm_path, tmp_path, filter_):
    core, truth = core_of(tmp_path, filter_)
    outcome = right_or_said_so(Program(tm_path), core, truth)
    if filter_ & 0x31 in (0x31, 0x11):
        assert outcome == "complete"
    os.remove(core)
