"""Runs in every interpreter from 3.6 on: what its own tracemalloc writes and reads.

    oracle.py make FOLDER SEED      snapshots dumped in every way, NAME.pickle, and what is in them, NAME.truth
    oracle.py tell PICKLE...        what Snapshot.load() makes of files, one after the other

A truth is lines: "trace DOMAIN SIZE DEPTH FRAME..." in the snapshot's order, then for every way to group
"KEY SIZE COUNT FRAME..." in the order of statistics(). A frame is the filename's UTF-8 in hexadecimal, colon, line; the
newest comes first.
"""
import io
import os
import pickle
import pickletools
import random
import sys
import tracemalloc

HAS_DEPTH = sys.version_info >= (3, 9)
NAMES = ["/srv/app.py", "b.py", "", "traces", "tracemalloc", "é/日本.py", "x\udc80\udcff.py", "\ud800", "a\nb\tc\x00d.py",
         "n" * 255, "n" * 256, "é" * 200, "\U0001f40d.py", "<frozen importlib._bootstrap>"]
LINES = [0, 1, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1]
SIZES = [0, 1, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32, 2**60 - 1, 2**60, 2**63 - 1, 2**63, 2**64 - 1]
DOMAINS = [0, 0, 0, 0, 0, 1, 389047, 2**31 - 1, 2**31, 2**32 - 1]


def copy(text):
    """An equal string that is another object."""
    return text[:1] + text[1:] if len(text) > 1 else text


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def frame(self):
        pick = self.random.choice
        name = pick(NAMES)
        return (copy(name) if self.random.random() < 0.5 else name,
                pick(LINES) if self.random.random() < 0.3 else self.random.randrange(300))

    def traces(self, count):
        pick = self.random.choice
        frames = [self.frame() for _ in range(40)]
        stacks = [tuple(pick(frames) if self.random.random() < 0.7 else self.frame() for _ in range(pick([1, 1, 2, 3, 4, 5, 40])))
                  for _ in range(count // 4 + 1)]
        stacks += [tuple(list(stack)) for stack in stacks[:5]]  # the same, in other objects
        result = []
        for _ in range(count):
            stack = pick(stacks)
            size = pick(SIZES) if self.random.random() < 0.3 else self.random.randrange(100000)
            depth = pick([len(stack), len(stack), len(stack) + 1, 300, 65535])
            trace = (pick(DOMAINS), size, stack) + ((depth,) if HAS_DEPTH else ())
            result.append(pick(result) if result and self.random.random() < 0.02 else trace)
        return result


def real_snapshot():
    tracemalloc.start(4)
    kept = [bytes(100 + i) for i in range(500)]
    exec(compile("kept.append([str(i) * 10 for i in range(300)])", "real\udc99.py", "exec"), {"kept": kept})
    try:
        import numpy
        kept.append([numpy.ones(1000 + i) for i in range(10)])
    except Exception:  # not there, or too new for this interpreter
        pass
    snapshot = tracemalloc.take_snapshot()
    tracemalloc.stop()
    return snapshot


def ways(snapshot):
    """Name and bytes of everything that pickle makes of it."""
    file = os.path.join(sys.argv[2], "dumped")
    snapshot.dump(file)
    with open(file, "rb") as stream:
        yield "dump", stream.read()
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        yield "protocol%d" % protocol, pickle.dumps(snapshot, protocol)
    stream = io.BytesIO()
    pickle._Pickler(stream, pickle.HIGHEST_PROTOCOL).dump(snapshot)
    yield "slow", stream.getvalue()
    for protocol in 3, 4:
        yield "optimized%d" % protocol, pickletools.optimize(pickle.dumps(snapshot, protocol))


def show_frames(frames):
    return " ".join("%s:%d" % (name.encode("utf-8", "surrogatepass").hex(), line) for name, line in frames)


def newest_first(traceback):
    frames = [(frame.filename, frame.lineno) for frame in traceback]
    return frames[::-1] if sys.version_info >= (3, 7) else frames


def truth(snapshot):
    for trace in snapshot.traces._traces:
        yield "trace %d %d %d %s" % (trace[0], trace[1], trace[3] if HAS_DEPTH else 0, show_frames(trace[2]))
    for key, cumulative in ("lineno", False), ("filename", False), ("traceback", False), ("lineno", True), ("filename", True):
        for statistic in snapshot.statistics(key, cumulative):
            yield "%s%s %d %d %s" % ("cumulative " if cumulative else "", key, statistic.size, statistic.count,
                                     show_frames(newest_first(statistic.traceback)))


def make(folder, seed):
    maker = Maker(seed)
    snapshots = {"made%d" % n: tracemalloc.Snapshot(maker.traces(n), n % 70000) for n in (0, 1, 2, 999, 1000, 1001, 2500)}
    long = (("é" * 40000, 1), ("n" * 300000, 2))
    snapshots["long"] = tracemalloc.Snapshot([(0, 1, long, 2)[:4 if HAS_DEPTH else 3]], 2)
    snapshots["real"] = real_snapshot()
    for name, snapshot in snapshots.items():
        lines = "\n".join(["limit %d" % snapshot.traceback_limit, *truth(snapshot)])
        for way, data in ways(snapshot):
            with open(os.path.join(folder, "%s-%s.pickle" % (name, way)), "wb") as file:
                file.write(data)
        with open(os.path.join(folder, name + ".truth"), "w") as file:
            file.write(lines + "\n")


def tell(path):
    """All that is done with a snapshot must work with this one."""
    snapshot = tracemalloc.Snapshot.load(path)
    print("limit %d" % snapshot.traceback_limit)
    for line in truth(snapshot):
        print(line)
    kept = snapshot.filter_traces([tracemalloc.Filter(True, "*"), tracemalloc.Filter(False, "/srv/*", all_frames=True)])
    assert len(kept.traces) <= len(snapshot.traces)
    for key in "lineno", "filename", "traceback":
        differences = snapshot.compare_to(snapshot, key)
        assert all(d.size_diff == d.count_diff == 0 for d in differences)
        assert all(str(s) and repr(s) for s in snapshot.statistics(key))
    for trace in snapshot.traces:
        assert str(trace) and len(trace.traceback)


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2], sys.argv[3])
    else:
        for argument in sys.argv[2:]:
            print("file")
            tell(argument)
