"""Makes what the fuzzers begin with: seeds.py FUZZ_SEEDS FOLDER, where FUZZ_SEEDS is the program and FOLDER gets a folder for
each fuzzer that has seeds. Small files only: they are changed faster, and bring out as much."""

import pathlib
import pickle
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent / "store"))

import oracle  # noqa: E402

MOST = 8192


def pickles(folder):
    """Of every way to write them, small ones; of both shapes."""
    with tempfile.TemporaryDirectory() as made:
        subprocess.run([sys.executable, str(HERE.parent / "store" / "oracle.py"), "make", made, "1"], check=True)
        for path in pathlib.Path(made).glob("made*.pickle"):
            if path.stat().st_size <= MOST:
                (folder / path.stem).write_bytes(path.read_bytes())
    maker = oracle.Maker(2)
    for n in range(1, 12):
        traces = maker.traces(n)
        for shape in 3, 4:
            snapshot = oracle.tracemalloc.Snapshot([trace[:shape] for trace in traces], 1)
            for protocol in 2, 4, 5:
                (folder / ("%d-%d-%d" % (n, shape, protocol))).write_bytes(pickle.dumps(snapshot, protocol))


def filters(folder):
    """A pattern, a NUL, a name."""
    patterns = ["*", "*.py", "?.py", "[ab]*", "[!a-c]x", "[]x]", "[a", "a*b*c", "*a*a*a*b", "x.pyc:7", "\udc80?", "", "[b-a]", "[a--b]"]
    names = ["a.py", "aaaaaaaab", "", "/usr/lib/é.py", "]x", "[a", "\udc80x"]
    for i, pattern in enumerate(patterns):
        for j, name in enumerate(names):
            text = pattern + "\0" + name
            (folder / ("%d-%d" % (i, j))).write_bytes(text.encode("utf-8", "surrogatepass"))


def main():
    program, root = sys.argv[1], pathlib.Path(sys.argv[2])
    for name in "pickle", "tmfile", "filter":
        (root / name).mkdir(parents=True, exist_ok=True)
    filters(root / "filter")
    pickles(root / "pickle")
    for path in (root / "pickle").glob("*-*"):
        subprocess.run([program, "save", str(path), str(root / "tmfile" / path.name)], check=True)


if __name__ == "__main__":
    main()
