"""Where GDB was told to look for files, or has found them, tm finds them, too: an interpreter that is found only thus."""

import pathlib
import shutil
import subprocess

import pytest

import interpreters
import sources
from sources import Python
from target import Unavailable

HOLDS = "tm status --verify --json"


def shared(config):
    """An interpreter whose symbols are all in its libpython, and whose tables no exported name tells: 3.9 to 3.11."""
    for one in interpreters.interpreters(config):
        if (3, 9) <= one.number < (3, 12) and one.build == "release" and interpreters.library(one.path):
            return one
    pytest.skip("no Python 3.9 to 3.11 with a libpython")


class Moved:
    """A core whose program and library were moved away: below ROOT, flat in FLAT; STRIPPED: their symbols into a debug file."""

    def __init__(self, interpreter, folder, stripped):
        self.home, self.root, self.flat, self.debug = (folder / name for name in ("home", "root", "flat", "debug"))
        for path in (self.home, self.flat, self.debug, self.root):
            path.mkdir(parents=True)
        program = self.home / "python3"
        library = self.home / pathlib.Path(interpreters.library(interpreter.path)).name
        shutil.copy(interpreter.path, program)
        shutil.copy(interpreters.library(interpreter.path), library)
        interpreters.patchelf("--force-rpath", "--set-rpath", str(self.home), str(program))
        self.detached = folder / "libpython.debug"
        subprocess.run(["objcopy", "--only-keep-debug", str(library), str(self.detached)], check=True)
        if stripped:
            subprocess.run(["strip", "-s", str(library)], check=True)
        notes = subprocess.run(["readelf", "-n", str(library)], check=True, stdout=subprocess.PIPE, text=True).stdout
        self.build_id = notes.split("Build ID:")[1].split()[0]
        with Python(sources.TRACING, folder, command=(str(program),), environment={"PYTHONHOME": interpreters.prefix(interpreter)}) as process:
            try:
                self.core = process.core()
            except Unavailable as why:
                pytest.skip(str(why))
        shutil.copytree(self.home, self.flat, dirs_exist_ok=True)
        if stripped:
            return
        (self.root / str(self.home).lstrip("/")).parent.mkdir(parents=True)
        self.home.rename(self.root / str(self.home).lstrip("/"))


@pytest.fixture(scope="module")
def moved(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("moved")
    yield Moved(shared(request.config), folder, False)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def stripped(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stripped")
    yield Moved(shared(request.config), folder, True)
    shutil.rmtree(folder)


def found_by(any_gdb, steps, core, *arguments, environment=None):
    """What leads to the tables, the same on both roads."""
    answers = any_gdb.ask([*steps, "core-file %s" % core, HOLDS, HOLDS + " --read debugger"], *arguments, environment=environment)
    ways = []
    for answer in answers[-2:]:
        status = answer.json()
        assert status["tracing"] is True and status["complete"] is True
        note, = [note for note in status["notes"] if note.startswith("verified:")]
        ways.append(note.split(": ")[-1].split(", "))
    assert ways[0] == ways[1]
    return ways[0]


def test_without_them_only_the_scan_is_left(any_gdb, moved, stripped):
    assert found_by(any_gdb, [], moved.core) == ["scan"]
    assert found_by(any_gdb, [], stripped.core) == ["scan"]


def test_sysroot(any_gdb, moved):
    assert "symbols" in found_by(any_gdb, ["set sysroot %s" % moved.root], moved.core)
    assert "symbols" in found_by(any_gdb, ["set tm sysroot %s" % moved.root], moved.core)


def test_solib_search_path(any_gdb, moved):
    assert found_by(any_gdb, [], moved.core, moved.flat / "python3") == ["scan"]
    assert "symbols" in found_by(any_gdb, ["set solib-search-path %s" % moved.flat], moved.core, moved.flat / "python3")


def test_debug_file_directory(any_gdb, stripped):
    folder = stripped.debug / ".build-id" / stripped.build_id[:2]
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(stripped.detached, folder / (stripped.build_id[2:] + ".debug"))
    for value in (stripped.debug, "/nowhere:%s" % stripped.debug):
        assert "debug info" in found_by(any_gdb, ["set debug-file-directory %s" % value], stripped.core)


def test_a_debug_file_that_gdb_has_loaded(any_gdb, stripped):
    steps = ["file %s" % (stripped.flat / "python3"), "add-symbol-file %s" % stripped.detached]
    assert "debug info" in found_by(any_gdb, steps, stripped.core)


@pytest.mark.parametrize("place", ["DEBUGINFOD_CACHE_PATH", "XDG_CACHE_HOME", "HOME"])
def test_the_cache_of_debuginfod(any_gdb, stripped, tmp_path, place):
    cache = tmp_path / {"DEBUGINFOD_CACHE_PATH": ".", "XDG_CACHE_HOME": "debuginfod_client", "HOME": ".cache/debuginfod_client"}[place]
    (cache / stripped.build_id).mkdir(parents=True)
    shutil.copy(stripped.detached, cache / stripped.build_id / "debuginfo")
    environment = {**{name: "" for name in ("DEBUGINFOD_CACHE_PATH", "XDG_CACHE_HOME")}, place: str(tmp_path)}
    assert "debug info" in found_by(any_gdb, [], stripped.core, environment=environment)


def test_a_file_of_another_build_is_not_taken(any_gdb, moved, tmp_path):
    """GDB takes what has the right name; tm compares the build-id."""
    other = tmp_path / str(moved.home).lstrip("/")
    other.mkdir(parents=True)
    for path in (moved.root / str(moved.home).lstrip("/")).iterdir():
        shutil.copy("/bin/true", other / path.name)
    assert found_by(any_gdb, ["set sysroot %s" % tmp_path], moved.core) == ["scan"]
