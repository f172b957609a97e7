"""Every row of every statistic equals what the target wrote down: interpreter x source x symbols or none."""

import os
import shutil

import pytest

import interpreters
import truths
from program import Program
from target import Target, Unavailable

# The variants of a target, and the sources that are read of each, in this order: the process ends with "core".
#   native    the interpreter as it is, with its debug file if there is one; many domains, truncated tracebacks
#   stripped  a copy without symbols; a deep limit; at the end the copy is removed and the core stands alone
#   plain     traced from the start with a limit of 1 and no domain but 0, which up to 3.8 is another table
VARIANTS = {
    "native": ("live", "gcore", "core"),
    "stripped": ("live", "gcore", "core", "snapshot", "orphan"),
    "plain": ("live", "core"),
}
STATISTICS = [("lineno", False), ("filename", False), ("traceback", False), ("lineno", True), ("filename", True)]
CHECKS = ["status", "traces", "objects", *(
    "%s%s-%s" % (key, "-cumulative" * cumulative, form) for key, cumulative in STATISTICS for form in ("json", "text", "csv"))]


def pytest_generate_tests(metafunc):
    if "check" not in metafunc.fixturenames:
        return
    quick = metafunc.config.getoption("--quick")
    rows = [
        pytest.param(interpreter, variant, source, check, id="-".join((interpreter.label, variant, source, check)))
        for interpreter in interpreters.interpreters(metafunc.config)
        for variant, sources in VARIANTS.items() if not (quick and variant == "plain")
        for source in sources
        for check in CHECKS if wanted(source, check)]
    metafunc.parametrize("interpreter,variant,source,check", rows)


def wanted(source, check):
    """Once for each target is enough for what depends little on the source and takes long."""
    return source == "core" if check == "objects" or check.endswith("csv") else True


def unknown(interpreter, variant, source):
    """What no symbol and no file can tell. Up to 3.8 no trace says either whether the limit cut it."""
    if source == "orphan":
        return {"build", "traceback_limit"} if interpreter.number < (3, 9) else {"build"}
    return {"traceback_limit"} if variant == "stripped" and interpreter.number < (3, 8) else set()


class Stage:
    """The one target that is alive, changed when a test wants another."""

    def __init__(self, folder, tm_path):
        self.folder = folder
        self.tm_path = tm_path
        self.wanted = self.target = self.problem = None

    def set(self, interpreter, variant):
        if self.wanted == (interpreter, variant):
            if self.problem:
                raise self.problem
            return
        self.clear()
        self.wanted = interpreter, variant
        try:
            self.start(interpreter, variant)
        except Exception as problem:
            self.problem = problem
            raise

    def start(self, interpreter, variant):
        options = []
        path, environment, flags = interpreter.path, {}, []
        arguments = ["--domains", "--nframe", "7", "--threads", "2"]
        if variant == "stripped":
            path, environment = interpreters.stripped(interpreter, self.folder / "copy")
            arguments = ["--domains", "--nframe", "40"]
        elif variant == "plain":
            flags, arguments = ["-X", "tracemalloc"], []
        elif interpreter.debug_directory:
            options = ["--debug-dir", interpreter.debug_directory]
        self.tm = Program(self.tm_path, *options)
        self.target = Target(path, self.folder, arguments, flags, environment)

    def source(self, name):
        if name == "live":
            return self.target.process.pid
        if name == "gcore":
            return self.target.gcore()
        core = self.target.core()
        if name == "snapshot":
            file = self.folder / "snapshot.tm"
            if not file.exists():
                self.tm.output("snapshot", core, "-o", file)
            return file
        if name == "orphan":
            shutil.rmtree(self.folder / "copy", ignore_errors=True)
        return core

    def clear(self):
        self.wanted = self.problem = None
        if self.target:
            self.target.close()
            self.target = None
        for path in self.folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else os.remove(path)


@pytest.fixture(scope="module")
def stage(tmp_path_factory, tm_path):
    stage = Stage(tmp_path_factory.mktemp("target"), tm_path)
    yield stage
    stage.clear()


def test_equals_the_truth(stage, interpreter, variant, source, check):
    try:
        stage.set(interpreter, variant)
        place = stage.source(source)
    except Unavailable as why:
        pytest.skip(str(why))
    truth = stage.target.truth
    if check == "status":
        truths.status(stage.tm, place, truth, unknown(interpreter, variant, source))
        return
    if check in ("traces", "objects"):
        getattr(truths, check)(stage.tm, place, truth)
        return
    key, *cumulative, form = check.split("-")
    getattr(truths, "statistics_" + form)(stage.tm, place, truth, key, bool(cumulative))
