"""What LLDB lends to the module tm: its screen here, and what it is put together from."""

import os
import time

import lldb
import tm
from .control import Hands
from .programs import Line, Programs
from .target import GONE, Inferior


class Host(Inferior, Programs, Hands):
    def __init__(self, debugger):
        self.debugger = debugger
        self.bound = None
        self.context = None  # of the command that runs
        self.text = []
        self.status = 0  # what the shell would have ended with
        self.started = 0.0
        self.progress = None

    @property
    def terminal(self):
        return self.debugger.GetUseColor() and os.isatty(1)

    @property
    def width(self):
        return self.debugger.GetTerminalWidth() if os.isatty(1) else 0

    def write(self, text):
        self.text.append(text)

    def poll(self, what, done, total):
        if hasattr(lldb, "SBProgress") and time.monotonic() - self.started > 0.5:
            self.report(what, min(done, total), total)
        return self.interrupted()

    def interrupted(self):
        if hasattr(self.debugger, "InterruptRequested"):
            return self.debugger.InterruptRequested()
        return self.debugger.GetCommandInterpreter().WasInterrupted()

    def report(self, what, done, total):
        if not self.progress or self.progress[:2] != [what, total]:
            self.progress = [what, total, 0, lldb.SBProgress("tm", what, *([total] if total else []), self.debugger)]
        if done > self.progress[2]:
            self.progress[3].Increment(done - self.progress[2])
            self.progress[2] = done


def run(debugger, line, context, result):
    """One command of tm. Nothing is raised: LLDB would take it for success."""
    host, session = tm.lldb[debugger.GetID()]
    host.context, host.started, host.status = context, time.monotonic(), 1
    Line.prune()
    try:
        session.run(line)
        host.status = 0
        result.SetStatus(lldb.eReturnStatusSuccessFinishResult)
    except KeyboardInterrupt:
        host.status = 130
        result.SetError("interrupted")
    except tm.Error as error:
        host.status = getattr(error, "status", 1)
        result.SetError(GONE if "in the memory at hand" in str(error) and host.lost() else str(error))
    except Exception as error:
        result.SetError("%s: %s" % (type(error).__name__, error))
    text, host.text, host.context, host.progress = "".join(host.text), [], None, None
    if text:
        result.AppendMessage(text[:-1] if text.endswith("\n") else text)
