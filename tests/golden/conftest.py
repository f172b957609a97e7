"""Golden tests: one transcript, every front end, the same bytes."""

import lzma
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
RECORDED = ROOT / "fixtures" / "recorded"
sys.path.insert(0, str(HERE.parent / "cli"))
sys.path.insert(0, str(HERE.parent / "matrix"))
sys.path.insert(0, str(HERE))

import sources


def pytest_addoption(parser):
    parser.addoption("--update", action="store_true",
                     help="write what the first front end of each case says into the case, to be read and committed")


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Where the commands run: the recorded cores, what they say of themselves."""
    folder = tmp_path_factory.mktemp("golden")
    for core in RECORDED.glob("*.core.xz"):
        with lzma.open(core) as packed, open(folder / core.stem, "wb") as plain:
            shutil.copyfileobj(packed, plain)
        os.utime(folder / core.stem, (1700000000, 1700000000))
    (folder / "text").write_text("no core\n")
    (folder / "empty").write_text("")
    return folder


@pytest.fixture(scope="session")
def live():
    """A process that traces and does nothing any more."""
    with sources.Python("import tracemalloc\ntracemalloc.start(2)\nheld = [bytes(3000000), [bytes(200000) for i in range(5)]]\n"
                        ) as process:
        yield process.pid


@pytest.fixture(scope="session")
def comma_locale(tmp_path_factory):
    """The environment of a locale that writes 1,5 for one and a half."""
    place = tmp_path_factory.mktemp("locale")
    names = {"LOCPATH": str(place), "LC_ALL": "de_DE.UTF-8"}
    if shutil.which("localedef"):
        subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8", str(place / "de_DE.UTF-8")], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    comma = subprocess.run([sources.PYTHON, "-c", "import locale; locale.setlocale(locale.LC_ALL, ''); print(locale.str(1.5))"],
                           env={**os.environ, **names}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    if comma != b"1,5\n":
        pytest.skip("no locale with a comma can be made here")
    return names
