"""What the module reads of a target is what the target's own tracemalloc wrote down.  Arguments: the truth, a PID, a core."""

import collections
import json
import random
import sys
import tracemalloc

from module import raises, run, tm

with open(sys.argv[1]) as file:
    truth = json.load(file)
STATISTICS = [("lineno", False), ("filename", False), ("traceback", False), ("lineno", True), ("filename", True)]


class Host:
    def __init__(self, *refuses, **description):
        self.refuses = refuses  # to let the target be controlled
        self.description = description

    def target(self):
        return tm.Target(**self.description)


HOSTS = [Host("tracing already", "attach to it first", process=int(sys.argv[2])), Host("live process only", core=sys.argv[3])]


def tuples():
    """The target's raw traces, as this interpreter's tracemalloc would hold them."""
    for domain, size, total, frames in truth["traces"]:
        yield domain, size, tuple(map(tuple, frames)), total


def each_snapshot():
    for host in HOSTS:
        tm.bind(host)
        yield tm.take_snapshot()


def check_statistics():
    for snapshot in each_snapshot():
        for key, cumulative in STATISTICS:
            expected = truth["statistics"][key + " cumulative" * cumulative]
            found = snapshot.statistics(key, cumulative)
            assert [[str(one), one.size, one.count, [[frame.filename, frame.lineno] for frame in one.traceback]] for one in found] == expected
            assert found == sorted(found, reverse=True, key=lambda one: one._sort_key())
        assert snapshot.statistics("lineno") == snapshot.statistics(key_type="lineno", cumulative=0)


def check_errors_have_the_words_of_tracemalloc():
    theirs = tracemalloc.Snapshot((), 1)
    for snapshot in each_snapshot():
        for arguments in (("line",), ("traceback", True), ("lineno ",), (None,), (1,), ((),)):
            error = raises(ValueError, theirs.statistics, *arguments)
            raises(ValueError, snapshot.statistics, *arguments, says=str(error))
        raises(TypeError, snapshot.statistics)
        raises(TypeError, snapshot.statistics, "lineno", False, 1)


def check_traces():
    expected = collections.Counter(tuples())
    for snapshot in each_snapshot():
        traces = snapshot.traces
        assert isinstance(traces, collections.abc.Sequence) and len(traces) == len(truth["traces"])
        assert collections.Counter(tuple(one) for one in traces._traces) == expected
        assert collections.Counter(one._trace for one in traces) == expected
        assert snapshot.traceback_limit == truth["traceback_limit"]
        assert snapshot.complete is True and snapshot.notes == [], snapshot.notes
        raises(AttributeError, setattr, snapshot, "traces", ())


def check_the_sequence_of_traces():
    chance = random.Random(5)
    for snapshot in each_snapshot():
        ours, plain = snapshot.traces, [one._trace for one in snapshot.traces]
        theirs = tracemalloc.Snapshot(plain, 1).traces
        numbers = [0, 1, -1, len(plain) - 1, -len(plain), *chance.sample(range(len(plain)), 20)]
        for i in numbers:
            assert ours[i]._trace == plain[i]
            assert str(ours[i]) == str(theirs[i])
            assert str(ours[i].traceback) == str(theirs[i].traceback)
            assert ours[i] in ours and ours[i] == ours[i] and hash(ours[i]) == hash(plain[i])
            for k in numbers[:6]:
                assert [one._trace for one in ours[i:k]] == plain[i:k] and type(ours[i:k]) is type(theirs[i:k])
                assert [one._trace for one in ours[k:i:-3]] == plain[k:i:-3]
        for i in len(plain), -len(plain) - 1, 1 << 70:
            raises(IndexError, lambda: ours[i])
        raises(TypeError, lambda: ours["x"])
        assert ours.index(ours[7]) == plain.index(plain[7]) and ours.count(ours[7]) == plain.count(plain[7])
        for other in ((9, 9, (("none", 1),), 1), (0, -1, ()), (0, 1 << 70, ()), (0, "x", ()), ()):
            assert tm.Trace(other) not in ours
        raises(ValueError, ours.index, tm.Trace((9, 9, (), 1)))
        raises(AttributeError, lambda: None in ours)
        as_float = (plain[3][0], float(plain[3][1]), *plain[3][2:])
        assert (tm.Trace(as_float) in ours) == (as_float in plain)
        assert ours == snapshot.traces and ours != plain and not ours == 5
        assert repr(ours) == repr(theirs)
        raises(TypeError, hash, ours)
    live, core = each_snapshot()
    assert collections.Counter(live.traces) == collections.Counter(core.traces)


def check_the_functions_mean_the_target():
    for host in HOSTS:
        tm.bind(host)
        assert tm.is_tracing() is True
        assert tm.get_traceback_limit() == truth["traceback_limit"]
        assert tm.get_traced_memory() == (truth["traced_memory"], truth["peak_traced_memory"])
        assert tm.get_tracemalloc_memory() == truth["tracemalloc_memory"]
        for one in truth["objects"]:
            found = tm.get_object_traceback(one["address"])
            if one["correct"] is None:
                assert found is None, one
            else:
                assert [(frame.filename, frame.lineno) for frame in found] == [tuple(frame) for frame in reversed(one["correct"])], one
        for nothing in 0, -1, 1 << 64, 1 << 70:
            tm.get_object_traceback(nothing)
        raises(TypeError, tm.get_object_traceback, None)
        for function in tm.start, tm.stop, tm.clear_traces, tm.reset_peak:
            refused = str(raises(tm.Error, function, *[100] * (function is tm.start)))
            assert any(why in refused for why in host.refuses), refused


def check_unbound_they_mean_this_process():
    tm.bind(None)
    assert tm.is_tracing() is False and tm.get_traced_memory() == (0, 0)
    tm.start(3)
    try:
        assert tracemalloc.is_tracing() and tm.is_tracing() and tm.get_traceback_limit() == 3
        held = [object() for _ in range(10)]
        mine, theirs = tm.get_object_traceback(held[5]), tracemalloc.get_object_traceback(held[5])
        assert str(mine) == str(theirs) and len(mine) == len(theirs) and mine.format() == theirs.format()
        assert tm.get_object_traceback(5) is None
        assert tm.get_traced_memory()[1] > 0 and tm.get_tracemalloc_memory() > 0
        tm.clear_traces()
        assert tm.get_object_traceback(held[5]) is None
    finally:
        tm.stop()
    assert not tracemalloc.is_tracing()
    raises(ValueError, tm.start, 0)
    raises(TypeError, tm.start, "x")


def check_a_snapshot_outlives_everything():
    tm.bind(HOSTS[0])
    trace, statistic = tm.take_snapshot().traces[0], tm.take_snapshot().statistics("traceback")[0]
    tm.bind(None)
    assert str(trace) and statistic.traceback.format() is not None


def check_a_session_hands_its_snapshots_out():
    class Screen:
        def write(self, text):
            pass
    session = tm.Session(Screen())
    session.run("snapshot '%s' --name one" % sys.argv[3])
    assert session.snapshot("one").statistics("lineno") == next(each_snapshot()).statistics("lineno")
    session.run("drop one")
    raises(KeyError, session.snapshot, "one")


run(globals())
