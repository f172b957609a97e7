"""Processes to look at, and their cores."""

import json
import os
import pathlib
import resource
import select
import signal
import subprocess
import time

import target

PYTHON = "/usr/bin/python3"
BENCH = pathlib.Path(__file__).resolve().parent.parent / "bench" / "target.py"
LIFETIME = 120  # seconds after which a process ends by itself, whatever happens to the test
LIMIT = 30  # seconds that anything may take to happen

TRACING = """
import tracemalloc
tracemalloc.start(3)
held = [bytearray(1000 + i) for i in range(300)] + [str(i) for i in range(200)]
"""
NOT_TRACING = """
held = [bytearray(1000 + i) for i in range(300)]
"""
STOPPED = TRACING + "tracemalloc.stop()\n"

READY = """
import signal, sys
signal.alarm(%d)
%s
print("ready", flush=True)
while True:
    signal.pause()
"""


def unlimited_core():
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)


class Python:
    """A Python that runs some code, says that it is ready and then does nothing; ended at the end of a with block."""

    def __init__(self, code, folder=None, command=(PYTHON,), environment=None, wait=READY, **options):
        self.folder = pathlib.Path(folder) if folder else None
        self.process = subprocess.Popen(
            [*command, "-c", wait % (LIFETIME, code)], cwd=folder, env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, preexec_fn=unlimited_core, **options)
        self.pid = self.process.pid

    def __enter__(self):
        try:
            assert self.line() == b"ready\n", "the process did not start"
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *ignored):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def line(self):
        assert select.select([self.process.stdout], [], [], LIMIT)[0], "the process says nothing"
        return self.process.stdout.readline()

    def alive(self):
        return self.process.poll() is None

    def core(self):
        """The kernel's core; where there is none, GDB's. The process ends."""
        try:
            target.core_pattern()
        except target.Unavailable:
            return target.gcore(self.pid, str(self.folder / "core"))
        self.process.send_signal(signal.SIGABRT)
        self.process.wait(LIMIT)
        for path in self.folder.glob("core*"):
            return str(path)
        raise target.Unavailable("the kernel made no core")


class Command(Python):
    """Any other program."""

    def __init__(self, *command, folder=None):
        self.folder = pathlib.Path(folder) if folder else None
        self.process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        preexec_fn=unlimited_core)
        self.pid = self.process.pid

    def __enter__(self):
        until(lambda: os.path.basename(os.readlink("/proc/%d/exe" % self.pid)) != "python3")
        until(lambda: state(self.pid) == "S")
        return self


class Big:
    """A process with many traces, which answers questions (see bench/target.py)."""

    def __init__(self, traces, lifetime=150):
        self.process = subprocess.Popen(
            [PYTHON, str(BENCH), "--traces", str(traces), "--nframe", "2", "--lifetime", str(lifetime)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=unlimited_core)
        self.pid = self.process.pid

    def answer(self):
        return json.loads(self.process.stdout.readline())

    def ask(self, question):
        self.process.stdin.write(question.encode() + b"\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def until(done):
    end = time.monotonic() + LIMIT
    while not done():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.005)


def fields(task):
    """/proc/PID[/task/TID]/status as a dictionary; empty when it is gone."""
    try:
        lines = pathlib.Path("/proc", str(task), "status").read_text().splitlines()
    except OSError:
        return {}
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def state(task):
    """The letter: R, S, D, T (stopped), t (traced), Z."""
    return fields(task).get("State", "?")[0]


def states(pid):
    """Of all threads: their letters and who traces them."""
    result = {}
    for tid in os.listdir("/proc/%d/task" % pid):
        status = fields("%d/task/%s" % (pid, tid))
        if status:
            result[int(tid)] = status["State"][0], int(status["TracerPid"])
    return result
