"""A truthful target that was stopped: as a live process, and as the cores that can be made of it."""

import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import time

import interpreters

PROGRAMS = interpreters.ROOT / "fixtures" / "programs"
LIMIT = 60  # seconds, for anything that a target or a debugger does


class Unavailable(Exception):
    """This machine cannot make the wanted thing; says why."""


def gcore(pid, path):
    if not shutil.which("gdb"):
        raise Unavailable("no gdb")
    done = subprocess.run(
        ["gdb", "-nx", "-batch", "-iex", "set debuginfod enabled off", "-p", str(pid),
         "-ex", "generate-core-file %s" % path],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LIMIT)
    if not os.path.exists(path):
        raise Unavailable("gdb made no core: %s" % done.stdout.strip().splitlines()[-1:])
    return path


def core_pattern():
    pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text().strip()
    if pattern.startswith("|") or "/" in pattern or not pattern.startswith("core"):
        raise Unavailable("core_pattern is %s" % pattern)
    return pattern


class Target:
    def __init__(self, path, folder, arguments=(), flags=(), environment=None):
        self.folder = pathlib.Path(folder)
        self.path = path
        self.copies = None
        truth = self.folder / "truth.json"
        self.log = open(self.folder / "log", "w+")
        self.process = subprocess.Popen(
            [path, *flags, str(PROGRAMS / "truth.py"), "--out", str(truth), *arguments],
            cwd=str(self.folder), env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **(environment or {})},
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2))
        self.until(truth.exists)
        self.truth = json.loads(truth.read_text())
        # The process is in waitpid() while the truth is written, and in pause() when it is stopped for good.
        self.until(lambda: not self.children())

    def until(self, done):
        end = time.monotonic() + LIMIT
        while not done():
            if self.process.poll() is not None or time.monotonic() > end:
                self.close()
                raise RuntimeError("the target stopped with %s: %s" % (
                    self.process.returncode, (self.folder / "log").read_text()))
            time.sleep(0.01)

    def children(self):
        listing = pathlib.Path("/proc/{0}/task/{0}/children".format(self.process.pid))
        return listing.read_text().split() if listing.exists() else []

    def gcore(self):
        path = self.folder / "gcore"
        return str(path) if path.exists() else gcore(self.process.pid, str(path))

    def core(self):
        """The kernel's core; the process ends."""
        core_pattern()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait(LIMIT)
        found = list(self.folder.glob("core*"))
        if not found:
            raise Unavailable("the kernel made no core")
        return str(found[0])

    def close(self, keep=False):
        """Ends the process; its cores go with it, unless they are to be kept: they are large."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.log.close()
        for path in self.folder.glob("*core*"):
            if not keep:
                path.unlink()
