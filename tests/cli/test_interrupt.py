"""Ctrl-C, kill -9, and everything that may happen to a process while tm looks at it: the process does not notice."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import pytest

import shell
import sources
from sources import Python, state, states, until
from target import Unavailable

AT_ONCE = 0.2  # seconds in which Ctrl-C must end tm
TRIES = 4  # the machine may be busy with something else: one try in so many must be in time
TRACES = 1000000


@pytest.fixture(scope="module")
def big():
    process = sources.Big(TRACES)
    try:
        assert process.answer()["traces"] >= TRACES
        until(lambda: state(process.pid) == "S")
        yield process
    finally:
        process.close()


@pytest.fixture(scope="module")
def big_core(big, tmp_path_factory):
    folder = tmp_path_factory.mktemp("big")
    try:
        sources.target.core_pattern()
        assert big.ask("core %s" % folder)["dumped"]
        path, = folder.glob("core*")
    except Unavailable:
        try:
            path = sources.target.gcore(big.pid, str(folder / "core"))
        except Unavailable as why:
            pytest.skip(str(why))
    yield str(path)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def big_file(tm, big_core):
    path = big_core + ".tm"
    tm.output("snapshot", big_core, "-o", path)
    return path


def interrupted(tm, words, after, signal_=signal.SIGINT):
    """Sends the signal after so many seconds. Returns the seconds that tm still took; None: it was done before."""
    process = subprocess.Popen([tm.path, *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE)
    try:
        # Before main() the signal ends any program in its own way.
        until(lambda: process.poll() is not None or int(sources.fields(process.pid).get("SigCgt", "0"), 16) & 2)
        time.sleep(after)
        if process.poll() is not None:
            return None
        start = time.monotonic()
        process.send_signal(signal_)
        said = process.communicate(timeout=sources.LIMIT)[1]
        seconds = time.monotonic() - start
    finally:
        process.kill()
        process.wait()
    if process.returncode in (0, 1) and process.returncode != 128 + signal_:
        return None  # it was just about to end
    assert process.returncode == 128 + signal_, (process.returncode, said)
    assert said == b"tm: interrupted\n"
    return seconds


LONG = [["status"], ["statistics"], ["statistics", "--by", "traceback", "-n", "0"], ["statistics", "--cumulative"],
        ["traces"], ["traces", "-n", "0", "--json"], ["snapshot"]]


@pytest.mark.parametrize("command", LONG, ids=" ".join)
@pytest.mark.parametrize("place", ["live", "core", "file"])
def test_ctrl_c_ends_it_at_once(tm, big, request, tmp_path, place, command):
    if place == "live":
        source, before = big.pid, states(big.pid)
    else:
        source = request.getfixturevalue("big_core" if place == "core" else "big_file")
    options = ["-o", tmp_path / "out"] if command[0] == "snapshot" or "--json" in command else []
    start = time.monotonic()
    tm.run(*command, source, *options, stdout=subprocess.DEVNULL)
    takes = min(time.monotonic() - start, 2)
    if options:
        (tmp_path / "out").unlink()
    hits = 0
    for part in range(6):
        for left in reversed(range(TRIES)):
            seconds = interrupted(tm, [*command, source, *options], takes * part / 6)
            if seconds is not None:
                assert not os.listdir(tmp_path), "a partial file is left"
                hits += 1
            elif options and (tmp_path / "out").exists():
                (tmp_path / "out").unlink()
            if place == "live":
                assert states(big.pid) == before
            if seconds is None or seconds <= AT_ONCE:
                break
            assert left, "%.2f s after Ctrl-C, which came after %.2f s" % (seconds, takes * part / 6)
    assert hits or takes < 0.1


@pytest.mark.parametrize("signal_", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_end_it_like_that(tm, big_core, tmp_path, signal_):
    words = ["snapshot", big_core, "-o", tmp_path / "out"]
    hits = [interrupted(tm, words, after / 50, signal_) for after in range(3)]
    assert any(seconds is not None for seconds in hits)
    assert os.listdir(tmp_path) in ([], ["out"])


def test_an_ignored_signal_stays_ignored(tm, big_core):
    """As nohup, and a shell's & in scripts, ask for it."""
    for signal_ in signal.SIGHUP, signal.SIGINT:
        process = subprocess.Popen([tm.path, "traces", big_core, "-n", "0"], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   preexec_fn=lambda: signal.signal(signal_, signal.SIG_IGN))
        time.sleep(0.05)
        process.send_signal(signal_)
        said = process.communicate(timeout=sources.LIMIT)[1]
        assert (process.returncode, said) == (0, b"")


# ---- the live process ----

COUNTING = """
import tracemalloc, threading, signal, time, os
tracemalloc.start(2)
held = [bytearray(100) for _ in range(%d)]
progress = open(os.environ["PROGRESS"], "r+b", 0)
signals = 0
def count(*ignored):
    global signals
    signals += 1
    progress.seek(8)
    progress.write(signals.to_bytes(8, "little"))
signal.signal(signal.SIGUSR1, count)
"""
BEATING = """
import signal, sys
signal.alarm(%d)
%s
print("ready", flush=True)
number = 0
while True:
    number += 1
    os.pwrite(progress.fileno(), number.to_bytes(8, "little"), 0)
    time.sleep(0.001)
"""


class Beating(Python):
    """A process that counts up in a file all the time, and counts the signals that it gets."""

    def __init__(self, folder, blocks=200000, code=""):
        self.progress = os.path.join(str(folder), "progress")
        with open(self.progress, "wb") as file:
            file.write(bytes(16))
        super().__init__(COUNTING % blocks + code, folder, environment={"PROGRESS": self.progress}, wait=BEATING)

    def number(self, at=0):
        with open(self.progress, "rb") as file:
            file.seek(at)
            return int.from_bytes(file.read(8), "little")

    def signals(self):
        return self.number(8)

    def goes_on(self):
        before = self.number()
        until(lambda: self.number() > before + 3)
        assert all(letter in "SRD" and tracer == 0 for letter, tracer in states(self.pid).values()), states(self.pid)


@pytest.fixture
def beating(tmp_path):
    with Beating(tmp_path) as process:
        yield process


def hold(tm, pid, *words):
    """tm, while it holds the process; None when it was too fast. Killed by the caller."""
    process = subprocess.Popen([tm.path, *words, str(pid)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    while process.poll() is None:
        if int(sources.fields(pid).get("TracerPid", "0")) == process.pid:
            return process
    return None


def test_kill_9_while_it_holds_the_process(tm, big):
    """A million traces are held long enough to be caught at it; afterwards nothing is different."""
    before, caught = states(big.pid), 0
    for number in range(18):
        process = hold(tm, big.pid, ["status", "statistics", "traces"][number % 3])
        if process:
            time.sleep(0.001 * (number % 8))
            caught += int(sources.fields(big.pid)["TracerPid"]) == process.pid
            process.kill()
            process.wait()
        until(lambda: states(big.pid) == before)
    assert caught >= 5, "tm was caught only %d times" % caught
    assert big.ask("measure lineno")["traces"] > TRACES * 0.9, "it does not answer any more"


def test_kill_9_leaves_a_busy_process_running(tm, beating):
    for number in range(15):
        process = hold(tm, beating.pid, "statistics")
        if process:
            process.kill()
            process.wait()
        beating.goes_on()


def test_it_runs_on_after_each_command(tm, beating, tmp_path):
    for words in ["status"], ["statistics"], ["traces"], ["status", "--no-stop"], ["snapshot", "-f", "-o", str(tmp_path / "out")]:
        tm.output(*words, beating.pid)
        beating.goes_on()


def test_a_stopped_process_stays_stopped(tm, beating):
    beating.process.send_signal(signal.SIGSTOP)
    until(lambda: state(beating.pid) == "T")
    number = beating.number()
    for words in ["status"], ["statistics"], ["status", "--no-stop"], ["traces"]:
        assert tm.run(*words, beating.pid).returncode == 0
        assert states(beating.pid) == {beating.pid: ("T", 0)}
    for _ in range(10):
        process = hold(tm, beating.pid, "statistics")
        if process:
            process.kill()
            process.wait()
        until(lambda: states(beating.pid) == {beating.pid: ("T", 0)})
    time.sleep(0.02)
    assert beating.number() == number, "it ran"
    answer = tm.json("status", beating.pid)
    assert answer["complete"] and "signal" in answer["stopped_by"]
    beating.process.send_signal(signal.SIGCONT)
    beating.goes_on()


def test_sigcont_and_sigstop_while_it_is_held(tm, big):
    """Whoever comes last wins, as without tm."""
    for first, last, letter in (signal.SIGSTOP, signal.SIGCONT, "S"), (signal.SIGCONT, signal.SIGSTOP, "T"):
        try:
            for _ in range(4):
                os.kill(big.pid, first)
                process = hold(tm, big.pid, "statistics")
                os.kill(big.pid, last)
                if process:
                    process.wait()
                until(lambda: state(big.pid) == letter)
                time.sleep(0.01)
                assert states(big.pid) == {big.pid: (letter, 0)}
        finally:
            os.kill(big.pid, signal.SIGCONT)
            until(lambda: state(big.pid) == "S")


def test_signals_are_not_lost(tm, beating):
    """Each is sent when the one before has arrived, so that none is merged with another; tm holds the process all the time."""
    sent = 0
    end = time.monotonic() + 4
    process = None
    while time.monotonic() < end or sent < 100:
        if process is None or process.poll() is not None:
            process = subprocess.Popen([tm.path, "statistics", str(beating.pid)], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL)
        beating.process.send_signal(signal.SIGUSR1)
        sent += 1
        until(lambda: beating.signals() == sent)
    process.wait(sources.LIMIT)
    assert beating.signals() == sent
    beating.goes_on()


def test_signals_at_the_worst_moment(tm, beating):
    """Sent while the process is being seized or held: each arrives once."""
    sent = 0
    for number in range(30):
        process = hold(tm, beating.pid, "status")
        beating.process.send_signal(signal.SIGUSR1)
        sent += 1
        if process:
            process.wait(sources.LIMIT)
        until(lambda: beating.signals() == sent)
    assert beating.signals() == sent


THREADS = """
def short():
    local = [str(i) * 10 for i in range(20)]
def breed():
    while True:
        threads = [threading.Thread(target=short, daemon=True) for _ in range(4)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
for _ in range(3):
    threading.Thread(target=breed, daemon=True).start()
"""


def test_threads_that_come_and_go(tm, tmp_path):
    """Fifty answers: each is complete or says what is torn, and the process survives them."""
    with Beating(tmp_path, 1000, THREADS) as process:
        complete = 0
        for number in range(50):
            answer = tm.json("statistics", process.pid, "-n", 0)
            if answer["complete"]:
                complete += 1
                assert sum(row["size"] for row in answer["rows"]) == answer["total"]["size"]
            else:
                assert answer["notes"] and "torn" in " ".join(answer["notes"]), answer["notes"]
            if number % 10 == 0:
                process.goes_on()
        process.goes_on()
        assert complete >= 25, "only %d of 50 answers are complete" % complete
        threads = [tid for tid, (letter, tracer) in states(process.pid).items() if tracer or letter in "tT"]
        assert not threads


def test_a_process_whose_main_thread_has_ended(tm, tmp_path):
    """pthread_exit in the main thread leaves a zombie beside threads that live."""
    code = """
import ctypes, threading, time
threading.Thread(target=lambda: [time.sleep(0.01) for _ in range(100000)]).start()
"""
    ending = "import signal\nsignal.alarm(%d)\n" + sources.TRACING + """%s
print("ready", flush=True)
time.sleep(0.2)
ctypes.CDLL(None).pthread_exit(None)
"""
    with Python(code, tmp_path, wait=ending) as process:
        until(lambda: state(process.pid) == "Z")
        done = tm.run("statistics", process.pid)
        if done.returncode:
            shell.refusal(done, 1)
        assert process.alive()


def test_many_at_once(tm, beating):
    """Only one tracer at a time: the others say so, or wait; nobody crashes, nothing is wrong."""
    crowd = [subprocess.Popen([tm.path, "statistics", str(beating.pid), "--json"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(8)]
    good = 0
    for process in crowd:
        out, said = process.communicate(timeout=sources.LIMIT)
        if process.returncode == 0:
            good += json.loads(out)["complete"]
        else:
            assert process.returncode == 1 and said.startswith(b"tm: ") and said.count(b"\n") == 1, said
            assert b"--no-stop" in said or b"traced" in said or b"tracer" in said, said
    assert good >= 1
    beating.goes_on()


# ---- other tracers ----

def test_a_process_stopped_in_gdb(tm, beating):
    if not shutil.which("gdb"):
        pytest.skip("no gdb")
    gdb = subprocess.Popen(["gdb", "-nx", "-q", "-iex", "set debuginfod enabled off", "-p", str(beating.pid)],
                           stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: state(beating.pid) == "t")
        time.sleep(0.2)
        number = beating.number()
        for words in ["status"], ["statistics", "-n", 0], ["traces"]:
            answer = tm.json(*words, beating.pid)
            assert answer["complete"], answer["notes"]
        assert str(gdb.pid) in tm.json("status", beating.pid)["stopped_by"]
        assert states(beating.pid) == {beating.pid: ("t", gdb.pid)}
        assert beating.number() == number
    finally:
        gdb.stdin.write(b"detach\nquit\n")
        gdb.stdin.close()
        try:
            gdb.wait(sources.LIMIT)
        finally:
            gdb.kill()
            gdb.wait()
    beating.goes_on()


@pytest.mark.parametrize("tracer", ["gdb", "strace"])
def test_a_process_that_runs_under_a_tracer(tm, beating, tmp_path, tracer):
    if not shutil.which(tracer):
        pytest.skip("no %s" % tracer)
    words = {"strace": ["strace", "-q", "-o", "/dev/null", "-e", "trace=none", "-p", str(beating.pid)],
             "gdb": ["gdb", "-nx", "-q", "-iex", "set debuginfod enabled off", "-p", str(beating.pid), "-ex", "continue"]}[tracer]
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=log, stderr=log)
    try:
        def running():
            return sources.fields(beating.pid).get("TracerPid") == str(process.pid) and state(beating.pid) in "SR"
        until(running)
        before = beating.number()
        until(lambda: running() and beating.number() > before + 50)
        for words in ["status"], ["statistics"]:
            tm.refused(1, *words, beating.pid, says=("--no-stop", str(process.pid)))
        answer = tm.json("statistics", beating.pid, "--no-stop")
        assert answer["complete"] is False and "running" in " ".join(answer["notes"])
    finally:
        process.send_signal(signal.SIGINT)
        if tracer == "gdb":
            time.sleep(0.3)
            process.stdin.write(b"detach\nquit\n")
        process.stdin.close()
        try:
            process.wait(sources.LIMIT)
        finally:
            process.kill()
            process.wait()
    beating.goes_on()


# ---- as in containers ----

def unshared(command):
    """Words that run a shell script in a mount namespace of its own."""
    if not shutil.which("unshare"):
        pytest.skip("no unshare")
    if subprocess.run(["unshare", "-m", "/bin/true"], stderr=subprocess.DEVNULL, timeout=shell.LIMIT).returncode:
        pytest.skip("unshare -m is not allowed here")
    return ["unshare", "-m", "--propagation", "private", "/bin/sh", "-c", command, "sh"]


def installed(folder):
    """A Python of its own in FOLDER, stripped, with all that it needs; the environment for it."""
    import interpreters
    path, environment = interpreters.stripped(
        interpreters.Interpreter("", "release", os.path.realpath(sources.PYTHON), "system"), folder)
    return path, environment


def complete(tm, source, *options):
    for words in ["status"], ["statistics", "-n", 0], ["traces", "-n", 0]:
        answer = tm.json(*words, source, *options)
        assert answer["complete"], answer["notes"]
    assert answer["total"]["count"] >= 500
    return answer["total"]


def test_a_process_in_another_mount_namespace(tm, tmp_path):
    """Its interpreter lies on a file system that nobody else sees."""
    path, environment = installed(tmp_path / "outside")
    (tmp_path / "inside").mkdir()
    inside = tmp_path / "inside" / os.path.basename(path)
    command = unshared('mount -t tmpfs none "$0" && cp "$1" "$2" && shift && exec "$@"'.replace("$0", str(tmp_path / "inside"))
                       .replace("$1", path).replace("$2", str(inside)))
    with Python(sources.TRACING, tmp_path, [*command, "-", str(inside)], environment) as process:
        assert not inside.exists()
        assert os.readlink("/proc/%d/exe" % process.pid) == str(inside)
        live = complete(tm, process.pid)
        assert tm.json("status", process.pid)["python"] == "%d.%d.%d" % sys.version_info[:3]
        try:
            core = process.core()
        except Unavailable:
            return
        assert complete(tm, core) == live


def test_another_file_at_the_path_outside(tm, tmp_path):
    """What lies outside at the path of the process's interpreter is another program: it must not be believed."""
    path, environment = installed(tmp_path / "outside")
    (tmp_path / "inside").mkdir()
    inside = tmp_path / "inside" / os.path.basename(path)
    shutil.copy(shutil.which("gdb") or "/bin/bash", inside)
    command = unshared('mount -t tmpfs none "%s" && cp "%s" "%s" && shift && exec "$@"' % (tmp_path / "inside", path, inside))
    with Python(sources.TRACING, tmp_path, [*command, "-", str(inside)], environment) as process:
        live = complete(tm, process.pid)
        try:
            core = process.core()
        except Unavailable:
            return
        assert complete(tm, core) == live
        assert complete(tm, core, "--exe", path) == live


def test_a_process_whose_main_thread_has_ended(tm, tmp_path):
    code = ("import ctypes, sys, threading, time, tracemalloc; tracemalloc.start()\n"
            "held = bytearray(100000)\n"
            "def work():\n print(tracemalloc.is_tracing(), flush=True)\n sys.stdin.read()\n"
            "threading.Thread(target=work).start()\n"
            "ctypes.CDLL(None).pthread_exit(None)\n")
    with subprocess.Popen([sources.PYTHON, "-S", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "True\n"
            until = time.monotonic() + shell.LIMIT
            while ") Z " not in pathlib.Path("/proc/%d/stat" % process.pid).read_text():
                assert time.monotonic() < until
            answer = tm.json("statistics", process.pid, "-n", 0)
            assert answer["complete"] and answer["rows"][0]["size"] > 100000, answer
            assert tm.json("statistics", process.pid, "-n", 0, "--no-stop")["rows"] == answer["rows"]
            refusal = tm.run("stop", "-p", process.pid)
            assert refusal.returncode == 1 and b"no main thread any more" in refusal.stderr, refusal
        finally:
            process.kill()


def test_threads_that_come_and_go_without_a_main_thread(tm, tmp_path):
    """Any thread through which we look may end at any time."""
    code = ("import ctypes, threading, time, tracemalloc; tracemalloc.start(); end = time.monotonic() + 30\n"
            "def work():\n time.sleep(0.004)\n if time.monotonic() < end: threading.Thread(target=work).start()\n"
            "work(); print(flush=True)\n"
            "ctypes.CDLL(None).pthread_exit(None)\n")
    with subprocess.Popen([sources.PYTHON, "-S", "-c", code], stdout=subprocess.PIPE, text=True) as process:
        try:
            process.stdout.readline()
            until = time.monotonic() + shell.LIMIT
            while ") Z " not in pathlib.Path("/proc/%d/stat" % process.pid).read_text():
                assert time.monotonic() < until
            for _ in range(30):
                assert "tracing: yes" in tm.output("status", process.pid)
        finally:
            process.kill()


def test_source_lines_are_the_process_own(tm, tmp_path):
    """Where it may see another file by that name than we do, none is shown."""
    text = "import sys, tracemalloc; tracemalloc.start()\nheld = bytearray(100000)  # %s\nprint(tracemalloc.is_tracing(), flush=True); sys.stdin.read()\n"
    (tmp_path / "inside").mkdir()
    both, hidden = tmp_path / "both.py", tmp_path / "inside" / "hidden.py"
    both.write_text(text % "the same")
    hidden.write_text(text % "another one")
    (tmp_path / "theirs.py").write_text(text % "theirs")
    command = unshared('mount -t tmpfs none "%s" && cp "%s" "%s" && exec "$@"' % (tmp_path / "inside", tmp_path / "theirs.py", hidden))
    for words, program, shown in ([], both, True), (command, both, False), (command, hidden, False):
        with subprocess.Popen([*words, sources.PYTHON, "-S", str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline() == "True\n"
            assert hidden.read_text() == text % "another one"
            block = max(tm.json("traces", process.pid, "-n", 0)["rows"], key=lambda row: row["size"])
            said = tm.output("traceback", block["address"], "-p", process.pid)
            assert 'File "%s", line 2' % program in said
            assert ("held = bytearray(100000)  # the same" in said) == shown and "another one" not in said, said
            process.stdin.close()


@pytest.mark.parametrize("change", ["removed", "replaced", "truncated"])
def test_an_interpreter_that_is_gone(tm, tmp_path, change):
    path, environment = installed(tmp_path / "copy")
    with Python(sources.TRACING, tmp_path, [path], environment) as process:
        os.remove(path)
        if change == "replaced":
            shutil.copy(sources.PYTHON, path)
        elif change == "truncated":
            pathlib.Path(path).write_bytes(b"\x7fELF\x02\x01\x01")
        live = complete(tm, process.pid)
        try:
            core = process.core()
        except Unavailable:
            return
        assert complete(tm, core) == live
        shutil.rmtree(tmp_path / "copy")
        assert complete(tm, core) == live


def test_a_process_in_a_chroot_of_another_pid_namespace(tm, tmp_path):
    """Its own PID differs from ours."""
    command = unshared('exec "$@"')
    if subprocess.run(["unshare", "-pf", "/bin/true"], stderr=subprocess.DEVNULL, timeout=shell.LIMIT).returncode:
        pytest.skip("unshare -p is not allowed here")
    command = ["unshare", "-m", "-p", "-f", "--mount-proc", "--kill-child"]
    with Python(sources.TRACING, tmp_path, [*command, sources.PYTHON]) as process:
        pid, = map(int, pathlib.Path("/proc/{0}/task/{0}/children".format(process.pid)).read_text().split())
        complete(tm, pid)
        answer = tm.json("status", pid)
        assert answer["pid"] == pid
        assert states(pid) == {pid: ("S", 0)}
