"""Programs that tm starts in LLDB, and where it has them stopped: lines of traced memory, recorded breakpoints."""

import os
import re
import shlex
import shutil

import lldb
import tm
from .target import ENDED, POST_MORTEM, program_headers

PLUGIN = __package__  # as LLDB knows it


class Programs:
    """Part of Host."""

    def watch(self, name, address, length):
        target, process = self.present()
        error = lldb.SBError()
        watchpoint = target.WatchAddress(address, length, False, True, error)
        if error.Fail() or not watchpoint:
            raise tm.Error("no hardware watchpoint: %s" % (error.GetCString() or "LLDB has none for this target"))
        Line.every[self.debugger.GetID(), watchpoint.GetID()] = Line(name, watchpoint, target, process)
        call = "return %s.written(frame, wp, internal_dict)" % PLUGIN  # of a function that is named alone LLDB 16 forgets the answer
        self.do(target, "watchpoint command add -s python -o", call, str(watchpoint.GetID()))
        end = "process detach'" if hasattr(self.debugger, "SetDestroyCallback") else "process detach' or 'quit'"
        self.write("# 'watchpoint delete %d' before '%s: a process that LLDB lets go keeps its watchpoints, and ends at the next one\n"
                   % (watchpoint.GetID(), end))

    def watched(self, name):
        return next(("watchpoint %d" % line.watchpoint.GetID() for line in Line.every.values() if line.name == name and line.there()), "")

    def record(self, location):
        target, _ = self.present()
        if not target:
            raise tm.Error("no target yet: 'target create PROGRAM' makes one")
        before = target.GetNumBreakpoints()
        self.do(target, ("breakpoint set " if location.startswith("-") else "_regexp-break ") + location)
        for i in range(before, target.GetNumBreakpoints()):
            target.GetBreakpointAtIndex(i).SetScriptCallbackFunction(PLUGIN + ".recorded")

    def program(self):
        return self.present()[0].GetExecutable().fullpath or ""

    def launch(self, program, line, nframe, python):
        """Runs it; target.env-vars stay as they were, and target.run-args, unless they came with the program."""
        target, process = self.present()
        if there_still(target, process):
            raise tm.Error("a %s is there already: '%s' first" % (
                ("core", "target delete") if process.GetPluginName() in POST_MORTEM else ("process", "process kill")))
        if program is None:
            info = target.GetLaunchInfo()
            arguments = [info.GetArgumentAtIndex(i) for i in range(info.GetNumArguments())]
        else:
            arguments = shlex.split(line)
            if target.GetExecutable().fullpath != os.path.abspath(shutil.which(program) or program):
                self.do(target, "target create --", program)
                target = self.debugger.GetSelectedTarget()
        try:
            options = ["-X", "tracemalloc=%d" % nframe] if python else []
            self.do(target, "process launch -E PYTHONTRACEMALLOC=%d --" % nframe, *options, *arguments)
        finally:
            self.do(target, "settings set -- target.run-args" if arguments else "settings clear target.run-args", *arguments)

    def do(self, target, command, *words):
        """A command of LLDB's for that target, whose output becomes ours."""
        result = lldb.SBCommandReturnObject()
        line = " ".join([command, *map(shlex.quote, words)])
        if command.startswith("settings"):  # where quotes do not keep an expression from being evaluated
            line = line.replace("`", "\\`")
        self.debugger.GetCommandInterpreter().HandleCommand(line, lldb.SBExecutionContext(target), result)
        self.write(result.GetOutput() or "")
        if not result.Succeeded():
            raise tm.Error(re.sub("^error: ", "", result.GetError() or "'%s' failed" % command).strip())


class Line:
    """The watchpoint of a 'tm break': removing it is all that it takes to disarm."""

    every = {}  # by debugger and number

    def __init__(self, name, watchpoint, target, process):
        self.name, self.watchpoint, self.target, self.process = name, watchpoint, target, process.GetUniqueID()

    def there(self):
        """Another process has its peak elsewhere. Of one that ended LLDB keeps the watchpoint, disabled, until there is another one."""
        process = self.target.GetProcess()
        if process.GetUniqueID() == self.process and process.GetState() not in ENDED:
            return bool(self.target.FindWatchpointByID(self.watchpoint.GetID()))
        self.remove()
        return False

    def remove(self):
        self.target.DeleteWatchpoint(self.watchpoint.GetID())

    @classmethod
    def prune(cls):
        for key, line in list(cls.every.items()):
            if not line.there() and not line.target.FindWatchpointByID(line.watchpoint.GetID()):
                del cls.every[key]


def removed_in_time(debugger_id):
    """The debugger ends, and lets go of what it was attached to."""
    for (of, _), line in Line.every.items():
        if of == debugger_id:
            line.remove()


def there_still(target, process):
    if not process.IsValid() or process.GetState() in ENDED:
        return False
    try:
        program_headers(target, process, target.GetAddressByteSize())
        return True
    except tm.Error:
        return process.GetState() == lldb.eStateRunning
