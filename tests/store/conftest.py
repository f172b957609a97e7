"""What the tests of files share: the little program that reads and writes them, and the interpreters that do, too."""

import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CHECK = pathlib.Path(os.environ.get("TM_BUILD") or ROOT / "build") / "bin" / "store_check"
QUICK = bool(os.environ.get("TM_QUICK"))


def check(*words, status=0):
    """What store_check says; on stderr when it is to fail."""
    done = subprocess.run([str(CHECK), *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=100)
    assert done.returncode == status, done.stderr.decode()
    return (done.stderr if status else done.stdout).decode()


def interpreters():
    """(version, path, label) of each at hand."""
    lines = subprocess.run(["sh", str(ROOT / "fixtures" / "pythons.sh")], stdout=subprocess.PIPE, check=True, text=True).stdout
    rows = [line.split("\t") for line in lines.splitlines()]
    rows = [(tuple(map(int, version.split(".")[:2])), path, label) for version, build, path, label in rows if build == "release"]
    return list({version: row for row in rows for version in [row[0]]}.values()) if QUICK else rows


def oracle(path, *words):
    """What oracle.py says in that interpreter."""
    done = subprocess.run([path, "-I", str(HERE / "oracle.py"), *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=250, cwd="/")
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    return done.stdout.decode()


class Interpreter:
    def __init__(self, version, path, label):
        self.version, self.path, self.label = version, path, label

    def __repr__(self):
        return self.label


@pytest.fixture(scope="session", params=[Interpreter(*row) for row in interpreters()], ids=repr)
def python(request):
    return request.param


@pytest.fixture(scope="session")
def made(python, tmp_path_factory):
    """A folder of snapshots that this interpreter dumped, and what is in them."""
    folder = tmp_path_factory.mktemp("made")
    oracle(python.path, "make", folder, 7)
    return folder


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    """One pickle, by the interpreter that runs the tests."""
    folder = tmp_path_factory.mktemp("sample")
    oracle(sys.executable, "make", folder, 8)
    return folder / "made2500-dump.pickle"


KEYS = ("lineno", "filename", "traceback", "lineno cumulative", "filename cumulative")


def truth(path):
    """What store_check finds in a file, as oracle.py would put it."""
    about = dict(line.split("=", 1) for line in check("about", path).splitlines())
    lines = ["limit " + about["limit"]]
    lines += ["trace " + line for line in check("traces", path).splitlines()]
    for key in KEYS:
        word, *cumulative = key.split()
        prefix = "cumulative " * len(cumulative) + word + " "
        lines += [prefix + line for line in check("statistics", path, word, *cumulative).splitlines()]
    return lines


def comparable(lines, version):
    """3.6 breaks ties between tracebacks by the newest frame first; tm does as later ones do."""
    lines = [line.strip() for line in lines]
    return sorted(lines) if version < (3, 7) else lines
