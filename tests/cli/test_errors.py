"""Bad input: one clear line, the right exit status, at once; and nothing is written or overwritten on the way."""

import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import struct
import subprocess
import tempfile

import pytest

import shell
import sources
from target import Unavailable, gcore

FAILED, USAGE, NOTHING, INCOMPLETE = 1, 2, 3, 4
ADVICE = "PYTHONTRACEMALLOC=1"


# ---- the command line ----

@pytest.mark.parametrize("words,says", [
    ("frobnicate", ("frobnicate", "tm help")),
    ("stauts CORE", "did you mean 'stat"),
    ("snapshoot CORE", "did you mean 'snapshot'"),
    ("traecback 0x1", "did you mean 'traceback'"),
    ("versoin", "did you mean 'version'"),
    ("s CORE", ("ambiguous", "snapshot", "statistics", "status")),
    ("stat CORE", ("ambiguous", "statistics", "status")),
    ("tr CORE", ("ambiguous", "traceback", "traces")),
    ("-x CORE", "-x"),
    ("--nonsense", "--nonsense"),
    ("help frobnicate", "frobnicate"),
    ("help stauts", "did you mean"),
    ("help status statistics", "too many"),
    ("status CORE --jsno", ("--jsno", "--json")),
    ("status CORE --verfiy", "--verify"),
    ("statistics CORE --cumulativ3", "--cumulative"),
    ("status CORE --xyzzy", ("--xyzzy", "tm help status")),
    ("status CORE --=1", "tm help status"),
    ("status CORE --f json", ("ambiguous", "--f")),
    ("status CORE -z", ("-z", "tm help status")),
    ("status CORE -jz", "-z"),
    ("status CORE -n 3", "-n"),
    ("status CORE --by lineno", ("--by", "tm help status")),
    ("version --json", "--json"),
    ("statistics CORE --json=yes", ("--json", "no value")),
    ("statistics CORE -n", ("-n", "value")),
    ("statistics CORE --limit", ("--limit", "value")),
    ("statistics CORE --by", ("--by", "value")),
    ("status -c", ("-c", "value")),
    ("status --pid", ("--pid", "value")),
    ("status CORE -o", ("-o", "value")),
    ("statistics CORE -n x", ("--limit", "'x'")),
    ("statistics CORE -n -5", "-5"),
    ("statistics CORE -n 1e3", "1e3"),
    ("statistics CORE -n 0x", "0x"),
    ("statistics CORE -n 1,000", "1,000"),
    ("statistics CORE -n=5", "=5"),
    ("statistics CORE --limit=", "--limit"),
    ("statistics CORE -n 18446744073709551616", "18446744073709551616"),
    ("status -p one", "one"),
    ("status --pid=-1", "-1"),
    ("statistics CORE --format yaml", ("yaml", "text, table, json, csv")),
    ("statistics CORE --by size", ("size", "lineno, filename, traceback")),
    ("statistics CORE --color sometimes", ("sometimes", "auto, always, never")),
    ("statistics CORE --by traceback --cumulative", "--cumulative"),
    ("status", "usage"),
    ("statistics", "usage"),
    ("traces", "usage"),
    ("snapshot -o FILE", "usage"),
    ("snapshot CORE", "-o FILE"),
    ("traceback", "usage"),
    ("traceback 0x1", "--in SOURCE"),
    ("traceback --in CORE", "usage"),
    ("traceback rubbish --in CORE", ("rubbish", "0x")),
    ("traceback 0xg --in CORE", "0xg"),
    ("traceback 0x10000000000000000 --in CORE", "0x10000000000000000"),
    ("start 5", "which process? usage: tm start [NFRAME] -p PID"),
    ("stop 1234", "'1234' is one word too many; usage: tm stop -p PID"),
    ("reset-peak", "which process? usage: tm reset-peak -p PID"),
    ("status CORE CORE", "one word too many"),
    ("status CORE -- -x", "one word too many"),
    ("status CORE -p 1", ("one SOURCE", "--core", "--pid")),
    ("status -c CORE -p 1", "one SOURCE"),
    ("status CORE -c CORE", "one SOURCE"),
    ("traceback 0x1 --in CORE -p 1", "one SOURCE"),
], ids=str)
def test_a_command_line_that_makes_no_sense(tm, core, tmp_path, words, says):
    words = [core if word == "CORE" else str(tmp_path / "file") if word == "FILE" else word for word in words.split()]
    tm.refused(USAGE, *words, says=says)
    assert not os.listdir(tmp_path)


def test_a_long_and_odd_word_comes_back_harmless(tm):
    tm.refused(USAGE, "x" * 100000)
    tm.refused(USAGE, "status", "--" + "y" * 100000)
    tm.refused(USAGE, "sta\x1b[31m\n\rtus\x9b", says="\\x1b")
    tm.refused(FAILED, "status", "no\nsuch\x1b[2Jfile", says="\\x1b")
    tm.refused(FAILED, "status", b"no-such-\xff\xfe-file", says="no-such-")


@pytest.mark.parametrize("words", [
    ["traceback", "1"] + ["x"] * 20 + ["--in", "1"],
    ["status", "x"] + ["--debug-dir", "y"] * 200,
], ids=["operands", "folders"])
def test_more_words_than_anybody_needs(tm, words):
    tm.refused(USAGE, *words)


# ---- files ----

@pytest.fixture
def no_core(tmp_path):
    """A function that makes a file of this kind and returns its path."""
    def make(kind):
        path = tmp_path / kind
        if kind == "text":
            path.write_text("import this\n" * 1000)
        elif kind == "one byte":
            path.write_bytes(b"\x7f")
        elif kind == "empty":
            path.touch()
        elif kind == "folder":
            path.mkdir()
        elif kind == "fifo":
            os.mkfifo(path)
        elif kind == "magic alone":
            path.write_bytes(b"\x7fELF")
        elif kind == "elf of zeros":
            path.write_bytes(b"\x7fELF" + bytes(8192))
        elif kind == "elf of ones":
            path.write_bytes(b"\x7fELF" + b"\xff" * 8192)
        elif kind == "noise":
            path.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x04\0\x3e\0" + bytes(range(256)) * 64)
        elif kind == "link to itself":
            path.symlink_to(path)
        elif kind == "link to nothing":
            path.symlink_to(tmp_path / "nothing")
        elif kind == "socket":
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(str(path))
        return path
    return make


@pytest.mark.parametrize("command", ["status", "statistics", "traces"])
@pytest.mark.parametrize("kind,says", [
    ("text", "neither"), ("one byte", ""), ("empty", "empty"), ("folder", "folder"), ("fifo", ""), ("magic alone", ""),
    ("elf of zeros", "ELF"), ("elf of ones", "ELF"), ("noise", ""), ("link to itself", ""), ("link to nothing", ""),
    ("socket", "")])
def test_a_file_that_is_no_core(tm, no_core, command, kind, says):
    path = no_core(kind)
    line = tm.refused(FAILED, command, path, says=says)
    assert kind in line, "it does not say which file"
    tm.refused(FAILED, command, "--core", path)


@pytest.mark.parametrize("path", ["/dev/null", "/dev/zero", "/dev/tty", "/dev/stdin", "/proc/self/mem", "/proc/kcore"])
def test_a_device(tm, path):
    if not os.path.exists(path):
        pytest.skip("no %s" % path)
    tm.refused(FAILED, "status", path, says=path)


@pytest.mark.parametrize("path", [sources.PYTHON, "/bin/sh"])
def test_an_executable(tm, path):
    tm.refused(FAILED, "status", path, says=("not a core", "executable"))


def test_a_shared_library(tm):
    with open("/proc/self/maps") as maps:
        libc = next(line.split()[-1] for line in maps if "libc" in line and ".so" in line)
    tm.refused(FAILED, "status", libc, says=("not a core", "shared library"))


def test_no_such_file(tm, tmp_path):
    tm.refused(FAILED, "status", tmp_path / "missing", says=("missing", "No such file"))
    tm.refused(FAILED, "status", "missing", cwd=tmp_path, says="missing")
    tm.refused(FAILED, "status", "", says="no such file")
    tm.refused(FAILED, "status", "--core", "", says="No such file")
    tm.refused(FAILED, "status", "--core", "1", cwd=tmp_path, says="No such file")
    tm.refused(FAILED, "status", tmp_path / "missing" / "further", says="further")
    tm.refused(FAILED, "status", "/" + "x" * 5000)


@pytest.mark.parametrize("option,kind", [("--exe", "a folder"), ("--exe", "nothing"), ("--sysroot", "a file"), ("--sysroot", "nothing"),
                                         ("--debug-dir", "a file"), ("--debug-dir", "nothing")])
def test_a_path_to_look_in_that_is_not_there(tm, core, tmp_path, option, kind):
    path = tmp_path / "there"
    if kind == "a folder":
        path.mkdir()
    elif kind == "a file":
        path.write_text("text")
    tm.refused(FAILED, "status", core, option, path, says=(option, str(path)))
    tm.refused(FAILED, "status", os.getpid(), option, path, says=(option, str(path)))
    assert tm.output("status", core, option, "")
    tm.output("snapshot", core, "-o", tmp_path / "saved.tm")
    assert tm.output("status", tmp_path / "saved.tm", option, path)  # nothing is looked for


def test_a_version_for_a_file_that_has_none(tm, core, tmp_path):
    tm.refused(USAGE, "dump", core, "-o", tmp_path / "out", "--as", "tm", "--for-python", "3.8", says="--as pickle")
    assert not (tmp_path / "out").exists()


def test_a_file_that_may_not_grow_so_large(tm, core, tmp_path):
    """Nothing is left of it."""
    tm.refused(FAILED, "snapshot", core, "-o", tmp_path / "out", prefix=["bash", "-c", 'ulimit -f 1; exec "$@"', "bash"], says="File too large")
    assert list(tmp_path.iterdir()) == []


def test_a_core_of_another_machine(tm, core, tmp_path):
    """A 32-bit, a big-endian and an unknown one: an answer or a refusal, no crash."""
    head = bytearray(pathlib.Path(core).read_bytes())
    for name, at, value in ("32 bits", 4, 1), ("big-endian", 5, 2), ("class", 4, 7), ("order", 5, 9), ("version", 6, 3):
        copy = bytearray(head)
        copy[at] = value
        (tmp_path / name).write_bytes(copy)
        done = tm.run("status", tmp_path / name)
        shell.refusal(done, done.returncode)
        assert done.returncode in (FAILED, NOTHING)


# ---- cores that are cut off ----

def answer(tm, core):
    """What the core says: None when it is refused, else its totals; an incomplete answer must say so."""
    done = tm.run("statistics", core, "--by", "traceback", "-n", 0, "--format", "json")
    if done.returncode:
        shell.refusal(done, done.returncode)
        assert done.returncode in (FAILED, NOTHING)
        assert b"not tracing" not in done.stderr, "a false 'not tracing'"
        return None
    result = json.loads(done.stdout)
    if not result["complete"]:
        assert result["notes"]
        return "incomplete"
    return result["total"], result["rows"]


def cuts(core):
    """Lengths at which a core can end: around each of its parts, and here and there in memory."""
    with open(core, "rb") as file:
        head = file.read(64)
        at, = struct.unpack_from("<Q", head, 32)
        size, count = struct.unpack_from("<HH", head, 54)
        file.seek(at)
        headers = [struct.unpack_from("<IIQQQQQQ", file.read(size)) for _ in range(count)]
    length = os.path.getsize(core)
    ends = {1, 4, 5, 6, 16, 17, 20, 32, 40, 51, 52, 53, 54, 58, 63, 64, 65, at + 1, at + size // 2, at + size, at + 5 * size + 7,
            at + size * (count // 2), at + size * count - 1, at + size * count, at + size * count + 1}
    for kind, _, offset, _, _, filesize, _, _ in headers:
        if kind == 4:
            ends |= {offset, offset + 3, offset + 12, offset + 20, offset + 100, offset + filesize // 2, offset + filesize - 1,
                     offset + filesize, offset + filesize + 1}
    memory = [(offset, filesize) for kind, _, offset, _, _, filesize, _, _ in headers if kind == 1 and filesize]
    for offset, filesize in memory[::3]:
        ends |= {offset, offset + 1, offset + filesize // 2 + 5, offset + filesize - 1}
    ends |= {length * part // 24 for part in range(1, 24)} | {length - 1, length - 4096, length - 4097}
    return sorted(end for end in ends if 0 < end < length)


def test_a_core_that_is_cut_off(tm, core, tmp_path):
    whole = answer(tm, core)
    assert whole not in (None, "incomplete")
    short = tmp_path / "short"
    shutil.copy(core, short)
    seen = set()
    for end in reversed(cuts(core)):
        os.truncate(short, end)
        said = answer(tm, short)
        assert said in (None, "incomplete", whole), "cut to %d bytes: complete, but other numbers" % end
        if said is None and end >= 64:  # with less than a header it need not be a core
            tm.refused(1, "statistics", short, says="trunc")
        seen.add("refused" if said is None else "incomplete" if said == "incomplete" else "whole")
    assert {"refused", "incomplete"} <= seen, seen


def test_strict_refuses_a_core_that_is_cut_off(tm, core, tmp_path):
    short = tmp_path / "short"
    length = os.path.getsize(core)
    shutil.copy(core, short)
    for end in reversed(range(length // 16, length, length // 16)):
        os.truncate(short, end)
        if answer(tm, short) == "incomplete":
            break
    else:
        pytest.fail("no cut leaves a core that is incomplete")
    for command in (["status"], ["statistics"], ["traces"]):
        done = tm.run(*command, short, "--strict")
        assert done.returncode == INCOMPLETE
        assert done.stderr.startswith(b"tm: the result is incomplete: ") and done.stderr.count(b"\n") == 1
        assert tm.run(*command, short).returncode == 0
        assert "INCOMPLETE" in tm.output(*command, short, "-q"), "-q hides what is missing"
        said = tm.run(*command, short, "--format", "csv")
        assert b",false\n" in said.stdout or b"incomplete" in said.stderr.lower(), "CSV does not say that it is incomplete"
    tm.refused(INCOMPLETE, "snapshot", short, "-o", tmp_path / "out.tm", "--strict", says="incomplete")
    assert not (tmp_path / "out.tm").exists()
    tm.output("snapshot", short, "-o", tmp_path / "out.tm")
    assert tm.json("status", tmp_path / "out.tm")["complete"] is False


# ---- what holds no Python, or one that does not trace ----

@pytest.fixture(scope="module")
def sleep(tmp_path_factory):
    with sources.Command("/bin/sleep", str(sources.LIFETIME), folder=tmp_path_factory.mktemp("sleep")) as process:
        yield process


@pytest.mark.parametrize("command", ["status", "statistics", "traces", "snapshot"])
def test_a_program_without_python(tm, sleep, tmp_path, command):
    tm.refused(NOTHING, command, sleep.pid, *["-o", tmp_path / "file"] * (command == "snapshot"), says="no Python")
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("maker", ["gcore", "kernel"])
def test_a_core_without_python(tm, tmp_path, maker):
    with sources.Command("/bin/sleep", str(sources.LIFETIME), folder=tmp_path) as process:
        try:
            if maker == "gcore":
                path = gcore(process.pid, str(tmp_path / "core"))
            else:
                sources.target.core_pattern()
                path = process.core()
        except Unavailable as why:
            pytest.skip(str(why))
    for command in "status", "statistics", "traces":
        tm.refused(NOTHING, command, path, says="no Python")
    tm.refused(NOTHING, "traceback", "0x1", "--in", path)


@pytest.mark.parametrize("code", [sources.NOT_TRACING, sources.STOPPED], ids=["never traced", "stopped"])
@pytest.mark.parametrize("place", ["live", "core"])
def test_a_python_that_does_not_trace(tm, tmp_path, code, place):
    with sources.Python(code, tmp_path) as process:
        try:
            source = process.pid if place == "live" else process.core()
        except Unavailable as why:
            pytest.skip(str(why))
        for command in "statistics", "traces":
            tm.refused(NOTHING, command, source, says=("not tracing", ADVICE))
        tm.refused(NOTHING, "traceback", "0x1", "--in", source, says=ADVICE)
        tm.refused(NOTHING, "snapshot", source, "-o", tmp_path / "out", says=ADVICE)
        assert not (tmp_path / "out").exists()
        assert tm.json("status", source)["tracing"] is False
        assert ADVICE in tm.output("status", source)


# ---- processes ----

@pytest.mark.parametrize("pid", ["0", "00", "4194305", "2147483647", "2147483648", "4294967297", "18446744073709551615",
                                 "18446744073709551616", "9" * 100])
def test_a_pid_that_cannot_be(tm, tmp_path, pid):
    tm.refused(FAILED, "status", pid, cwd=tmp_path, says=("no process", pid.lstrip("0")))


def test_a_dead_pid(tm):
    process = subprocess.Popen(["/bin/true"])
    process.wait()
    tm.refused(FAILED, "status", process.pid, says=("no process", str(process.pid)))
    tm.refused(FAILED, "statistics", "--pid", process.pid, says="no process")


def test_a_zombie(tm):
    process = subprocess.Popen(["/bin/true"])
    sources.until(lambda: sources.state(process.pid) == "Z")
    try:
        tm.refused(FAILED, "status", process.pid, says=("ended", str(process.pid)))
    finally:
        process.wait()


def test_a_kernel_thread(tm):
    if sources.fields(2).get("Name") != "kthreadd":
        pytest.skip("process 2 is no kernel thread here")
    tm.refused(NOTHING, "status", 2, says="kernel thread")


def test_tm_itself(tm):
    """exec leaves the PID: tm is asked to read itself."""
    done = tm.run(prefix=["/bin/sh", "-c", 'exec "$0" status $$'])
    assert done.returncode in (FAILED, NOTHING), done
    shell.refusal(done, done.returncode)


@pytest.fixture(scope="module")
def nobody():
    """The words that run what follows as a user without rights."""
    if os.geteuid():
        pytest.skip("not root: cannot become another user")
    if not shutil.which("setpriv"):
        pytest.skip("no setpriv")
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]


@pytest.fixture
def others_tm(tm, nobody, tmp_path_factory):
    """A copy of tm where that user may run it, in a folder that he may read."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        copy = shutil.copy(tm.path, folder)
        yield shell.Shell(copy)


def test_a_process_of_another_user(others_tm, nobody, tracing):
    for arguments in (["status"], ["statistics"], ["status", "--no-stop"]):
        line = others_tm.refused(FAILED, *arguments, tracing.pid, prefix=nobody, says=(str(tracing.pid), "permission"))
        assert "root" in line or "SYS_PTRACE" in line, "it does not say how to get the permission"
    assert sources.states(tracing.pid) == {tracing.pid: ("S", 0)}


def test_an_unreadable_file(others_tm, nobody, core, tmp_path):
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = os.path.join(folder, "core")
        pathlib.Path(path).write_bytes(b"\x7fELF")
        os.chmod(path, 0)
        others_tm.refused(FAILED, "status", path, prefix=nobody, says=(path, "Permission denied"))
        os.chmod(folder, 0o700)
        others_tm.refused(FAILED, "status", path, prefix=nobody, says=(path, "Permission denied"))


def test_a_folder_that_may_not_be_written(others_tm, nobody, snapshot):
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        copy = shutil.copy(snapshot, folder)
        os.chmod(copy, 0o644)
        others_tm.refused(FAILED, "snapshot", copy, "-o", os.path.join(folder, "out"), prefix=nobody, says="Permission denied")
        assert sorted(os.listdir(folder)) == ["file.tm"]


# ---- outputs ----

WRITERS = [["snapshot"], ["status"], ["statistics", "--format", "json"], ["traces", "--format", "csv"]]


@pytest.mark.parametrize("command", WRITERS, ids=lambda command: command[0])
def test_an_existing_output_is_left_alone(tm, core, tmp_path, command):
    path = tmp_path / "out"
    path.write_text("dear")
    tm.refused(USAGE, *command, core, "-o", path, says=("exists", "--force"))
    assert path.read_text() == "dear" and os.listdir(tmp_path) == ["out"]
    assert tm.run(*command, core, "-o", path, "--force").returncode == 0
    assert path.read_bytes()[:4] != b"dear" and os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("command", WRITERS, ids=lambda command: command[0])
def test_an_output_that_cannot_be(tm, core, tmp_path, command):
    tm.refused(FAILED, *command, core, "-o", tmp_path / "missing" / "out", says="No such file")
    tm.refused(FAILED, *command, core, "-o", tmp_path, says="Is a directory")
    tm.refused(FAILED, *command, core, "-o", "", says="No such file")
    tm.refused(FAILED, *command, core, "-o", tmp_path / ("x" * 300))
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("command", WRITERS, ids=lambda command: command[0])
def test_a_full_device(tm, core, command):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    tm.refused(FAILED, *command, core, "-o", "/dev/full", says="No space left")
    if command != ["snapshot"]:
        with open("/dev/full", "w") as full:
            done = tm.run(*command, core, stdout=full)
            shell.refusal(done, FAILED, "output")


def test_a_full_file_system(tm, core, tmp_path):
    """The limit on the size of files stands for it: nothing is left behind."""
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
    tm.refused(FAILED, "snapshot", core, "-o", tmp_path / "out", preexec_fn=limit, says="out")
    tm.refused(FAILED, "traces", core, "-n", 0, "-o", tmp_path / "out", preexec_fn=limit, says="out")
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("command", [*WRITERS, ["version"], ["help"]], ids=lambda command: command[0])
def test_a_closed_stdout(tm, core, tmp_path, command):
    source = [] if command[0] in ("version", "help") else [core]
    options = ["-o", str(tmp_path / "out")] * (command == ["snapshot"])
    done = tm.run(*command, *source, *options, prefix=["/bin/sh", "-c", 'exec "$@" >&-', "sh"])
    shell.refusal(done, FAILED, "output")


def test_closed_streams(tm, core, tmp_path):
    """Files that tm opens take the numbers of the closed streams: what is written there must not go into them."""
    for closing in "<&- >&- 2>&-", ">&- 2>&-", "<&- 2>&-", "<&-", "2>&-":
        path = tmp_path / "out.tm"
        tm.run("snapshot", core, "-o", path, prefix=["/bin/sh", "-c", 'exec "$@" %s' % closing, "sh"])
        assert tm.json("status", path, "--verify")["complete"]
        path.unlink()
        tm.run("snapshot", core, "-o", path, "--nonsense", prefix=["/bin/sh", "-c", 'exec "$@" %s' % closing, "sh"])
        tm.run("statistics", core, "-n", 0, "--json", "-o", path, prefix=["/bin/sh", "-c", 'exec "$@" %s' % closing, "sh"])
        assert path.read_text() == tm.output("statistics", core, "-n", 0, "--json")
        path.unlink()


def test_a_reader_that_goes_away(tm, core):
    """tm ... | head -1: no complaint, no core."""
    command = '"$@" | head -n 1; exit 0'
    done = tm.run("traces", core, "-n", 0, "--format", "json", prefix=["/bin/sh", "-c", command, "sh"])
    assert done.stdout.count(b"\n") == 1
    assert not done.stderr or done.stderr.count(b"\n") == 1


# ---- snapshot files ----

COMMANDS = [["status", "--verify"], ["statistics"], ["statistics", "--by", "traceback", "-n", "0"], ["traces", "-n", "0"]]


def test_a_snapshot_file_that_is_cut_off(tm, snapshot, tmp_path):
    short = tmp_path / "short.tm"
    content = pathlib.Path(snapshot).read_bytes()
    for end in [0, 1, 7, 8, 9, 63, 64, 65, 100, 64 + 9 * 40, 1000, len(content) // 2, len(content) - 64, len(content) - 1]:
        short.write_bytes(content[:end])
        tm.refused(FAILED, "status", short, says="short.tm")
        tm.refused(FAILED, "statistics", short)
        tm.refused(FAILED, "snapshot", short, "-o", tmp_path / "out")
    short.write_bytes(content + b"\0")
    tm.refused(FAILED, "status", short, says="longer")
    assert os.listdir(tmp_path) == ["short.tm"]


def test_a_snapshot_file_with_a_flipped_byte(tm, snapshot, tmp_path):
    """Every byte counts, but those between the sections and those that a command does not use."""
    content = pathlib.Path(snapshot).read_bytes()
    path = tmp_path / "flipped.tm"
    right = [tm.run(*command, snapshot).stdout.replace(snapshot.encode(), b"") for command in COMMANDS]
    undetected = 0
    places = sorted({*range(0, 64, 3), *range(64, 64 + 9 * 40, 7), *range(424, len(content), len(content) // 60)})
    for at in places:
        flipped = bytearray(content)
        flipped[at] ^= 1 << at % 8
        path.write_bytes(flipped)
        detected = False
        for command, expected in zip(COMMANDS, right):
            done = tm.run(*command, path)
            if done.returncode == 0:
                assert done.stdout.replace(str(path).encode(), b"") == expected, "byte %d: other output of %s" % (at, command)
            else:
                shell.refusal(done, FAILED)
                detected = True
        undetected += not detected
    assert undetected <= len(places) // 10, "%d of %d flips pass" % (undetected, len(places))


def test_a_snapshot_file_of_a_later_format(tm, snapshot, tmp_path):
    content = bytearray(pathlib.Path(snapshot).read_bytes())
    content[8] = 99
    (tmp_path / "later.tm").write_bytes(content)
    tm.refused(FAILED, "status", tmp_path / "later.tm")


def test_a_traceback_that_is_not_there(tm, core, snapshot):
    for source in core, snapshot:
        tm.refused(FAILED, "traceback", "0x7ffffffffff0", "--in", source, says=("no traced block", "0x7ffffffffff0"))
