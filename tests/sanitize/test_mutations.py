"""Cores with some bytes changed: tm never crashes or hangs, and what it calls complete is true.

Bytes of these have no witness anywhere else in a core, so a change in them cannot be noticed:
- the text of a filename (not compared here; of a name nothing but its length is known otherwise)
- the peak and the traceback limit (`tm statistics` shows neither)
- the pointer from a block to its traceback, when it then points at the start of another traceback of the table: the block
  is counted there. The totals stay right, and the rows are let differ where such a pointer was changed.
"""

import collections
import json
import mmap
import os
import random
import shutil
import struct
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

import cases
import interpreters
import sources
from target import Unavailable

SEED = 20240
QUICK, LONG = bool(os.environ.get("TM_QUICK")), bool(os.environ.get("TM_LONG"))
MUTATIONS = 5000 if LONG else 60 if QUICK else 300
WORKERS = 2
LIMIT = 5  # seconds for one answer
STATISTICS = ("statistics", "--json", "-n", "0", "--by", "traceback")
CODE = """
import tracemalloc, ctypes
tracemalloc.start(3)
held = [bytearray(1000 + i) for i in range(120)] + [str(i) for i in range(80)]
track = ctypes.pythonapi.PyTraceMalloc_Track
track.argtypes = [ctypes.c_uint, ctypes.c_size_t, ctypes.c_size_t]
for i in range(20): track(5, 4096 * i, 100 + i)
for i in range(5): track(389047, 4096 * i, 7 + i)
def nested(n):
    return [bytearray(50 + n)] if n == 0 else nested(n - 1) + [n * 1000]
more = [nested(i % 4) for i in range(40)]
"""


def pytest_generate_tests(metafunc):
    if "subject" not in metafunc.fixturenames:
        return
    found = [one for one in interpreters.interpreters(metafunc.config) if one.build == "release"]
    system = [one for one in found if one.label.startswith("system")][:1]
    old = [one for one in found if one.label.startswith("pyenv-3.8")][:1]
    new = sorted((one for one in found if not one.label.startswith(("system", "pyenv"))), key=lambda one: one.number)[-1:]
    wanted = system if QUICK else system + old + new
    metafunc.parametrize("subject", wanted, ids=[one.label for one in wanted], indirect=True, scope="module")


# ---- a core, and where in it the tables are ----

class Core:
    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file:
            self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        start, = struct.unpack_from("<Q", self.data, 32)
        size, count = struct.unpack_from("<HH", self.data, 54)
        self.headers = start + size * count  # the ELF header and the program headers end here
        self.segments, self.notes = [], None
        for number in range(count):
            kind, _, offset, address, _, length = struct.unpack_from("<IIQQQQ", self.data, start + size * number)
            if kind == 1:
                self.segments.append((address, length, offset))
            elif kind == 4:
                self.notes = range(offset, offset + length)

    def offset(self, address):
        for start, length, offset in self.segments:
            if start <= address and address + 8 <= start + length:
                return offset + address - start
        return None

    def word(self, address):
        return struct.unpack_from("<Q", self.data, self.offset(address))[0]

    def buckets(self, table):
        """Where a table's buckets are: the word of its header that leads to as many pointers."""
        for number in range(10):
            start = self.word(table["address"] + 8 * number)
            if self.offset(start) and self.offset(start + 8 * table["buckets"] - 8):
                heads = [self.word(start + 8 * i) for i in range(table["buckets"])]
                if 0 < sum(map(bool, heads)) <= table["entries"] and all(not head or self.offset(head) for head in heads):
                    return start, heads
        raise AssertionError("no buckets found for %s" % table)


def bytes_of_tables(core, tables, old):
    """Offsets of all bytes that the tables are made of, and of the pointers to blocks and from them to their tracebacks: what
    leads to another one of those, of the same size, contradicts nothing.

    Up to 3.8 (OLD) a trace lies in its entry, since then the entry points at it.
    """
    found, leads = set(), set()

    def add(address, length):
        offset = core.offset(address)
        if offset:
            found.update(range(offset, offset + length))

    for name, table in tables.items():
        add(table["address"], 80)
        start, heads = core.buckets(table)
        add(start, 8 * table["buckets"])
        for entry in heads:
            while entry:
                add(entry, 48 if old else 32)
                if name == "traces" or name.startswith("domain "):
                    traceback = entry + 40 if old else core.word(entry + 24) + 8
                    add(traceback - 8, 16)
                    # Without a domain in the key an old entry is a word shorter.
                    leads.update(range(core.offset(traceback) - 8 * old, core.offset(traceback) + 8))
                    if not old:
                        leads.update(range(core.offset(entry + 24), core.offset(entry + 32)))
                elif name == "tracebacks":
                    add(core.word(entry + 16), 64)
                elif name == "filenames":
                    add(core.word(entry + 16), 96)
                entry = core.word(entry)
    return sorted(found), leads


# ---- mutations ----

def mutations(core, tables, number):
    """KIND and {offset: byte} of each; the same ones for the same core."""
    chance = random.Random(SEED)
    pages = sorted({offset & ~4095 for offset in tables})
    for _ in range(number):
        kind = chance.choice(["anywhere", "tables", "tables", "words", "pages", "headers", "notes"])
        changes = {}
        for _ in range(chance.choice([1, 1, 1, 2, 4, 16])):
            if kind == "anywhere":
                at = chance.randrange(len(core.data))
            elif kind == "pages":
                at = min(chance.choice(pages) + chance.randrange(4096), len(core.data) - 1)
            elif kind == "headers":
                at = chance.randrange(core.headers)
            elif kind == "notes":
                at = chance.choice(core.notes)
            else:
                at = chance.choice(tables)
            if kind == "words":
                other, = struct.unpack_from("<Q", core.data, chance.choice(tables) & ~7)
                value = chance.choice([0, 1, 8, 2**32 - 1, 2**48, 2**63, 2**64 - 1, chance.getrandbits(64), other])
                changes.update(enumerate(struct.pack("<Q", value), at & ~7))
            else:
                changes[at] = chance.choice([core.data[at] ^ 1 << chance.randrange(8), chance.randrange(256), 0, 255])
        yield kind, changes


def rows(answer):
    return sorted((row["size"], row["count"], tuple(frame["lineno"] for frame in row["traceback"])) for row in answer["rows"])


@dataclass
class Subject:
    core: Core
    run: object  # a function: a path and the words of a command line -> CompletedProcess, with seconds
    total: dict
    rows: list
    tables: list
    leads: set


@pytest.fixture(scope="module")
def subject(request, tmp_path_factory, asan_path, asan_environment):
    folder = tmp_path_factory.mktemp("mutations")
    interpreter = request.param
    with sources.Python(CODE, folder, command=(interpreter.path, "-E", "-S")) as process:
        try:
            core = Core(process.core())
        except Unavailable as why:
            pytest.skip(str(why))

    def run(path, *words):
        start = time.monotonic()
        done = subprocess.run([asan_path, *words, str(path)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=10 * LIMIT, env={**os.environ, **asan_environment})
        done.seconds = time.monotonic() - start
        return done

    true = json.loads(run(core.path, *STATISTICS).stdout)
    status = json.loads(run(core.path, "status", "--json").stdout)
    assert true["complete"] and true["total"]["count"] > 300
    yield Subject(core, run, true["total"], rows(true),
                  *bytes_of_tables(core, status["tables"], interpreter.number < (3, 9)))
    shutil.rmtree(folder)


def verdict(subject, path, changes):
    """How tm takes the changed core, and what is wrong with that or None."""
    try:
        done = subject.run(path, *STATISTICS)
        if done.seconds > LIMIT:
            done = subject.run(path, *STATISTICS)  # the machine may have been busy
    except subprocess.TimeoutExpired:
        return "hangs", "no answer"
    error = done.stderr.decode("utf-8", errors="replace")
    if done.returncode not in (0, cases.FAILED, cases.NOTHING) or any(word in error for word in cases.REPORTS):
        return "crash", "status %d: %s" % (done.returncode, error[-3000:])
    if done.seconds > LIMIT:
        return "slow", "%.1f s" % done.seconds
    if done.returncode:
        if not error.startswith("tm: ") or error.count("\n") != 1 or done.stdout:
            return "message", error
        if "not tracing" in error or "out of memory" in error:
            return "false reason", error
        if done.returncode == cases.NOTHING:
            status = subject.run(path, "status", "--json")
            if status.returncode == 0 and json.loads(status.stdout)["tracing"] is False:
                return "tracing: no", status.stdout.decode()
        return "status %d" % done.returncode, None
    answer = json.loads(done.stdout)
    if not answer["complete"]:
        return "incomplete", None if answer["notes"] else "no note says what is missing"
    total = answer["total"]
    if (total["size"], total["count"]) != (subject.total["size"], subject.total["count"]):
        return "wrong totals", "%s instead of %s" % (total, subject.total)
    if rows(answer) != subject.rows:
        if any(subject.core.data[at] != byte for at, byte in changes.items() if at in subject.leads):
            return "complete, no witness", None
        return "wrong rows", "%s instead of %s" % (
            [row for row in rows(answer) if row not in subject.rows], [row for row in subject.rows if row not in rows(answer)])
    return "complete", None


def test_mutations(subject, tmp_path):
    core = subject.core
    files = []
    for number in range(WORKERS):
        files.append(tmp_path / ("core.%d" % number))
        shutil.copy(core.path, files[-1])

    def one(job):
        number, (kind, changes) = job
        path = files.pop()
        try:
            with open(path, "r+b", 0) as file:
                for at, byte in changes.items():
                    os.pwrite(file.fileno(), bytes([byte]), at)
                try:
                    how, wrong = verdict(subject, path, changes)
                finally:
                    for at in changes:
                        os.pwrite(file.fileno(), core.data[at:at + 1], at)
        finally:
            files.append(path)
        return number, kind, changes, how, wrong

    with ThreadPoolExecutor(WORKERS) as pool:
        done = list(pool.map(one, enumerate(mutations(core, subject.tables, MUTATIONS))))
    counts = collections.Counter(how for _, _, _, how, _ in done)
    print("%d mutations: %s" % (len(done), dict(counts)))
    bad = ["mutation %d (%s): %s: %s; offset: from, to: %s" % (
               number, kind, how, wrong.strip(), {hex(at): (core.data[at], byte) for at, byte in changes.items()})
           for number, kind, changes, how, wrong in done if wrong]
    assert not bad, "%d of %d, %s:\n%s" % (len(bad), len(done), dict(counts), "\n".join(bad[:10]))
    assert counts["complete"] > MUTATIONS / 10, "hardly a change was harmless: %s" % dict(counts)
