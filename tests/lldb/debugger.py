"""LLDB with the plugin: in batch mode, where every command's output is kept apart, and on a terminal."""

import json
import os
import pathlib
import subprocess
import tempfile
from dataclasses import dataclass

import pexpect

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = os.environ.get("TM_BUILD", str(ROOT / "build"))
PLUGIN = ROOT / "lldb" / "tm_lldb.py"
LIMIT = 120  # seconds, for anything that LLDB is asked
PROMPT = "(tm-lldb) "


@dataclass
class Answer:
    out: str
    error: str
    status: int

    def __str__(self):
        assert self.error is None, self.error
        return self.out

    def json(self):
        return json.loads(str(self))

    def refused(self, *words):
        """The error: said clearly, and nothing of Python in it."""
        assert self.error, self.out
        assert "Traceback" not in self.error and "<class" not in self.error, self.error
        for word in words:
            assert word in self.error, self.error
        return self.error


@dataclass
class Lldb:
    """One of the LLDBs at hand."""

    version: str
    program: str
    module: str  # the folder of its Python module
    server: str

    @property
    def major(self):
        return int(self.version.split(".")[0])

    def settings(self, extra=None):
        settings = {**os.environ, "TM_BUILD": BUILD, "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", **(extra or {})}
        for name in ("DEBUGINFOD_URLS", "TM_FORMAT", "PYTHONTRACEMALLOC"):
            settings.pop(name, None)
        return settings

    def line(self, *arguments, plugin=True):
        load = ["-O", "command script import '%s'" % PLUGIN] if plugin else []
        return [self.program, "-x", *load, *map(str, arguments)]

    def batch(self, *arguments, environment=None, plugin=True, **options):
        """LLDB's whole output, as a script would see it."""
        settings = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": LIMIT,
                    "encoding": "utf-8", **options}
        return subprocess.run(self.line("-b", *arguments, plugin=plugin), env=self.settings(environment), **settings)

    def ask(self, steps, *arguments, environment=None, **options):
        """What each of these commands answered."""
        with tempfile.TemporaryDirectory(prefix="tm-lldb-") as folder:
            files = {"TM_STEPS": os.path.join(folder, "steps"), "TM_ANSWERS": os.path.join(folder, "answers")}
            pathlib.Path(files["TM_STEPS"]).write_text(json.dumps(steps))
            done = self.batch(*arguments, "-o", "command script import '%s'" % (HERE / "drive.py"),
                              environment={**files, **(environment or {})}, **options)
            answers = pathlib.Path(files["TM_ANSWERS"])
            found = [Answer(**json.loads(line)) for line in answers.read_text().splitlines()] if answers.exists() else []
        assert len(found) == len(steps), "LLDB ended at %r with %d: %s" % (
            steps[len(found):len(found) + 1], done.returncode, (done.stdout + done.stderr)[-2000:])
        assert "Traceback (most" not in done.stderr, done.stderr
        return found

    def terminal(self, *arguments, environment=None):
        return Terminal(self, arguments, environment)


class Terminal:
    """LLDB as somebody at a terminal has it."""

    def __init__(self, lldb, arguments, environment):
        first, *rest = lldb.line("-o", "settings set use-color false", *arguments)
        self.child = pexpect.spawn(first, rest, env=lldb.settings({"TERM": "dumb", **(environment or {})}), encoding="utf-8",
                                   codec_errors="replace", timeout=LIMIT, echo=False, dimensions=(50, 250))
        self.child.delaybeforesend = None
        self.child.delayafterclose = self.child.delayafterterminate = 0.01
        self.child.sendline("script lldb.debugger.SetPrompt(%r + %r)" % (PROMPT[:4], PROMPT[4:]))
        self.prompt()

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.child.close(force=True)

    def send(self, line):
        self.child.sendline(line)

    def prompt(self, timeout=LIMIT):
        """What came before the next prompt."""
        self.child.expect_exact(PROMPT, timeout=timeout)
        return self.child.before.replace("\r\n", "\n")

    def do(self, line, timeout=LIMIT):
        self.send(line)
        return self.prompt(timeout)
