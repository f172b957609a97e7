"""The module twice in a process: imported again, and in sub-interpreters.  Arguments: a PID, a core."""

import gc
import importlib
import os
import sys

from module import raises, run, tm

try:
    import _interpreters  # 3.13 and later
except ImportError:
    _interpreters = None
try:
    import _xxsubinterpreters  # up to 3.12
except ImportError:
    _xxsubinterpreters = None

INSIDE = """
import os, sys
sys.path.insert(0, os.path.join(os.environ["TM_BUILD"], "python"))
import tm

class Host:
    text = ""
    def write(self, text):
        self.text += text
    def target(self):
        return tm.Target(core=%r)

host = Host()
session = tm.Session(host)
session.run("snapshot --name one")
session.run("statistics one")
assert "Top 10 of" in host.text, host.text
tm.bind(host)
kept = tm.take_snapshot()
assert len(kept.traces) > 10 and kept.statistics("lineno") == session.snapshot("one").statistics("lineno")
frames = [tm.Frame(("a", 1)), kept.traces[0], kept.traces[0].traceback]
try:
    session.run("nothing")
except tm.Error as error:
    assert error.status == 2
%s
"""


def inside(code, isolated=False):
    """Runs it in a new interpreter, which is destroyed; the text of what it raised."""
    if _interpreters:
        number = _interpreters.create("isolated" if isolated else "legacy")
        failed = _interpreters.exec(number, code)
        _interpreters.destroy(number)
        return failed and failed.formatted
    number = _xxsubinterpreters.create(isolated=isolated) if sys.version_info >= (3, 10) else _xxsubinterpreters.create()
    try:
        _xxsubinterpreters.run_string(number, code)
    except _xxsubinterpreters.RunFailedError as error:
        return str(error)
    finally:
        _xxsubinterpreters.destroy(number)


def check_imported_again():
    first = tm
    frame, session = first.Frame(("a", 1)), first.Session(object())
    assert importlib.reload(first) is first and type(frame) is first.Frame
    for _ in range(50):
        del sys.modules["tm"]
        again = importlib.import_module("tm")
        assert again is not first and again.Frame is not first.Frame
        other = again.Frame(("a", 1))
        assert other == again.Frame(("a", 1)) and other != frame and frame != other
        assert again.Traceback((("a", 1),))[0] == other
        kept = again.Traceback((("b", 1),))
        del again, other
        gc.collect()
        assert str(kept[0]) == "b:1"
        del kept
    sys.modules["tm"] = first
    assert frame == first.Frame(("a", 1)) and session.settings()


def check_sub_interpreters():
    if not _interpreters and not _xxsubinterpreters:
        print("no sub-interpreters here")
        return
    code = INSIDE % (sys.argv[2], "")
    for _ in range(5):
        assert not inside(code), inside(code)
    assert "ZeroDivisionError" in inside(INSIDE % (sys.argv[2], "1 / 0"))
    assert tm.Frame(("a", 1)) == tm.Frame(("a", 1))


def check_interpreters_with_a_lock_of_their_own_refuse_it():
    if sys.version_info >= (3, 12):
        for _ in range(3):
            failed = inside("import sys; sys.path.insert(0, %r); import tm" % os.path.dirname(tm.__file__), isolated=True)
            assert "does not support loading in subinterpreters" in failed, failed


def check_the_end_of_the_process():
    """What is left in globals must not hurt when the interpreter goes away."""
    class Host:
        def write(self, text):
            pass

        def target(self):
            return tm.Target(core=sys.argv[2])
    global left
    left = [tm.Session(Host()), tm.Traceback((("a", 1),))]
    left[0].run("snapshot")
    left += [left[0].snapshot("1"), left]
    sys.left = left
    tm.bind(left[0])
    raises(TypeError, tm.Frame)


run(globals())
