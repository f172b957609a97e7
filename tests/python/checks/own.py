"""take_snapshot() of the interpreter that runs this, quiet and while threads take and free raw memory without the GIL."""

import ctypes
import gc
import os
import sys
import threading
import time
import tracemalloc
from unittest import mock

from module import raises, run, tm

SECONDS = float(os.environ.get("TM_OWN_SECONDS", "2"))


def of_line(statistics, line):
    return [(one.size, one.count) for one in statistics if one.traceback[-1].filename == __file__ and one.traceback[-1].lineno == line]


def check_it_is_what_tracemalloc_says():
    tm.start(5)
    keep = [bytes(i) for i in range(2000)]; line = sys._getframe().f_lineno
    gc.disable()
    ours, own = tm.take_snapshot(), tracemalloc.take_snapshot()
    gc.enable()
    assert ours.complete and ours.traceback_limit == 5 and not ours.notes, ours.notes
    assert of_line(ours.statistics("lineno"), line) == of_line(own.statistics("lineno"), line) and len(keep) == 2000
    assert abs(len(ours.traces) - len(own.traces)) < 50
    assert abs(sum(one.size for one in ours.traces) - sum(one.size for one in own.traces)) < 10000
    assert tm.get_traced_memory()[0] > 1900000 and tm.is_tracing() and tm.get_traceback_limit() == 5
    assert str(tm.get_object_traceback(keep)) == str(tracemalloc.get_object_traceback(keep))
    tm.stop()
    assert not tracemalloc.is_tracing() and tm.get_traced_memory() == (0, 0)
    raises(RuntimeError, tm.take_snapshot, says="the tracemalloc module must be tracing memory allocations to take a snapshot")


def check_asking_leaves_no_traces():
    tm.start()
    keep = [bytes(i) for i in range(100)]
    tm.clear_traces()
    assert tm.get_traced_memory() == (0, 0) and len(keep) == 100
    tm.stop()


def check_it_may_stand_for_tracemalloc():
    with mock.patch.dict(sys.modules, tracemalloc=tm):
        import tracemalloc as other
        other.start(2)
        assert other.is_tracing() and other.get_traceback_limit() == 2 and len(other.take_snapshot().traces) > 0
        other.stop()


def check_its_parts_can_be_replaced():
    with mock.patch.object(tm, "is_tracing", return_value=True), mock.patch.object(tm, "get_traceback_limit", return_value=5), \
            mock.patch.object(tm, "_get_traces", return_value=[(0, 5, (("a.py", 2),), 1)]):
        snapshot = tm.take_snapshot()
        assert snapshot.traceback_limit == 5 and str(snapshot.traces[0]) == "a.py:2: 5 B" and len(snapshot.traces) == 1
    tm.start()
    with mock.patch.object(tm, "is_tracing", return_value=False):
        raises(RuntimeError, tm.take_snapshot)
    tm.stop()


def check_threads_without_the_gil():
    api = ctypes.CDLL(None)  # lets go of the GIL around each call
    take, free = api.PyMem_RawMalloc, api.PyMem_RawFree
    take.restype, take.argtypes, free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
    tm.start(3)
    keep = [bytes(50) for _ in range(30000)]
    over = False

    def work():
        while not over:
            for block in [take(100 + i % 7) for i in range(50)]:
                free(block)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    count, end = 0, time.monotonic() + SECONDS
    while time.monotonic() < end:
        snapshot = tm.take_snapshot()
        assert snapshot.complete and len(snapshot.traces) >= len(keep)
        count += 1
    over = True
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    tm.stop()
    assert count > 3, count


run(globals())
