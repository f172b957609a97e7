"""copy and pickle of all types, names of arguments, and subclasses of filters: as with this interpreter's tracemalloc."""

import copy
import os
import pickle
import sys
import tempfile
import tracemalloc

from module import raises, run, tm

FILTERS = tm.BaseFilter, tracemalloc.BaseFilter
TOTAL = sys.version_info >= (3, 9)
FRAMES = ("a.py", 3), ("b.py", 7), ("\udc80", 1)
TRACES = [(0, 10, FRAMES, 3)[:4 if TOTAL else 3], (5, 1 << 63, FRAMES[1:], 65535)[:4 if TOTAL else 3], (0, 7, FRAMES[:1], 1)[:4 if TOTAL else 3]]


def made(of):
    """One of each, in both modules alike."""
    snapshot = of.Snapshot(TRACES, 5)
    first = snapshot.statistics("traceback")[0]
    return [of.Frame(FRAMES[0]), of.Traceback(FRAMES), snapshot.traces[0], snapshot.traces, first, snapshot.compare_to(of.Snapshot([], 5), "lineno")[0],
            of.Filter(False, "*.pyc", 3, True, 5), of.Filter(True, "a.py"), of.DomainFilter(True, 5)]


def state(one):
    """What it is, without whose type it is."""
    if isinstance(one, FILTERS):
        return [getattr(one, name, "none") for name in ("inclusive", "filename_pattern", "lineno", "all_frames", "domain")]
    return repr(one), str(one), one.total_nframe if TOTAL and type(one).__name__ == "Traceback" else None


def ways():
    yield copy.copy
    yield copy.deepcopy
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        yield lambda one, protocol=protocol: pickle.loads(pickle.dumps(one, protocol))


def check_what_comes_back_is_the_same():
    for again in ways():
        for ours, own in zip(made(tm), made(tracemalloc)):
            back = again(ours)
            assert type(back) is type(ours) and state(back) == state(ours), (back, ours)
            if not type(own).__name__ == "_Traces":
                assert state(back) == state(own), (back, own)
            if not isinstance(ours, FILTERS):
                assert back == ours


def check_snapshots():
    ours = tm.Snapshot(TRACES, 5)
    for again in (copy.copy, copy.deepcopy):
        back = again(ours)
        assert type(back) is tm.Snapshot and back.complete is ours.complete and back.traces == ours.traces and back.traceback_limit == 5
    back = pickle.loads(pickle.dumps(ours))  # which need not know tm
    assert type(back) is tracemalloc.Snapshot and back.traces._traces == TRACES and back.traceback_limit == 5


class Kept(tm.Snapshot):
    pass


class Named(tm.Filter):
    def __init__(self, name):
        super().__init__(True, "a.py")
        self.name = [name]


def check_subclasses_and_what_they_keep():
    ours = Kept(TRACES, 5)
    ours.label = ["night"]
    for again in ways():
        back = again(ours)
        assert type(back) is Kept and back.label == ["night"] and back.traces == ours.traces
        back = again(Named("x"))
        assert type(back) is Named and back.name == ["x"] and state(back) == state(Named("x"))
    assert copy.copy(ours).label is ours.label and copy.deepcopy(ours).label is not ours.label


def check_what_is_no_state_is_refused():
    for wrong in ((), ((),), (1, None), ((1, 2), None), (None, {})):
        raises(ValueError if wrong == ((1, 2), None) else TypeError, tm.Filter(True, "a").__setstate__, wrong)
    raises(AttributeError, tm.DomainFilter(True, 1).__setstate__, ((1, 2, 3, 4, 5), 5))


def check_arguments_have_names():
    for of in (tm, tracemalloc):
        snapshot = of.Snapshot(traces=TRACES, traceback_limit=5)
        assert len(snapshot.filter_traces(filters=[of.DomainFilter(inclusive=True, domain=5)]).traces) == 1
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "x.pickle")
            snapshot.dump(filename=path)
            assert len(of.Snapshot.load(filename=path).traces) == 3
            if of is tm:
                assert len(tm.open(path_or_pid=path).traces) == 3
        of.start()
        assert of.get_object_traceback(obj=bytearray(3000)) is not None
        of.stop()
        raises(TypeError, lambda: of.start(nframe=1))
    tm.bind(host=None)


def subclasses(of):
    class OfFrame(of.Filter):
        def _match_frame(self, filename, lineno):
            return lineno == 7

    class OfImpl(of.Filter):
        def _match_frame_impl(self, filename, lineno):
            return lineno == 7

    class OfTraceback(of.Filter):
        def _match_traceback(self, frames):
            return len(frames) == 1

    class OfBlock(of.Filter):
        def _match(self, trace):
            return trace[1] == 7

    class Failing(of.Filter):
        def _match_frame_impl(self, filename, lineno):
            raise LookupError(filename)

    return OfFrame, OfImpl, OfTraceback, OfBlock, Failing


def check_a_filter_of_one_s_own():
    def passed(of, which, *arguments):
        try:
            return [one.size for one in of.Snapshot(TRACES, 5).filter_traces([subclasses(of)[which](*arguments)]).traces]
        except LookupError as error:
            return str(error)

    for which in range(5):
        for inclusive in (True, False):
            for all_frames in (True, False):
                for domain in (None, 0, 5):
                    arguments = which, inclusive, "zzz", None, all_frames, domain
                    assert passed(tm, *arguments) == passed(tracemalloc, *arguments), arguments


def check_tracemalloc_compares_with_ours():
    old, new = TRACES[:1], TRACES
    for key, cumulative in (("lineno", False), ("filename", False), ("traceback", False), ("lineno", True)):
        mixed = tracemalloc.Snapshot(new, 5).compare_to(tm.Snapshot(old, 5), key, cumulative)
        own = tracemalloc.Snapshot(new, 5).compare_to(tracemalloc.Snapshot(old, 5), key, cumulative)
        assert list(map(repr, mixed)) == list(map(repr, own)) and len(own) > 1


run(globals())
