"""Snapshot files, both ways between the module and this interpreter's tracemalloc.  Arguments: a PID, a core."""

import copy
import os
import pickle
import sys
import tempfile
import tracemalloc

from module import raises, run, tm

PID, CORE = int(sys.argv[1]), sys.argv[2]
FOLDER = tempfile.TemporaryDirectory()
PATH = os.path.join(FOLDER.name, "file")

tracemalloc.start(4)
KEEP = [bytes(i) for i in range(2000)]
OWN = tracemalloc.take_snapshot()
OURS = tm.take_snapshot()
tracemalloc.stop()


def lines(snapshot):
    return [str(one) for one in snapshot.statistics("lineno")]


def check_what_is_dumped_loads():
    OURS.dump(PATH)
    for loaded in tracemalloc.Snapshot.load(PATH), tm.Snapshot.load(PATH):
        assert list(loaded.traces._traces) == list(OURS.traces._traces) and loaded.traceback_limit == 4 and lines(loaded) == lines(OURS)
    raw = tm.Snapshot(OWN.traces._traces, 4)
    raw.dump(PATH)
    assert tracemalloc.Snapshot.load(PATH).traces == OWN.traces


def check_what_python_dumps_loads():
    OWN.dump(PATH)
    ours = tm.Snapshot.load(PATH)
    assert type(ours) is tm.Snapshot and list(ours.traces._traces) == OWN.traces._traces and lines(ours) == lines(OWN)
    assert list(map(str, ours.compare_to(OURS, "filename"))) == list(map(str, OWN.compare_to(tracemalloc.Snapshot(
        list(OURS.traces._traces), 4), "filename")))


def check_pickling_gives_pythons_own():
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        back = pickle.loads(pickle.dumps(OURS, protocol))
        assert type(back) is tracemalloc.Snapshot and back.traces._traces == list(OURS.traces._traces) and back.traceback_limit == 4
    with open(PATH, "wb") as file:
        pickle.dump(OURS, file)
    assert lines(tracemalloc.Snapshot.load(PATH)) == lines(OURS)
    assert lines(copy.copy(OURS)) == lines(OURS)


def check_cores_and_processes_open():
    core, process = tm.open(CORE), tm.open(PID)
    assert core.complete and process.complete and len(core.traces) > 500 and lines(core) == lines(process)
    core.dump(PATH)
    assert lines(tm.open(PATH)) == lines(core) == lines(tm.Snapshot.load(os.fsencode(PATH)))
    raises(tm.Error, tm.Snapshot.load, CORE)


def check_what_is_none():
    with open(PATH, "wb") as file:
        file.write(b"\x80\x04cos\nsystem\nX\x04\x00\x00\x00true\x85R.")
    raises(tm.Error, tm.Snapshot.load, PATH)
    raises(FileNotFoundError, tm.Snapshot.load, "/nonesuch")
    raises(FileNotFoundError, tm.open, "/nonesuch")
    raises(tm.Error, tm.open, "/")
    raises(ProcessLookupError, tm.open, 2**40)
    raises(ProcessLookupError, tm.open, -1)
    raises(TypeError, tm.open, None)
    raises(IsADirectoryError, OURS.dump, "/")


run(globals())
