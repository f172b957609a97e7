"""The front ends: a class each, whose run() takes command lines and returns (output, status, message) for each of them."""

import json
import os
import pathlib
import shlex
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = pathlib.Path(os.environ.get("TM_BUILD") or ROOT / "build")
LIMIT = 60  # seconds


def environment(more):
    plain = {key: value for key, value in os.environ.items() if key not in ("TM_FORMAT", "NO_COLOR", "LC_ALL", "LANG")}
    return {**plain, "LC_ALL": "C.UTF-8", "TM_BUILD": str(BUILD), "PYTHONDONTWRITEBYTECODE": "1", "TZ": "UTC", **more}


class Shell:
    """The program: a process for each command line; its messages begin with "tm: "."""

    name = "shell"
    present = False

    def __init__(self, tm_path, folder, more):
        self.tm_path, self.folder, self.environment = tm_path, folder, environment(more)

    @staticmethod
    def missing():
        return None

    def run(self, lines, present):
        return [self.one(line) for line in lines]

    def one(self, line):
        done = subprocess.run([self.tm_path, *shlex.split(line)], cwd=self.folder, env=self.environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LIMIT)
        message = done.stderr.decode("utf-8")
        if done.returncode:
            assert message.startswith("tm: ") and message.endswith("\n"), message
        else:
            assert not message
        return done.stdout.decode("utf-8"), done.returncode, message[4:-1]


class Driven:
    """One session for all lines, in another process: driver.py runs them there."""

    present = False

    def __init__(self, tm_path, folder, more):
        self.folder, self.environment = folder, environment(more)

    def run(self, lines, present):
        orders, answers = self.folder / "orders.json", self.folder / "answers.json"
        orders.write_text(json.dumps({"front": type(self).name, "lines": lines, "answers": str(answers),
                                      "target": present if self.present else None}))
        answers.unlink(missing_ok=True)
        done = subprocess.run(self.command(present), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=LIMIT, env={**self.environment, "GOLDEN_ORDERS": str(orders)})
        assert answers.exists(), done.stdout.decode(errors="replace")
        return [tuple(answer) for answer in json.loads(answers.read_text())]


class Module(Driven):
    """The module in plain Python."""

    name = "module"

    @staticmethod
    def missing():
        return None if (BUILD / "python" / "tm.abi3.so").exists() else "the module tm was not built"

    def command(self, present):
        return ["/usr/bin/python3", str(HERE / "driver.py")]


class Gdb(Driven):
    """The plugin in GDB."""

    name = "gdb"

    @staticmethod
    def missing():
        return Module.missing() or (None if shutil.which("gdb") else "no gdb")

    def command(self, present):
        where = [] if not self.present else ["-p", present] if present.isdigit() else ["-c", present]
        return ["gdb", "-q", "-nx", "-batch", "-iex", "set debuginfod enabled off", *where,
                "-x", str(ROOT / "gdb" / "tm_gdb.py"), "-x", str(HERE / "driver.py")]


class Lldb(Driven):
    """The plugin in an LLDB; a class of its own for each of them."""

    name = "lldb"
    program = None

    @staticmethod
    def missing():
        return Module.missing()

    def command(self, present):
        where = [] if not self.present else ["-p", present] if present.isdigit() else ["-c", present]
        return [self.program, "-x", "-b", "-O", "command script import '%s'" % (ROOT / "lldb" / "tm_lldb.py"), *where,
                "-o", "command script import '%s'" % (HERE / "driver.py")]


def lldbs():
    """What fixtures/lldbs.sh finds here: two front ends each."""
    done = subprocess.run(["sh", str(ROOT / "fixtures" / "lldbs.sh")], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    for line in done.stdout.splitlines():
        version, program = line.split("\t")[:2]
        for end, present in ("", False), ("-present", True):
            yield "lldb-%s%s" % (version, end), type("Lldb", (Lldb,), {"program": program, "present": present})


class ModulePresent(Module):
    """A host that lends a target."""

    present = True


class GdbPresent(Gdb):
    """GDB's own target."""

    present = True


FRONTS = {"shell": Shell, "module": Module, "module-present": ModulePresent, "gdb": Gdb, "gdb-present": GdbPresent, **dict(lldbs())}
