"""GDB with the plugin: in batch mode, where every command's output is kept apart, and on a terminal."""

import json
import os
import pathlib
import re
import subprocess
import tempfile
from dataclasses import dataclass

import pexpect

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PLUGIN = ROOT / "gdb" / "tm_gdb.py"
LIMIT = 60  # seconds, for anything that GDB is asked
PROMPT = "(tm-gdb) "
QUIET = ["-iex", "set debuginfod enabled off", "-iex", "set confirm off", "-iex", "set auto-load safe-path /"]


@dataclass
class Answer:
    out: str
    error: str

    def __str__(self):
        assert self.error is None, self.error
        return self.out

    def json(self):
        return json.loads(str(self))

    def refused(self, *words):
        """The error: one clear sentence, and nothing of Python in it."""
        assert self.error is not None, self.out
        assert self.error.strip() and "\n" not in self.error.strip(), self.error
        assert "Traceback" not in self.error and "Error:" not in self.error and "<class" not in self.error, self.error
        for word in words:
            assert word in self.error, self.error
        return self.error


class Gdb:
    """One of the GDBs at hand."""

    def __init__(self, *command, environment=None, name=None):
        self.command = command
        self.name = name or os.path.basename(command[0])
        self.environment = {"TM_BUILD": os.environ.get("TM_BUILD", str(ROOT / "build")), **(environment or {})}

    def settings(self, extra=None):
        settings = {**os.environ, **self.environment, "LC_ALL": "C.UTF-8", **(extra or {})}
        for name in ("DEBUGINFOD_URLS", "TM_FORMAT", "PYTHONTRACEMALLOC"):
            settings.pop(name, None)
        return settings

    def line(self, *arguments, plugin=True):
        return [*self.command, "-q", "-nx", *QUIET, *(["-ix", str(PLUGIN)] if plugin else []), *map(str, arguments)]

    def batch(self, *arguments, environment=None, plugin=True, **options):
        """GDB's whole output, as a script would see it."""
        settings = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True,
                    "timeout": LIMIT, **options}
        return subprocess.run(self.line("-batch", *arguments, plugin=plugin), env=self.settings(environment), **settings)

    def ask(self, steps, *arguments, environment=None, **options):
        """What each of these commands answered."""
        with tempfile.TemporaryDirectory(prefix="tm-gdb-") as folder:
            files = {"TM_STEPS": os.path.join(folder, "steps"), "TM_ANSWERS": os.path.join(folder, "answers")}
            pathlib.Path(files["TM_STEPS"]).write_text(json.dumps(steps))
            done = self.batch("-x", HERE / "drive.py", *arguments, environment={**files, **(environment or {})}, **options)
            answers = pathlib.Path(files["TM_ANSWERS"])
            found = [Answer(**json.loads(line)) for line in answers.read_text().splitlines()] if answers.exists() else []
        assert len(found) == len(steps), "GDB ended at %r with %d: %s" % (
            steps[len(found):len(found) + 1], done.returncode, (done.stdout + done.stderr)[-2000:])
        assert "Python Exception" not in done.stderr, done.stderr
        return found

    def terminal(self, *arguments, environment=None, height=0, width=0, plugin=True):
        return Terminal(self, arguments, environment, height, width, plugin)


class Terminal:
    """GDB as somebody at a terminal has it."""

    def __init__(self, gdb, arguments, environment, height, width, plugin):
        first, *rest = gdb.line(*arguments, plugin=plugin)
        settings = gdb.settings({"TERM": "dumb", "INPUTRC": "/dev/null", **(environment or {})})
        self.child = pexpect.spawn(first, rest, env=settings, encoding="utf-8", codec_errors="replace", timeout=LIMIT,
                                   echo=False, dimensions=(50, 250))
        self.child.delaybeforesend = None
        self.child.delayafterclose = self.child.delayafterterminate = 0.01
        self.child.sendline("set prompt " + PROMPT)
        self.child.expect_exact(PROMPT)
        self.do("set height %d" % height)
        self.do("set width %d" % width)

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.child.close(force=True)

    @property
    def pid(self):
        return self.child.pid

    def send(self, line):
        self.child.sendline(line)

    def prompt(self, timeout=LIMIT):
        """What came before the next prompt."""
        self.child.expect_exact(PROMPT, timeout=timeout)
        return self.child.before.replace("\r\n", "\n")

    def do(self, line, timeout=LIMIT):
        self.send(line)
        return self.prompt(timeout)


def plain(text):
    """Without terminal control."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
