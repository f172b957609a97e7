"""The checks of the module tm, in every interpreter at hand that can load it."""

import os
import pathlib
import shutil
import subprocess

import pytest

import interpreters
from target import Target

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("TM_BUILD") or interpreters.ROOT / "build")
CHECKS = ["objects", "copies", "snapshots", "compare", "files", "own", "cpython", "hosts", "leaks", "twice"]
DEV = ["-X", "dev", "-W", "ignore"]  # the interpreter looks closer: memory, exceptions
LIMIT = 120  # seconds


def pytest_generate_tests(metafunc):
    if "interpreter" in metafunc.fixturenames:
        found = [one for one in interpreters.interpreters(metafunc.config) if one.number >= (3, 8)]
        if not os.environ.get("TM_LONG"):  # one of each minor version and build
            found = list({(one.number[:2], one.build): one for one in reversed(found)}.values())[::-1]
        metafunc.parametrize("interpreter", found, ids=lambda one: one.label)


@pytest.fixture(scope="session")
def target(tmp_path_factory):
    """A target that says the truth, and its core: (truth, PID, core)."""
    if not (BUILD / "python" / "tm.abi3.so").exists():
        pytest.skip("the module tm was not built")
    target = Target("/usr/bin/python3", tmp_path_factory.mktemp("target"), ["--domains", "--nframe", "7", "--count", "500"])
    yield [str(target.folder / "truth.json"), str(target.process.pid), target.gcore()]
    target.close()


def run(command, check, target, **more):
    arguments = {"objects": [], "copies": [], "own": [], "cpython": [], "compare": ["1"], "snapshots": target}.get(check, target[1:])
    done = subprocess.run([*command, "-B", str(HERE / "checks" / (check + ".py")), *arguments], cwd=HERE, stdin=subprocess.DEVNULL,
                          env={**os.environ, "TM_BUILD": str(BUILD), **more}, timeout=LIMIT, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    text = done.stdout.decode(errors="replace")
    if "version `GLIBC" in text:  # of another Debian, which the module was not built for
        pytest.skip("%s: its C library is older than the module's" % command[0])
    assert done.returncode == 0, "status %d\n%s" % (done.returncode, text)
    return text


@pytest.mark.parametrize("check", CHECKS)
def test_module(interpreter, check, target):
    assert "good: " in run([interpreter.path, *([] if check == "leaks" else DEV)], check, target)


@pytest.mark.skipif(not shutil.which("valgrind"), reason="no valgrind")
@pytest.mark.parametrize("check", ["hosts", "leaks"])
def test_memory(check, target, request):
    """No byte is used that is not the module's: the interpreter takes every block from malloc, where valgrind watches it."""
    if request.config.getoption("--quick"):
        pytest.skip("quick")
    run(["valgrind", "-q", "--error-exitcode=9", "/usr/bin/python3"], check, target, PYTHONMALLOC="malloc", TM_VALGRIND="1")
