"""The process that is measured: starts target.py, asks it things, finds its table, makes a core of it.

Knows nothing of tm.
"""
import itertools
import json
import mmap
import os
import re
import select
import struct
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD_SECONDS = 600
PROBE = struct.Struct("=QQQ")  # struct probe of pause_probe.c: active, longest_ns, samples


class BenchError(Exception):
    pass


class Subject:
    """A running target.py; a context manager, because it must not outlive us."""

    def __init__(self, python, traces, nframe, probe_library, folder):
        self.folder = folder
        self.probe = Probe(os.path.join(folder, "probe"))
        environment = dict(os.environ, LD_PRELOAD=probe_library, TM_BENCH_PROBE=self.probe.path,
                           PYTHONDONTWRITEBYTECODE="1", PYTHONHASHSEED="0")
        environment.pop("PYTHONTRACEMALLOC", None)
        self.process = subprocess.Popen(
            [python, os.path.join(HERE, "target.py"), "--traces", str(traces), "--nframe", str(nframe)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=folder)
        self.pid = self.process.pid

    def __enter__(self):
        try:
            self.ready = self.answer()
            self.python = self.ready["python"]
            self.table = find_table(self.pid, self.ready["traces"])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *ignored):
        self.process.kill()  # freeing millions of blocks one by one takes seconds
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.probe.close()

    def ask(self, request):
        self.process.stdin.write(request.encode() + b"\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self):
        if not select.select([self.process.stdout], [], [], BUILD_SECONDS)[0]:
            raise BenchError("the target says nothing for %d s" % BUILD_SECONDS)
        line = self.process.stdout.readline()
        if not line:
            raise BenchError("the target ended")
        return json.loads(line)

    def make_core(self):
        """Writes a core, the kernel's if core_pattern allows it, else GDB's; returns its path once it is on disk."""
        folder = os.path.join(self.folder, "core")
        os.mkdir(folder)
        with open("/proc/sys/kernel/core_pattern") as pattern:
            plain = not re.search(r"[|/]", pattern.read())
        if plain and self.ask("core " + folder)["dumped"] and os.listdir(folder):
            path = os.path.join(folder, os.listdir(folder)[0])
        else:
            path = os.path.join(folder, "gcore")
            self.run_gcore(path)
        with open(path, "rb") as core:
            os.fsync(core.fileno())  # so that nothing is written back while we measure
        return path

    def run_gcore(self, path):
        subprocess.run(["gdb", "-nx", "-batch", "-p", str(self.pid), "-ex", "generate-core-file " + path],
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=600)
        if not os.path.exists(path):
            raise BenchError("neither the kernel nor gdb wrote a core")

    def pause(self, action):
        """The longest time in seconds that the process stood still while action() ran."""
        self.probe.start()
        try:
            action()
        finally:
            longest = self.probe.stop()
        return longest


class Probe:
    """Our end of pause_probe.c's shared memory."""

    def __init__(self, path):
        self.path = path
        with open(path, "w+b") as file:
            file.write(bytes(PROBE.size))
            file.flush()
            self.memory = mmap.mmap(file.fileno(), PROBE.size)

    def start(self):
        PROBE.pack_into(self.memory, 0, 1, 0, 0)
        deadline = time.monotonic() + 5
        while PROBE.unpack_from(self.memory)[2] < 10:
            if time.monotonic() > deadline:
                raise BenchError("the pause probe does not run in the target")
            time.sleep(0.001)

    def stop(self):
        longest = PROBE.unpack_from(self.memory)[1]
        PROBE.pack_into(self.memory, 0, 0, 0, 0)
        time.sleep(0.005)  # it looks at active every 2 ms
        return longest / 1e9

    def close(self):
        self.memory.close()


def writable_regions(pid):
    """[(start, end, belongs to a module), ...] of the private writable memory of a process."""
    regions, last_end, in_module = [], 0, False
    with open("/proc/%d/maps" % pid) as maps:
        for line in maps:
            fields = line.split(None, 5)
            start, end = (int(text, 16) for text in fields[0].split("-"))
            path = fields[5].strip() if len(fields) > 5 else ""
            # an anonymous mapping right behind a module's is its .bss
            in_module = path.startswith("/") or (path == "" and in_module and start == last_end)
            last_end = end
            if fields[1] == "rw-p":
                regions.append((start, end, in_module))
    return regions


def find_table(pid, traces):
    """The address of tracemalloc's table of traces: the one table in reach of a module's data with about that many
    entries whose first stored hash is right. CPython 3.9 and later."""
    regions = writable_regions(pid)
    with open("/proc/%d/mem" % pid, "rb", 0) as memory:

        def words(address, count):
            memory.seek(address)
            return struct.unpack("=%dQ" % count, memory.read(8 * count))

        def is_table(address):
            nentries, nbuckets, buckets = words(address, 3)
            if abs(nentries - traces) > traces / 10 or nbuckets < nentries or nbuckets & (nbuckets - 1):
                return False
            heads = itertools.chain.from_iterable(words(b, 2) for b in range(buckets, buckets + 8 * nbuckets, 16))
            _, stored_hash, key = words(next(filter(None, heads)), 3)
            return stored_hash == key >> 4 | (key & 15) << 60

        candidates = set()
        for start, end, in_module in regions:
            if in_module:
                candidates.update(word for word in words(start, (end - start) // 8) if word % 8 == 0)
        tables = []
        for address in candidates:
            try:
                if any(start <= address < end - 80 for start, end, _ in regions) and is_table(address):
                    tables.append(address)
            except (OSError, OverflowError, StopIteration, struct.error):
                continue
    if len(tables) != 1:
        raise BenchError("found %d tables of traces in the target, which must be a CPython >= 3.9" % len(tables))
    return tables[0]


def found_by(pid, python):
    """How the tables can be found at best: by "symbol" (or cookie), or by "scan" in a stripped CPython <= 3.11."""
    if tuple(int(part) for part in python.split(".")) >= (3, 12):
        return "symbol"  # _PyRuntime is exported
    with open("/proc/%d/maps" % pid) as maps:
        modules = {line.split(None, 5)[5].strip() for line in maps if "python" in line}
    for module in modules:
        if os.path.isfile(module):
            with open(module, "rb") as file:
                if b"\0tracemalloc_traces" in file.read():
                    return "symbol"
    return "scan"
