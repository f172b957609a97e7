"""A live process is read without leaving a mark on it."""

import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import time

import pytest

import interpreters
import truths
from program import Program
from target import Target, Unavailable


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    target = Target("/usr/bin/python3", tmp_path_factory.mktemp("live"), ["--threads", "3", "--mode", "sleep"])
    yield target
    target.close()


def states(pid):
    return [state(task) for task in sorted(pathlib.Path("/proc/%d/task" % pid).iterdir())]


def state(task):
    fields = dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines() if ":\t" in line)
    return fields["State"][0], fields["TracerPid"].strip()


def test_a_sleeping_process_sleeps_on(tm_path, target):
    pid = target.process.pid
    target.until(lambda: states(pid) == 4 * [("S", "0")])
    Program(tm_path).output("status", pid)
    target.until(lambda: states(pid) == 4 * [("S", "0")])
    assert target.process.poll() is None


def test_a_stopped_process_stays_stopped(tm_path, target):
    pid = target.process.pid
    target.process.send_signal(signal.SIGSTOP)
    target.until(lambda: states(pid) == 4 * [("T", "0")])
    try:
        status = Program(tm_path).json("status", pid)
        assert status["traced_memory"] == target.truth["traced_memory"]
        target.until(lambda: states(pid) == 4 * [("T", "0")])  # the kernel lets a thread go by waking it: it stops again before it runs
    finally:
        target.process.send_signal(signal.SIGCONT)
    target.until(lambda: states(pid) == 4 * [("S", "0")])


def test_no_stop_says_so(tm_path, target):
    answer = Program(tm_path).json("statistics", target.process.pid, "--no-stop", "-n", 0)
    assert answer["notes"], "nothing says that the process was running"


CHANGING = """
import signal, threading, time, tracemalloc
signal.alarm(120)
tracemalloc.start(3)
kept = []


def work():
    while True:
        kept.append([str(i) for i in range(20)])
        if len(kept) > 3000:
            kept.clear()
        time.sleep(0.0001)


for _ in range(6):
    threading.Thread(target=work, daemon=True).start()
time.sleep(0.5)
print("ready", flush=True)
work()
"""


def test_no_stop_of_one_that_changes_all_the_time(tm_path):
    """Blocks are freed under our eyes: what their traces hold then is no size. Held, all of it is there."""
    tm = Program(tm_path)
    with subprocess.Popen(["/usr/bin/python3", "-c", CHANGING], stdout=subprocess.PIPE) as process:
        try:
            process.stdout.readline()
            answered = 0
            for _ in range(20):
                done = tm.run("statistics", process.pid, "--no-stop", "-n", 0, "--format", "json")
                if done.returncode:  # it was met where nothing can be told
                    assert b"try again, or without --no-stop" in done.stderr, done.stderr
                    continue
                answer = json.loads(done.stdout)
                assert answer["notes"] and answer["total"]["size"] < 1 << 30, answer["total"]
                answered += 1
            assert answered >= 10
            assert all(tm.json("status", process.pid)["complete"] for _ in range(40))
        finally:
            process.kill()


def test_a_killed_tm_leaves_the_process_as_it_was(tm_path, target):
    pid = target.process.pid
    for _ in range(30):
        tm = subprocess.Popen([tm_path, "statistics", str(pid)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.uniform(0, 0.02))
        tm.kill()
        tm.wait()
        target.until(lambda: states(pid) == 4 * [("S", "0")])


@pytest.mark.parametrize("change", ["removed", "replaced"])
@pytest.mark.parametrize("source", ["live", "core"])
def test_an_upgrade_took_the_interpreter_away(tm_path, tmp_path, change, source):
    """The file that the process runs is no longer at its path, or another one is."""
    interpreter = interpreters.Interpreter("", "release", "/usr/bin/python3", "system")
    path, environment = interpreters.stripped(interpreter, tmp_path / "copy")
    target = Target(path, tmp_path, ["--domains", "--nframe", "5"], (), environment)
    try:
        os.remove(path)
        if change == "replaced":
            shutil.copy("/usr/bin/gdb" if os.path.exists("/usr/bin/gdb") else "/bin/bash", path)
        place = target.process.pid if source == "live" else target.core()
        tm = Program(tm_path)
        truths.traces(tm, place, target.truth)
        truths.statistics_json(tm, place, target.truth, "lineno", False)
    except Unavailable as why:
        pytest.skip(str(why))
    finally:
        target.close()


BUSY = """
import tracemalloc
tracemalloc.start()
while True:
    held = [str(number) for number in range(2000)]
"""


def test_a_busy_process_is_read_whole_or_said_not_to_be(tm_path):
    process = subprocess.Popen(["/usr/bin/python3", "-c", "import signal; signal.alarm(60)\n" + BUSY])
    try:
        time.sleep(0.5)
        tm = Program(tm_path)
        for _ in range(10):
            answer = tm.json("statistics", process.pid, "-n", 0)
            status = tm.json("status", process.pid)
            assert answer["complete"] or answer["notes"]
            assert status["traced_memory"] <= status["peak_traced_memory"]
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
