"""Separate debug files: by build-id below a folder, and by .gnu_debuglink beside the library."""

import json
import os
import pathlib
import subprocess

import pytest

from test_layout import build_id, interpreters

PROGRAM = "import tracemalloc; tracemalloc.start(3); keep = [bytearray(i) for i in range(3000)]; print('ready', flush=True); input()"


class Running:
    def __init__(self, python, **environment):
        self.process = subprocess.Popen([python, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, **environment})
        assert self.process.stdout.readline() == "ready\n"

    def __enter__(self):
        return str(self.process.pid)

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


def verified_by(tm_path, *arguments):
    done = subprocess.run([tm_path, "status", "--verify", "--json", *arguments], stdout=subprocess.PIPE, check=True, timeout=60)
    answer = json.loads(done.stdout)
    assert answer["complete"] and answer["tracing"] and answer["traces"] > 3000
    return [note for note in answer["notes"] if note.startswith("verified: ")][0]


def debug_folder(path):
    """Where the separate debug file of a fetched interpreter lies; None when there is none."""
    name = build_id(path)
    folder = pathlib.Path(path).parent.parent / "lib" / "debug"
    return folder if name and (folder / ".build-id" / name[:2] / (name[2:] + ".debug")).exists() else None


@pytest.mark.parametrize("row", [row for row in interpreters() if debug_folder(row[2])], ids=lambda row: row[3])
def test_a_debug_file_is_found_by_build_id(tm_path, row):
    with Running(row[2]) as pid:
        assert "debug info" in verified_by(tm_path, pid, "--debug-dir", str(debug_folder(row[2])))
        assert "debug info" not in verified_by(tm_path, pid)


def shared(row):
    """The libpython of an interpreter that has its debug info in it."""
    minor = row[0].split(".")[1]
    found = list(pathlib.Path(row[2]).resolve().parent.parent.glob("lib/libpython3.%s*.so.1.0" % minor))
    return found[0] if found and row[3].startswith("pyenv") else None


@pytest.mark.parametrize("row", [row for row in interpreters() if shared(row)], ids=lambda row: row[3])
def test_a_debug_file_is_found_by_its_link(tm_path, tmp_path, row):
    copy = tmp_path / shared(row).name
    debug = tmp_path / (copy.name + ".debug")
    subprocess.run(["objcopy", "--only-keep-debug", str(shared(row)), str(debug)], check=True)
    subprocess.run(["objcopy", "--strip-all", "--add-gnu-debuglink=" + str(debug), str(shared(row)), str(copy)], check=True)
    with Running(row[2], LD_PRELOAD=str(copy)) as pid:
        assert str(copy) in pathlib.Path("/proc", pid, "maps").read_text()
        assert "debug info" in verified_by(tm_path, pid)
        debug.rename(tmp_path / "elsewhere")
        assert "debug info" not in verified_by(tm_path, pid)
