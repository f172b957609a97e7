"""Snapshots of random tuples answer, filter and compare as those of this interpreter's tracemalloc.  Argument: a seed."""

import random
import sys
import tracemalloc

from module import raises, run, tm

RANDOM = random.Random(int(sys.argv[1]))
NAMES = ["a.py", "b.py", "/x/y/z.py", "\udc80q", "", "long" * 50, "c.pyc", "<unknown>", "[a].py", "n\nl"]
PATTERNS = ["*", "a.py", "*.py", "?.py", "[ab].py", "*x*", "c.pyc", "c.py", "", "[!a]*", "[[]a].py", "*n?l*", "\udc80*"]
KEYS = [("lineno", False), ("filename", False), ("traceback", False), ("lineno", True), ("filename", True)]
DEEP = sys.version_info >= (3, 9)  # traces know the depth of the stack


def frames():
    return tuple((RANDOM.choice(NAMES), RANDOM.randrange(7)) for _ in range(RANDOM.randint(1, 5)))


STACKS = [frames() for _ in range(60)]


def traces(count):
    made = []
    for _ in range(count):
        stack = RANDOM.choice(STACKS)
        size = RANDOM.choice([0, 1, 5, 100, 100, 2**40, 2**63, 2**64 - 1])
        depth = (len(stack) + RANDOM.choice([0, 7]),) if DEEP else ()
        made.append((RANDOM.choice([0, 0, 0, 5, 389047, 2**32 - 1]), size, stack) + depth)
    return made


def same_rows(theirs, ours):
    assert len(theirs) == len(ours)
    for a, b in zip(theirs, ours):
        assert (str(a), repr(a), hash(a), a.traceback._frames) == (str(b), repr(b), hash(b), b.traceback._frames)
        assert [getattr(a, name) for name in a.__slots__[1:]] == [getattr(b, name) for name in a.__slots__[1:]]


def filters():
    for _ in range(RANDOM.randint(0, 4)):
        if RANDOM.random() < 0.3:
            words = (RANDOM.random() < 0.5, RANDOM.choice([0, 5, 7, 2**32 - 1, 2**70, -1]))
            yield tracemalloc.DomainFilter(*words), tm.DomainFilter(*words)
        else:
            words = (RANDOM.random() < 0.5, RANDOM.choice(PATTERNS), RANDOM.choice([None, None, 1, 3, 2**70]), RANDOM.random() < 0.5,
                     RANDOM.choice([None, None, 0, 5]))
            yield tracemalloc.Filter(*words), tm.Filter(*words)


def check_statistics_and_comparisons():
    for count in 0, 1, 400:
        old, new = traces(count), traces(count + 30)
        theirs = [tracemalloc.Snapshot(one, 5) for one in (old, new)]
        ours = [tm.Snapshot(one, 5) for one in (old, new)]
        for key, cumulative in KEYS:
            same_rows(theirs[1].statistics(key, cumulative), ours[1].statistics(key, cumulative))
            same_rows(theirs[1].compare_to(theirs[0], key, cumulative), ours[1].compare_to(ours[0], key, cumulative))
            same_rows(theirs[0].compare_to(theirs[1], key, cumulative), ours[0].compare_to(theirs[1], key, cumulative))


def check_filters():
    raw = traces(300)
    theirs, ours = tracemalloc.Snapshot(raw, 5), tm.Snapshot(raw, 5)
    for _ in range(150):
        pairs = list(filters())
        expected = theirs.filter_traces([a for a, _ in pairs]).traces._traces
        passed = ours.filter_traces([b for _, b in pairs])
        assert list(passed.traces._traces) == expected and passed.traceback_limit == 5
        for a, b in pairs:
            assert [a._match(one) for one in raw[:40]] == [b._match(one) for one in raw[:40]]
            if isinstance(a, tracemalloc.Filter):
                assert a.filename_pattern == b.filename_pattern
                for one in raw[:20]:
                    assert a._match_traceback(one[2]) == b._match_traceback(one[2])
                    assert a._match_frame(*one[2][0]) == b._match_frame(*one[2][0])


def check_filters_of_somebodys_own():
    class Small(tm.BaseFilter):
        def __init__(self, most):
            super().__init__(True)
            self.most = most

        def _match(self, trace):
            return trace[1] < self.most

    class Loud(tm.Filter):
        def _match(self, trace):
            raise LookupError("no")

    raw = traces(200)
    ours = tm.Snapshot(raw, 1)
    assert ours.filter_traces([Small(100)]).traces._traces == [one for one in raw if one[1] < 100]
    both = ours.filter_traces((one for one in [Small(100), tm.DomainFilter(False, 0)]))
    assert both.traces._traces == [one for one in raw if one[1] < 100 and one[0] != 0]
    raises(LookupError, ours.filter_traces, [Loud(True, "*")])
    raises(NotImplementedError, ours.filter_traces, [tm.BaseFilter(True)])
    raises(AttributeError, ours.filter_traces, [object()])

    class Indexed:
        def __getitem__(self, index):
            raise IndexError

    class Broken:
        def __iter__(self):
            raise TypeError("by hand")
    for odd in 5, None, Indexed(), Broken():
        assert raises(TypeError, ours.filter_traces, odd).args == raises(TypeError, tracemalloc.Snapshot(raw, 1).filter_traces, odd).args


def check_filters_may_be_changed():
    ours = tm.Snapshot(traces(200), 1)
    one = tm.Filter(True, "*")
    assert len(ours.filter_traces([one]).traces) == 200
    one.lineno = 3
    assert {trace.traceback[-1].lineno for trace in ours.filter_traces([one]).traces} == {3}
    one.lineno, one.inclusive = None, False
    assert len(ours.filter_traces([one]).traces) == 0
    raises(AttributeError, setattr, one, "filename_pattern", "x")
    raises(AttributeError, setattr, tm.DomainFilter(True, 1), "domain", 2)


def check_traces_stay_what_was_given():
    raw = traces(50)
    ours, theirs = tm.Snapshot(raw, 5), tracemalloc.Snapshot(raw, 5)
    assert ours.traces._traces is raw
    assert repr(ours.traces) == repr(theirs.traces) and ours.traces == tm._Traces(list(raw)) and ours.traces != tm._Traces(raw[1:])
    for i in (0, 7, -1):
        assert (str(ours.traces[i]), repr(ours.traces[i])) == (str(theirs.traces[i]), repr(theirs.traces[i]))
        assert ours.traces[i]._trace is raw[i] and tm.Trace(raw[i]) in ours.traces
    assert [one._trace for one in ours.traces[5:40:7]] == raw[5:40:7] and list(map(str, ours.traces)) == list(map(str, theirs.traces))
    raises(IndexError, ours.traces.__getitem__, 50)


def check_numbers_that_no_block_has():
    stack = (("a", 1),)
    for trace, kind in (((0, 2**64, stack, 1), OverflowError), ((2**32, 1, stack, 1), OverflowError), ((0, -1, stack, 1), OverflowError),
                        ((-1, 1, stack, 1), OverflowError), ((0, 1, (("a", 2**32),), 1), OverflowError), ((0, "1", stack, 1), TypeError),
                        ((0, 1, (("a",),), 1), TypeError), ((0, 1, ((1, 1),), 1), TypeError), ((0, 1), TypeError), (5, TypeError)):
        raises(kind, tm.Snapshot([trace], 1).statistics, "lineno")


def check_the_words_of_errors():
    ours, theirs = tm.Snapshot(traces(3), 1), tracemalloc.Snapshot([], 1)
    for words in (("x",), ("traceback", True), (7,)):
        says = str(raises(ValueError, theirs.statistics, *words))
        raises(ValueError, ours.statistics, *words, says=says)
        raises(ValueError, ours.compare_to, ours, *words, says=says)


run(globals())
