"""Processes that are switched, and what must be as it was after."""

import json
import os
import pathlib
import re
import select
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
LIMIT = 60  # seconds for anything
SECONDS = 5 if os.environ.get("TM_LONG") else 1.5  # of work at the end


class Subject:
    def __init__(self, interpreter, *arguments, program=HERE / "subject.py", environment=None, options=()):
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen([interpreter, *options, str(program), *map(str, arguments or (SECONDS,))], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.errors, text=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **(environment or {})})
        self.pid = self.process.pid
        assert self.line() == "ready\n", "the process did not start"
        self.signals = self.signal_state()

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def ending(self):
        self.errors.seek(0)
        return "%s has ended: %s, %s" % (self.process.args[0], self.process.wait(), self.errors.read().decode(errors="replace")[-3000:])

    def line(self):
        assert select.select([self.process.stdout], [], [], LIMIT)[0], "the process says nothing"
        return self.process.stdout.readline()

    def ask(self, command):
        self.send(command)
        return self.answer()

    def send(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def answer(self):
        line = self.line()
        assert line, self.ending()
        return json.loads(line)

    def signal_state(self):
        """Pending, blocked, ignored, caught; nobody traces it."""
        status = (pathlib.Path("/proc") / str(self.pid) / "status").read_text()
        return re.findall(r"^(?:Sig(?:Pnd|Blk|Ign|Cgt)|ShdPnd|TracerPid):\s*(\w+)$", status, re.MULTILINE)

    def patched(self):
        """Bytes of its code that differ from the files they are mapped from: breakpoints that were left behind."""
        places = []
        with open("/proc/%d/mem" % self.pid, "rb") as memory:
            for line in (pathlib.Path("/proc") / str(self.pid) / "maps").read_text().splitlines():
                words = line.split(None, 5)
                if len(words) < 6 or not words[1].startswith("r-x") or not words[5].startswith("/"):
                    continue
                start, end = (int(part, 16) for part in words[0].split("-"))
                with open(words[5], "rb") as file:
                    file.seek(int(words[2], 16))
                    on_disk = file.read(end - start)
                memory.seek(start)
                here = memory.read(end - start)[:len(on_disk)]
                if here != on_disk:
                    places += [(words[5], start + i) for i in range(len(here)) if here[i] != on_disk[i]]
        return places

    def is_as_before(self):
        deadline = time.monotonic() + 5
        while self.signal_state() != self.signals and time.monotonic() < deadline:
            time.sleep(0.02)
        assert self.process.poll() is None, self.ending()
        assert self.signal_state() == self.signals
        assert self.patched() == []
