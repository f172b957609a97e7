"""Where the commands of one document are run: a folder, a home, a process and a core to look at."""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess

import pexpect

import sources

LIMIT = 60  # seconds for one command
MARK = "\x01"
PROMPT = "-prompt-"  # LLDB's, for its sessions
PROMPTS = [r"\(gdb\) $", r"(?<=[\r\n])>$", pexpect.EOF]
CONSOLE = """
import code, sys
console = code.InteractiveConsole()
for statement in sys.stdin.read().split("\\1"):
    for line in statement.split("\\n"):
        console.push(line)
    print("\\1", end="", flush=True)
"""


LLDBS = pathlib.Path(__file__).resolve().parents[2] / "fixtures" / "lldbs.sh"


def newest_lldb():
    """Of those that are at hand; None: there is none."""
    done = subprocess.run(["sh", str(LLDBS)], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    rows = [line.split("\t")[:2] for line in done.stdout.splitlines()]
    return max(rows, key=lambda row: [int(part) for part in row[0].split(".")])[1] if rows else None


class World:
    def __init__(self, tm, build, folder):
        self.folder = folder
        (folder / "home").mkdir()
        (folder / "bin").mkdir()
        lldb = newest_lldb()
        if lldb:
            (folder / "bin" / "lldb").symlink_to(lldb)
        self.process = sources.Python(sources.TRACING, folder)
        self.process.__enter__()
        with sources.Python(sources.TRACING, folder) as other:
            os.rename(other.core(), folder / "core")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "TM_"))}
        self.environment = {**kept, "HOME": str(folder / "home"), "TERM": "dumb", "LC_ALL": "C.UTF-8", "COLUMNS": "120",
                            "PATH": "%s:%s:/usr/bin:/bin" % (pathlib.Path(tm).resolve().parent, folder / "bin"),
                            "PYTHONDONTWRITEBYTECODE": "1", "DEBUGINFOD_URLS": ""}
        self.module = str(pathlib.Path(build).resolve() / "python")
        block = json.loads(self.sh("tm traces core -n 1 --json"))["rows"][0]
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        self.words = {"PID": str(self.process.pid), "ADDRESS": hex(int(block["address"])), "PORT": str(port)}

    def close(self):
        self.process.__exit__()
        shutil.rmtree(self.folder)

    def meant(self, command):
        return re.sub(r"\b(PID|ADDRESS|PORT)\b", lambda match: self.words[match.group()], command)

    def start(self, words, text=None, check=True, **environment):
        done = subprocess.run(words, cwd=self.folder, env={**self.environment, **environment}, input=text, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, encoding="utf-8", timeout=LIMIT)
        assert not check or done.returncode == 0, "status %d: %s" % (done.returncode, done.stdout)
        return done.stdout

    def sh(self, text):
        return self.start(["sh", "-e", "-c", self.meant(text)])

    def sh_session(self, commands):
        step = "%%s\n__status=$?; printf '%s'; (exit $__status)\n" % "\\001"
        script = "".join(step % self.meant("\n".join(command)) for command in commands)
        return self.start(["sh", "-c", script], check=False).split(MARK)[:len(commands)]

    def python_session(self, commands):
        statements = ["\n".join(command) + "\n" * (len(command) > 1) for command in commands]
        text = MARK.join(map(self.meant, statements))
        return self.start(["/usr/bin/python3", "-c", CONSOLE], text, PYTHONPATH=self.module).split(MARK)[:len(commands)]

    def gdb_session(self, commands):
        """Typed into a real one, at a terminal."""
        (program,), *commands = commands
        gdb = pexpect.spawn("sh", ["-c", "exec " + self.meant(program)], cwd=str(self.folder), env=self.environment, timeout=LIMIT,
                            dimensions=(10000, 250), encoding="utf-8", codec_errors="replace")
        printed = []
        try:
            gdb.expect(PROMPTS)
            printed.append(gdb.before)
            for command in commands:
                text = ""
                for line in command:
                    gdb.sendline(self.meant(line))
                    gdb.expect(PROMPTS)
                    text += gdb.before.split("\n", 1)[-1]  # without what was typed
                printed.append(text)
        finally:
            gdb.close(force=True)
        return [shown(text) for text in printed]


    def lldb_session(self, commands):
        """Typed at a terminal, too, with a prompt that nothing else prints (a control character it would not print, either, at a
        terminal without colours), and waiting for what a process does."""
        (program,), *commands = commands
        lldb = pexpect.spawn("sh", ["-c", "exec " + self.meant(program)], cwd=str(self.folder), env=self.environment, timeout=LIMIT,
                             dimensions=(10000, 250), encoding="utf-8", codec_errors="replace", echo=False)
        printed = []
        try:
            for command in ["script lldb.debugger.SetAsync(False); lldb.debugger.SetPrompt('-%s-' % 'prompt')"], *commands:
                lldb.sendline(self.meant(command[0]))
                lldb.expect_exact(PROMPT)
                printed.append(lldb.before.split("\n", 1)[-1] if printed else lldb.before)
                while command[0].startswith("process ") and lldb.expect_exact([PROMPT, pexpect.TIMEOUT], timeout=0.5) == 0:
                    printed[-1] += lldb.before  # told a moment later, and the prompt once more
        finally:
            lldb.close(force=True)
        return [shown(text) for text in printed]


def shown(text):
    """What a screen shows in the end: a progress that was wiped out is gone."""
    text = re.sub(r"[^\n]*\r\x1b\[K", "", text.replace("\r\n", "\n"))
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text).replace("\r", "")
