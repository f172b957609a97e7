"""What is run under sanitizers and under valgrind alike."""

import os
import shutil
import struct

import sources

FOUND = 99  # the exit status when a sanitizer or valgrind finds something
FAILED, USAGE, NOTHING, INCOMPLETE = 1, 2, 3, 4
REPORTS = ("Sanitizer", "runtime error", "==ERROR", "Assertion")

# Every command; of statistics every key and form. {block} and {inside} are of the biggest block, {object} is an id.
COMMANDS = [
    "status {source}",
    "status {source} --json",
    "status {source} --verify",
    "status {source} --format csv",
    "status {source} --format table",
    "statistics {source} -n 0",
    "statistics {source} -n 0 --json --by traceback",
    "statistics {source} -n 3 --format table --by filename",
    "statistics {source} -n 0 --format csv",
    "statistics {source} -n 0 --json --cumulative",
    "statistics {source} --cumulative --by filename --format table --color always",
    "traces {source} -n 0",
    "traces {source} -n 0 --json",
    "traces {source} -n 5 --format csv",
    "traces {source} --format table",
    "traceback {block} --in {source}",
    "traceback {block} --in {source} --json --frames 1",
    "traceback {inside} --in {source} --format table --most-recent-first",
    "traceback {inside} --in {source} --format csv",
    "traceback {object} --in {source} --json",
]


def checked(done, status):
    """The process, which ended as it should and of which nothing was found."""
    text = done.stderr.decode("utf-8", errors="replace")
    assert done.returncode in status and not any(word in text for word in REPORTS), "status %d: %s" % (
        done.returncode, text[-6000:])
    return done


def words(line, source, block, object_):
    return line.format(source=source, block=hex(block), inside=hex(block + 1), object=object_).split()


# ---- what fails ----

def sections(path):
    """Offset and length of the parts of a snapshot file that a checksum covers (docs/format.md)."""
    data = path.read_bytes()
    count, = struct.unpack_from("<I", data, 12)
    yield 0, 64
    yield 64, 40 * count
    for number in range(count):
        offset, length = struct.unpack_from("<QQ", data, 64 + 40 * number + 8)
        if length:
            yield offset, length


def changed(source, path, offset, xor=0x10):
    shutil.copy(source, path)
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ xor]))
    return path


def cut(source, path, part):
    shutil.copy(source, path)
    os.truncate(path, int(os.path.getsize(source) * part))
    return path


def of_no_source(folder, core, snapshot):
    """What the command line or the file alone makes impossible: (name, words, statuses)."""
    text = folder / "text"
    text.write_text("import this\n" * 1000)
    empty = folder / "empty"
    empty.touch()
    elf = folder / "elf"
    elf.write_bytes(b"\x7fELF" + bytes(200))
    there = folder / "there"
    there.touch()
    yield "unknown option", ["status", core, "--nonsense"], [USAGE]
    yield "unknown command", ["frobnicate"], [USAGE]
    yield "wrong number", ["statistics", core, "-n", "x"], [USAGE]
    yield "no source", ["statistics"], [USAGE]
    yield "output that is there", ["snapshot", core, "-o", there], [USAGE]
    yield "output into no folder", ["snapshot", core, "-o", folder / "none" / "file"], [FAILED]
    yield "no such file", ["status", folder / "none"], [FAILED]
    yield "a folder", ["status", folder], [FAILED]
    yield "text", ["statistics", text], [FAILED]
    yield "nothing", ["statistics", empty], [FAILED]
    yield "an ELF file's start", ["statistics", elf], [FAILED]
    yield "a program", ["statistics", "/bin/sh"], [FAILED]
    yield "no such block", ["traceback", "0x7ffffffffff0", "--in", core], [FAILED]
    yield "wrong program", ["statistics", core, "--exe", text], [0, FAILED]
    for part in (0.3, 0.99):
        yield "snapshot cut at %g" % part, ["status", "--verify", cut(snapshot, folder / ("%g.tm" % part), part)], [FAILED]


def of_damaged_snapshots(folder, snapshot):
    for offset, length in sections(snapshot):
        for at in (offset, offset + length // 2, offset + length - 1):
            path = changed(snapshot, folder / ("%d.tm" % at), at)
            yield "byte %d: verify" % at, ["status", "--verify", path], [FAILED]
            yield "byte %d: traces" % at, ["traces", path, "-n", "0"], [0, FAILED]


def of_cut_cores(folder, core, parts):
    for part in parts:
        path = cut(core, folder / "cut", part)
        yield "core cut at %g: statistics" % part, ["statistics", path, "-n", "0"], [0, FAILED, NOTHING]
        yield "core cut at %g: status" % part, ["status", path, "--verify"], [0, FAILED, NOTHING]
        yield "core cut at %g: strict" % part, ["traces", path, "--strict"], [0, FAILED, NOTHING, INCOMPLETE]


def of_processes():
    """Processes of which nothing can be told."""
    with sources.Command("sleep", "30") as process:
        yield "no Python", ["statistics", process.pid], [NOTHING]
    yield "no such process", ["statistics", "--pid", process.pid], [FAILED]
    with sources.Python(sources.NOT_TRACING) as process:
        yield "not tracing", ["statistics", process.pid], [NOTHING]
        yield "not tracing: status", ["status", process.pid], [0]
