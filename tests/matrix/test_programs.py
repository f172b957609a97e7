"""The seven small programs: what they print is true, and tm says the same from outside."""

import re
import subprocess
import sys
import tracemalloc

import pytest

import truths
from program import Program
from target import PROGRAMS

PYTHON = "/usr/bin/python3"  # Debian's, which numpy is installed for
NUMPY_DOMAIN = 389047
LIMIT = 60  # seconds


def has_numpy():
    return subprocess.run([PYTHON, "-c", "import numpy"], stderr=subprocess.DEVNULL).returncode == 0


needs_numpy = pytest.mark.skipif(not has_numpy(), reason="no numpy for " + PYTHON)


def printed(name, *arguments):
    done = subprocess.run([PYTHON, "-B", str(PROGRAMS / name), *arguments], check=True, stdout=subprocess.PIPE,
                          timeout=LIMIT, text=True)
    return done.stdout


def numbers(pattern, text):
    """The numbers in the only place where the pattern matches."""
    matches = re.findall(pattern, text, re.MULTILINE)
    assert len(matches) == 1, (pattern, text)
    return [int(number) for number in (matches[0] if isinstance(matches[0], tuple) else matches)]


class Waiting:
    """A program that waits for a debugger; killed at the end."""

    def __init__(self, name):
        self.path = str(PROGRAMS / name)
        self.process = subprocess.Popen([PYTHON, "-B", "-u", self.path, "--wait"], stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        lines = []
        for line in self.process.stdout:
            if line.startswith("pid "):
                break
            lines.append(line)
        self.text = "".join(lines)
        self.pid = self.process.pid
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def line_of(name, text):
    """The number of the line that holds TEXT."""
    lines = (PROGRAMS / name).read_text().splitlines()
    found = [number for number, line in enumerate(lines, 1) if text in line]
    assert len(found) == 1
    return found[0]


def test_1_statistics(tm_path):
    with Waiting("1_statistics.py") as program:
        rows = [line for line in program.text.splitlines() if line.startswith(program.path)]
        assert len(rows) >= 3
        assert rows[0].startswith("%s:%d: size=3907 KiB" % (program.path, line_of("1_statistics.py", "squares =")))
        # Nothing that the three lists hold has changed since the program printed them.
        lines = Program(tm_path).lines("statistics", program.pid, "--by", "lineno", "-n", 0)
        assert [line for line in lines if line in rows[:3]] == rows[:3]


@needs_numpy
def test_2_numpy(tm_path):
    with Waiting("2_numpy.py") as program:
        text = program.text
        assert text.splitlines()[:2] == ["tracing: False", "tracing: True limit: 4"]
        assert numbers(r"^biggest block: domain (\d+), (\d+) bytes", text) == [NUMPY_DOMAIN, 8 * 500 * 500]
        high, after = numbers(r"temporary array: (\d+), after reset_peak: (\d+)", text)
        assert high >= after + 8 * 1000 * 1000 * 0.9
        tm = Program(tm_path)
        blocks = [row for row in tm.json("traces", program.pid, "-n", 0)["rows"] if row["domain"] == NUMPY_DOMAIN]
        assert [row["size"] for row in blocks] == [8 * (100 * n) ** 2 for n in range(5, 0, -1)]
        kept, total = numbers(r"^(\d+) of its (\d+) frames are kept", text)
        assert (len(blocks[0]["traceback"]), blocks[0]["total_nframe"]) == (kept, total) and kept < total
        shown = tm.lines("traceback", hex(blocks[0]["address"]), "--in", program.pid)
        files = [line for line in text.split("bytes, from\n")[1].splitlines() if line.startswith("  File ")]
        assert [line for line in shown if line.startswith("  File ")] == files
        assert tm.json("status", program.pid)["traceback_limit"] == 4


def test_3_snapshots():
    text = printed("3_snapshots.py")
    traces, size = numbers(r"^first snapshot: (\d+) traces, (\d+) bytes", text)
    assert traces >= 2000 and size >= 1000 * 1000
    traces, size = numbers(r"^after clear_traces: (\d+) traces, (\d+) bytes", text)
    assert 200 <= traces < 2000 and 100 * 100 <= size < 1000 * 1000
    assert "stopped: tracing False, traced memory (0, 0)" in text
    assert "no snapshot: the tracemalloc module must be tracing memory allocations to take a snapshot" in text
    assert numbers(r"^started again: (\d+) traces, \d+ bytes, limit (\d+)", text)[1] == 3


def test_4_dump(tmp_path):
    path = tmp_path / "snapshot.pickle"
    text = printed("4_dump.py", str(path))
    dumped = numbers(r"^dumped: (\d+) traces, (\d+) bytes", text)
    assert dumped[1] == path.stat().st_size
    assert numbers(r"^loaded: (\d+) traces, limit (\d+)", text) == [dumped[0], 5]
    assert "equal statistics: True" in text
    if sys.version_info >= (3, 9):
        snapshot = tracemalloc.Snapshot.load(str(path))
        assert (len(snapshot.traces), snapshot.traceback_limit) == (dumped[0], 5)


@needs_numpy
def test_5_filters(tm_path):
    with Waiting("5_filters.py") as program:
        def shown(title):
            return numbers(r"^%s: (\d+) traces, (\d+) bytes" % re.escape(title), program.text)
        arrays = sum(8 * 1000 * number for number in range(1, 11))
        assert shown("only numpy's domain") == [10, arrays]
        assert shown("this file, numpy's domain") == [10, arrays]
        both = [sum(pair) for pair in zip(shown("only this file"), shown("all but this file"))]
        assert both == [sum(pair) for pair in zip(shown("only numpy's domain"), shown("all but numpy's domain"))]
        elsewhere = shown("only elsewhere/*")
        assert elsewhere[0] >= 50 and shown("any frame elsewhere") == elsewhere
        rows = Program(tm_path).json("traces", program.pid, "-n", 0)["rows"]
        numpys = [row["size"] for row in rows if row["domain"] == NUMPY_DOMAIN]
        assert [len(numpys), sum(numpys)] == [10, arrays]
        generated = [row["size"] for row in rows if truths.frames(row["traceback"])[-1][0] == "elsewhere/generated.py"]
        assert [len(generated), sum(generated)] == elsewhere


def test_6_compare():
    text = printed("6_compare.py")
    grown, released, kept = (line_of("6_compare.py", word + " = [") for word in ("grown", "released", "kept"))
    rows = re.findall(r"6_compare\.py:(\d+): size=.* \(([+-][0-9.]+) (K?i?B)\), count=(\d+) \(([+-]\d+)\)", text)
    changes = {int(line): (float(size), unit, int(count), int(change)) for line, size, unit, count, change in rows}
    assert changes[grown][0] > 500 and changes[grown][3] >= 1000
    assert changes[released][0] < -300 and changes[released][2] == 0
    assert changes[kept][0] == 0 and changes[kept][3] == 0


def test_7_compare_filtered():
    text = printed("7_compare_filtered.py")
    every, filtered = numbers(r"^files with a difference: (\d+), without tracemalloc's own: (\d+)", text)
    assert filtered < every
    assert "/tracemalloc.py:" not in text
    line = line_of("7_compare_filtered.py", "cache = {")
    assert re.search(r"7_compare_filtered\.py:%d: size=\d+ KiB \(\+\d+ KiB\), count=\d+ \(\+\d+\)" % line, text)
