"""Nothing is lost: hundreds of thousands of objects made and dropped, and dozens of sessions and targets.  Arguments: a PID, a core."""

import copy
import gc
import os
import pickle
import sys

from module import raises, run, tm

CORE = sys.argv[2]
TYPES = [tm.Frame, tm.Traceback, tm.Trace, tm._Traces, tm.Statistic, tm.Snapshot, tm.Target, tm.Session, tm.Error]
COUNT = 20 if os.environ.get("TM_VALGRIND") else 3000 if hasattr(sys, "gettotalrefcount") else 15000  # a round makes some 20 objects
FEW = COUNT // 1000 + 5


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def totals():
    gc.collect()
    return sys.getallocatedblocks(), resident(), [sys.getrefcount(one) for one in TYPES]


def growth(function, count):
    before = totals()
    for _ in range(count):
        function()
    after = totals()
    assert after[2] == before[2], (function, before[2], after[2])
    return [after[i] - before[i] for i in (0, 1)]


def steady(function, count):
    """What FUNCTION makes is gone when it returns. A leak shows in every round; what the interpreter keeps for later (some
    hundred blocks) does not."""
    for _ in range(min(count, 300)):
        function()
    rounds = [growth(function, count) for _ in range(1 if count > 5000 else 3)]
    blocks, bytes_ = map(min, zip(*rounds))
    assert blocks < max(300, count // 2) and bytes_ < 4 << 20, (function, rounds)


class Host:
    def write(self, text):
        pass

    def target(self):
        return tm.Target(core=CORE, debug_dirs=["/a", "/b"], files=[("ab", "/c")])

    def where(self):
        return "here"


SESSION = tm.Session(Host())


class Failing(Host):
    def target(self):
        raise ValueError


def objects():
    frames = (("a.py", 1), ("b.py", 2))
    traceback = tm.Traceback(frames)
    str(traceback), repr(traceback), hash(traceback), traceback[0], traceback[:], list(traceback), traceback == tm.Traceback(frames)
    traceback[1] in traceback, traceback.index(traceback[1]), traceback.count(traceback[0]), traceback < traceback, traceback == 5
    trace = tm.Trace((0, 5, frames, 2))
    str(trace), repr(trace), hash(trace), trace.traceback, trace == trace, trace != 5, trace.size
    statistic = tm.Statistic(traceback, 1 << 70, 3)
    str(statistic), repr(statistic), hash(statistic), statistic == statistic, statistic._sort_key()


class Frame(tm.Frame):
    pass


class Traceback(tm.Traceback):
    pass


def subclasses():
    one = Frame(("a", 1))
    one.name = Traceback((("a", 1),), 5)
    one == one.name[0]


class Filter(tm.Filter):
    def _match_frame_impl(self, filename, lineno):
        return True


def copies():
    frames = (("a.py", 1), ("b.py", 2))
    snapshot = tm.Snapshot([(0, 5, frames, 2)[:3 + (sys.version_info >= (3, 9))]], 3)
    own = Filter(True, "*.py")
    own.name = frames
    for one in (snapshot, snapshot.traces, *snapshot.traces, *snapshot.statistics("lineno"), *snapshot.compare_to(snapshot, "traceback"),
                tm.Frame(frames[0]), tm.DomainFilter(False, 5), own):
        copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one))
    snapshot.filter_traces([own]), snapshot._group_by("lineno", False)


def errors():
    raises(TypeError, tm.Frame)
    raises(TypeError, tm.Traceback, 5)
    raises(IndexError, lambda: str(tm.Traceback(())))
    raises(TypeError, lambda: str(tm.Trace((1, "x", (("a", 1),)))))
    raises(TypeError, tm.Target, 5)
    raises(TypeError, lambda: tm.Target(files=[("ab", CORE), ("ab", 5)]))
    raises(TypeError, tm.Session)
    raises(TypeError, tm.Snapshot)
    raises(ValueError, tm.Traceback((("a", 1),)).index, 5)


def commands():
    session = tm.Session(Host())
    session.run("snapshot")
    session.run("statistics 1 --json")
    session.run("config exe '/a b'")
    raises(tm.Error, session.run, "statistics nothing")
    raises(ValueError, tm.Session(Failing()).run, "status")
    snapshot = session.snapshot("1")
    snapshot.statistics("filename"), snapshot.traces[0] in snapshot.traces
    session.run("drop 1")


def tables():
    """Of one session, which does not read anything."""
    SESSION.run("config exe ''")
    SESSION.complete("statistics --"), SESSION.settings(), tm.commands(), tm.settings()
    raises(tm.Error, SESSION.run, "statistics --by")
    raises(KeyError, SESSION.snapshot, "x")
    raises(TypeError, SESSION.run, 5)


def pieces():
    """Of a snapshot that is there."""
    snapshot = SESSION.snapshot("one")
    snapshot.traces[0].traceback, snapshot.traces[:5], snapshot.notes, snapshot.complete, tm.Trace(()) in snapshot.traces[:2]
    raises(ValueError, snapshot.statistics, "x")
    raises(IndexError, lambda: snapshot.traces[1 << 70])
    raises(AttributeError, lambda: 5 in snapshot.traces)


def functions():
    tm.bind(Host())
    snapshot = tm.take_snapshot()
    snapshot.statistics("traceback"), tm.get_traced_memory(), tm.get_object_traceback(0x1000)
    snapshot.traces == snapshot.traces
    tm.bind(Failing())
    raises(ValueError, tm.take_snapshot)
    tm.bind(None)


def check_objects():
    steady(objects, COUNT)


def check_subclasses():
    steady(subclasses, COUNT)


def check_copies():
    steady(copies, COUNT // 20 + 1)


def check_errors():
    steady(errors, COUNT // 10)


def check_tables():
    steady(tables, COUNT // 10)


def check_pieces():
    SESSION.run("snapshot --name one")
    steady(pieces, COUNT // 10)
    SESSION.run("drop one")


def check_commands():
    steady(commands, FEW)


def check_functions():
    steady(functions, FEW)


run(globals())
