"""tm.Frame, Traceback, Trace and Statistic behave as those of this interpreter's tracemalloc."""

import collections.abc
import linecache
import operator
import random
import tracemalloc
import types

from module import raises, run, tm

RANDOM = random.Random(4)
NAMES = ["a.py", "b.py", "", "caf\xe9.py", "\udc80", "\ud800", "new\nline", "q'\"", "<unknown>", __file__]
COMPARISONS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]
TOTAL = hasattr(tracemalloc.Traceback((("a", 1),)), "total_nframe")  # since 3.9


def random_frames():
    return tuple((RANDOM.choice(NAMES), RANDOM.choice([0, 1, 2, 30, 1 << 31])) for _ in range(RANDOM.choice([1, 1, 2, 3, 5])))


def random_trace():
    trace = (RANDOM.choice([0, 0, 1, 1 << 31]), RANDOM.choice([0, 1, 99, 100, 10239, 10240, 1 << 20, 1 << 44, (1 << 64) - 1]),
             random_frames())
    return trace + (RANDOM.choice([len(trace[2]), 65535]),) if TOTAL else trace


def plain(value):
    """Without the type's home: what both modules' answers can be compared by."""
    name = type(value).__name__
    if name == "Frame":
        return name, value._frame
    if name == "Traceback":
        return name, value._frames, getattr(value, "total_nframe", None) if TOTAL else None
    if name == "Trace":
        return name, value._trace
    if name == "Statistic":
        return name, plain(value.traceback), value.size, value.count
    if isinstance(value, (types.MethodType, types.BuiltinMethodType)):
        return value.__name__
    if isinstance(value, (list, tuple)):
        return type(value), [plain(one) for one in value]
    if isinstance(value, types.GeneratorType) or name.endswith("iterator") or name == "reversed":
        return [plain(one) for one in value]
    return value


def outcome(function, module):
    try:
        return plain(function(module))
    except Exception as error:
        return type(error), str(error).replace("tm.", "")


def same(function):
    ours, theirs = outcome(function, tm), outcome(function, tracemalloc)
    assert ours == theirs, "%.1000r, but tracemalloc %.1000r" % (ours, theirs)


def same_type(function):
    """The same answer or the same kind of error; the words are the interpreter's own."""
    ours, theirs = outcome(function, tm), outcome(function, tracemalloc)
    ours, theirs = [one[0] if isinstance(one, tuple) and one and isinstance(one[0], type) and issubclass(one[0], Exception) else one
                    for one in (ours, theirs)]
    assert ours == theirs, "%.1000r, but tracemalloc %.1000r" % (ours, theirs)


def traceback(module, frames, total=None):
    return module.Traceback(frames, total) if TOTAL else module.Traceback(frames)


def statistic(module, frames, size, count):
    return module.Statistic(traceback(module, frames), size, count)


def values():
    """Functions that make one value each, of either module."""
    for _ in range(25):
        frames, trace = random_frames(), random_trace()
        size, count = RANDOM.choice([0, 5, 1 << 70]), RANDOM.choice([0, 1, 7])
        yield lambda module, frames=frames: module.Frame(frames[0])
        yield lambda module, frames=frames: traceback(module, frames)
        yield lambda module, frames=frames: traceback(module, frames, len(frames))
        yield lambda module, trace=trace: module.Trace(trace)
        yield lambda module, frames=frames, size=size, count=count: statistic(module, frames, size, count)
    for other in (None, 0, (), ("a.py", 1), "a.py", object):
        yield lambda module, other=other: other


def check_text_and_hashes():
    for value in values():
        for show in (str, repr, lambda one: hash(one) if type(one).__module__ in ("tm", "tracemalloc") else 0):
            same(lambda module: show(value(module)))
        assert hash(value(tm)) == hash(value(tm))


def check_comparisons():
    every = list(values())
    for one in every:
        for other in RANDOM.sample(every, 30) + [one]:
            if not TOTAL and type(one(tm)) is not type(other(tm)):
                continue  # 3.8 raised AttributeError there
            for compare in COMPARISONS:
                same(lambda module: compare(one(module), other(module)))
    assert not TOTAL or tm.Frame(("a", 1)) != tracemalloc.Frame(("a", 1))
    assert len({value(tm) for value in every for _ in range(3)}) == len({value(tracemalloc) for value in every})


def check_the_order_of_sorting():
    for make in (lambda module, one: module.Frame(one[0]), traceback):
        rows = [random_frames() for _ in range(200)]
        same(lambda module: sorted(make(module, one) for one in rows))
        same(lambda module: sorted((make(module, one) for one in rows), reverse=True))
    rows = [(random_frames(), RANDOM.choice([0, 1, 9]), RANDOM.choice([1, 2])) for _ in range(200)]
    same(lambda module: sorted((statistic(module, *row) for row in rows), reverse=True, key=lambda one: one._sort_key()))


def check_the_sequence():
    whole = [*range(-7, 7), 1 << 70, -1 << 70, True]
    numbers = [*whole, None, "x", 1.5]
    for frames in [random_frames() for _ in range(20)] + [()]:
        same(lambda module: len(traceback(module, frames)))
        same(lambda module: list(traceback(module, frames)))
        same(lambda module: list(reversed(traceback(module, frames))))
        same(lambda module: bool(traceback(module, frames)))
        for i in numbers:
            same(lambda module: traceback(module, frames)[i])
            for k in numbers[::3]:
                same(lambda module: traceback(module, frames)[i:k])
                same(lambda module: traceback(module, frames)[i:k:-2])
            for k in [*whole[::3], None]:
                for frame in frames[:2] if i in whole else ():
                    same_type(lambda module: traceback(module, frames).index(module.Frame(frame), i, k))
        for frame in list(frames) + [("none", 1)]:
            same(lambda module: module.Frame(frame) in traceback(module, frames))
            same(lambda module: traceback(module, frames).index(module.Frame(frame)))
            same(lambda module: traceback(module, frames).index(module.Frame(frame), start=1, stop=None))
            same(lambda module: traceback(module, frames).count(module.Frame(frame)))
        for other in (None, 1, "x") if TOTAL else ():
            same(lambda module: other in traceback(module, frames))
            same(lambda module: traceback(module, frames).count(other))
    for kind in (collections.abc.Sequence, collections.abc.Reversible, collections.abc.Hashable):
        same(lambda module: isinstance(traceback(module, (("a", 1),)), kind))
        same(lambda module: issubclass(module.Frame, kind))


def check_iteration_stops_where_the_traceback_ends():
    shown = iter(tm.Traceback((("a", 1), ("b", 2))))
    assert [frame.lineno for frame in shown] == [2, 1]
    assert next(shown, None) is None


def check_format():
    frames = ((__file__, 1), (__file__, 3), ("nowhere.py", 1), (__file__, 3 << 30), ("", 0), (__file__, 5))
    for limit in [None, *range(-8, 9), True, 2.0, "x", 1 << 70]:
        for most_recent_first in (False, True, 0, "yes"):
            same_type(lambda module: traceback(module, frames).format(limit, most_recent_first))
            same_type(lambda module: traceback(module, frames).format(most_recent_first=most_recent_first, limit=limit))
    same_type(lambda module: traceback(module, frames).format(None, False, 1))
    same_type(lambda module: traceback(module, frames).format(nothing=1))
    assert '    """tm.Frame' in tm.Traceback(frames).format()[-1]


def check_the_replaced_linecache():
    class Fake:
        asked = []

        @classmethod
        def getline(cls, *arguments):
            cls.asked.append(arguments)
            return "   of %s:%s \n" % arguments
    tm.linecache = tracemalloc.linecache = Fake
    try:
        same(lambda module: traceback(module, (("a", 1), ("b", 2))).format())
        assert Fake.asked[:2] == Fake.asked[2:] == [("b", 2), ("a", 1)]
        Fake.getline = lambda *arguments: 1 // 0
        same(lambda module: traceback(module, (("a", 1),)).format())
    finally:
        tm.linecache = tracemalloc.linecache = linecache
    assert tm.linecache.getline(__file__, 1)


def check_attributes():
    for value in values():
        for name in ("filename", "lineno", "_frame", "_frames", "domain", "size", "traceback", "count", "_trace", "nothing", "__dict__"):
            same_type(lambda module: getattr(value(module), name))
        if type(value(tm)).__module__ != "tm":
            continue
        for name in ("filename", "lineno", "domain", "nothing", "total_nframe", "format"):
            raises(AttributeError, setattr, value(tm), name, 1)
            raises(AttributeError, delattr, value(tm), name)


def check_bad_arguments():
    for make in (lambda module: module.Frame(), lambda module: module.Frame(1, 2), lambda module: module.Frame(nothing=1),
                 lambda module: module.Traceback(), lambda module: module.Traceback(None), lambda module: module.Traceback(5),
                 lambda module: module.Trace(), lambda module: module.Statistic(1), lambda module: module.Statistic(1, 2, 3, 4),
                 lambda module: module.Frame(5).filename, lambda module: module.Frame(("a",)).lineno,
                 lambda module: str(module.Frame(())), lambda module: repr(module.Frame(None)),
                 lambda module: str(module.Trace((1, "x", (("a", 1),)))),
                 lambda module: str(traceback(module, ())), lambda module: repr(traceback(module, ())),
                 lambda module: traceback(module, (5,))[0].lineno, lambda module: hash(module.Frame(["a", 1])),
                 lambda module: str(statistic(module, (), 1, 1)), lambda module: str(statistic(module, (("a", 1),), "x", 1))):
        same_type(make)


def check_subclasses():
    def subclass(module):
        class Named(module.Frame):
            kind = "named"

            def __str__(self):
                return "named " + super().__str__()

        class Deep(module.Traceback):
            pass
        one, deep = Named(("a", 1)), Deep((("a", 1), ("b", 2)))
        one.extra = 5
        return (str(one), one.extra, one == module.Frame(("a", 1)), module.Frame(("a", 1)) == one, one < module.Frame(("a", 2)),
                hash(one) == hash(module.Frame(("a", 1))), isinstance(one, module.Frame), type(deep).__name__, len(deep),
                deep == module.Traceback((("a", 1), ("b", 2))), [str(frame) for frame in deep], deep.format(1))
    same(subclass)


def check_nothing_is_made_without_its_fields():
    """An object without them would crash whoever used it."""
    for kind in (one for one in vars(tm).values() if isinstance(one, type) and not issubclass(one, Exception) and one is not tm.Target):
        raises(TypeError, object.__new__, kind)
        if issubclass(kind, tm.BaseFilter):  # as in tracemalloc __init__ gives them theirs
            empty = kind.__new__(kind)
            for use in (repr, str, hash, lambda one: one == one, lambda one: one.inclusive, lambda one: one.domain,
                        lambda one: tm.Snapshot([(0, 1, (("a", 1),))], 1).filter_traces([one])):
                outcome(lambda module: use(empty), tm)
            continue
        raises(TypeError, kind)
        raises(TypeError, kind.__new__, kind)


def check_without_its_module_an_object_says_so():
    for kind, use in ((tm.Traceback, lambda: tm.Traceback((("a", 1),))), (tm.Frame, lambda: frame == frame)):
        frame, home = tm.Frame(("a", 1)), kind.__tm__
        for other in (None, 5, collections):
            try:
                kind.__tm__ = other
            except TypeError:
                continue
            try:
                raises(TypeError, use)
            finally:
                kind.__tm__ = home


run(globals())
