"""The rows of core/layout against the debug info of every interpreter at hand."""

import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CHECK = pathlib.Path(os.environ.get("TM_BUILD", ROOT / "build")) / "bin" / "layout_check"


def interpreters():
    lines = subprocess.run(["sh", str(ROOT / "fixtures" / "pythons.sh")], stdout=subprocess.PIPE, check=True, text=True).stdout
    return [line.split("\t") for line in lines.splitlines()]


def build_id(path):
    notes = subprocess.run(["readelf", "-n", str(path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    found = re.search(r"Build ID: ([0-9a-f]+)", notes)
    return found.group(1) if found else None


def files(path, version):
    """What may hold debug info: the program, its libpython, and the separate debug file of either."""
    program = pathlib.Path(path).resolve()
    minor = version.split(".")[1]
    candidates = [program, *program.parent.parent.glob("lib/libpython3.%s*.so.*" % minor)]
    for file in list(candidates):
        name = build_id(file)
        for root in (program.parent.parent.parent, pathlib.Path("/")):
            debug = root / "usr/lib/debug/.build-id" / name[:2] / (name[2:] + ".debug") if name else None
            if debug and debug.exists():
                candidates.append(debug)
    return [str(file) for file in candidates]


@pytest.mark.parametrize("version,build,path,label", interpreters(), ids=lambda v: v if "-" in v else "")
def test_rows_agree_with_the_debug_info(version, build, path, label):
    python = "0x03%02x" % int(version.split(".")[1])
    done = subprocess.run([str(CHECK), python, *files(path, version)], stdout=subprocess.PIPE, text=True, timeout=120)
    if done.returncode == 77:
        pytest.skip("skipped: %s: %s" % (label, done.stdout.strip()))
    assert done.returncode == 0, done.stdout
    assert " 0 differ" in done.stdout
