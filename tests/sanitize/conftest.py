"""What the tests under sanitizers and valgrind share: a build with sanitizers, and sources to read with it."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
for folder in ("matrix", "cli"):  # target.py, interpreters.py; shell.py, sources.py
    sys.path.insert(0, str(HERE.parent / folder))
sys.path.insert(0, str(HERE))

pytest.register_assert_rewrite("shell", "cases")

import cases
import shell
import sources
from target import Unavailable

SANITIZERS = "address,undefined"
CODE = sources.TRACING + """
class Kept: pass
kept = [Kept() for _ in range(20)]
with open("id", "w") as file:
    file.write(hex(id(kept[3])))
"""


def build_folder():
    return pathlib.Path(os.environ.get("TM_BUILD") or ROOT / "build")


def command(*words):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        pytest.fail("%s:\n%s" % (" ".join(words), done.stdout[-4000:].decode(errors="replace")), pytrace=False)


@pytest.fixture(scope="session")
def asan_folder():
    """Where the programs with sanitizers are, up to date."""
    folder = build_folder()
    folder = folder.with_name(folder.name + "-asan")
    new = not (folder / "CMakeCache.txt").exists()
    generator = ("-G", "Ninja") if new and shutil.which("ninja") else ()
    command("cmake", "-S", str(ROOT), "-B", str(folder), *generator, "-DTM_SANITIZE=" + SANITIZERS,
            "-DCMAKE_BUILD_TYPE=Debug", "-DTM_TESTS=ON")
    command("cmake", "--build", str(folder), "--parallel", "2")
    return folder / "bin"


@pytest.fixture(scope="session")
def asan_path(asan_folder, tmp_path_factory):
    """A tm with sanitizers: a copy that no build replaces meanwhile."""
    return shutil.copy(asan_folder / "tm", tmp_path_factory.mktemp("asan") / "tm")


@pytest.fixture(scope="session")
def asan_environment():
    """What makes every finding end the program. LeakSanitizer needs ptrace, so it does not work when we are traced."""
    leaks = sources.fields("self")["TracerPid"].strip() == "0"
    return {"ASAN_OPTIONS": "detect_leaks=%d:detect_stack_use_after_return=1:strict_string_checks=1:"
                            "allocator_may_return_null=1:abort_on_error=0:exitcode=%d" % (leaks, cases.FOUND),
            "LSAN_OPTIONS": "exitcode=%d" % cases.FOUND,
            "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1:exitcode=%d" % cases.FOUND}


@pytest.fixture(scope="session")
def asan(asan_path, asan_environment):
    """A function that runs tm with sanitizers and fails when they find anything."""
    program = shell.Shell(asan_path)

    def run(*words, status=(0,)):
        return cases.checked(program.run(*words, environment=asan_environment), status)
    return run


class Place:
    """A process or its core: SOURCE, and the address of an object in it that has a header before it."""

    def __init__(self, source, folder):
        self.source = str(source)
        self.object = (folder / "id").read_text()


@pytest.fixture
def live(tmp_path_factory):
    folder = tmp_path_factory.mktemp("live")
    with sources.Python(CODE, folder) as process:
        yield Place(process.pid, folder)


@pytest.fixture(scope="session")
def core(tmp_path_factory):
    folder = tmp_path_factory.mktemp("core")
    with sources.Python(CODE, folder) as process:
        try:
            path = process.core()
        except Unavailable as why:
            pytest.skip(str(why))
    yield Place(path, folder)
    os.unlink(path)


@pytest.fixture(params=["live", "core"])
def place(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def snapshot(tm_path, core, tmp_path_factory):
    path = tmp_path_factory.mktemp("snapshot") / "file.tm"
    shell.Shell(tm_path).output("snapshot", core.source, "-o", path)
    return path
