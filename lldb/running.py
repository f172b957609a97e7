"""LLDB's target runs for a while on behalf of tm, and nothing of the user's is touched by that."""

import contextlib
import re
import threading
import time

import lldb
import tm
from .frames import select, selected, sentence

FAULTS = "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGSEGV", "SIGSYS"  # that nothing goes on after
STOPPED_BY_LLDB = "SIGSTOP"  # its server's way to stop threads; neither delivers it


class Undisturbed:
    """Part of Host."""

    def run(self, process, place, wanted, seconds):
        """Lets the process run until a thread that WANTED accepts is at the breakpoint PLACE, and returns its id; None: time-out."""
        end = time.monotonic() + seconds
        while True:
            self.resume(process, end)
            if process.GetState() not in (lldb.eStateStopped, lldb.eStateCrashed):
                raise tm.Error("the process ended meanwhile: %s" % (
                    process.GetExitDescription() or "exit status or signal %d" % process.GetExitStatus()))
            for thread in process:
                if thread.GetStopReason() == lldb.eStopReasonBreakpoint and thread.GetStopReasonDataAtIndex(0) == place.GetID() and wanted(thread):
                    return thread.GetThreadID()
            refuse_faults(process)
            if self.interrupted():
                raise KeyboardInterrupt
            if time.monotonic() >= end:
                return None

    def resume(self, process, end):
        """Until the next stop, at END or Ctrl-C at the latest. Only this thread is told of Ctrl-C, so another one waits for the process."""
        errors, stopped, asked = [], threading.Event(), 0

        def proceed():
            try:
                errors.append(process.Continue())
            finally:
                stopped.set()

        threading.Thread(target=proceed, daemon=True).start()
        while not stopped.wait(max(min(end - time.monotonic(), 0.1), 0.01)):
            now = time.monotonic()
            if (now >= end or self.interrupted()) and now > asked + 1:  # again: LLDB does not hear it before the process runs
                process.SendAsyncInterrupt()
                asked = now
        if errors[0].Fail():
            raise tm.Error("LLDB cannot let the process run: %s" % sentence(errors[0]))

    @contextlib.contextmanager
    def alone(self, target, process):
        """LLDB waits for the process, nothing of the user stops it or is told of it, and afterwards all that is as it was."""
        with contextlib.ExitStack() as stack:
            stack.callback(self.debugger.SetAsync, self.debugger.GetAsync())
            self.debugger.SetAsync(False)
            stack.callback(select, process, *selected(process))
            for point in (*target.breakpoint_iter(), *target.watchpoint_iter()):
                if point.IsEnabled():
                    stack.callback(point.SetEnabled, True)
                    point.SetEnabled(False)
            signals = process.GetUnixSignals()
            for number in map(signals.GetSignalAtIndex, range(signals.GetNumSignals())):
                if signals.GetShouldSuppress(number) or signals.GetSignalAsCString(number) in FAULTS:
                    continue
                for get, put in (signals.GetShouldStop, signals.SetShouldStop), (signals.GetShouldNotify, signals.SetShouldNotify):
                    if get(number):  # with neither, its server does not even stop it for that
                        stack.callback(put, number, True)
                        put(number, False)
            hooks = re.findall(r"^Hook: (\d+)\n\s*State: enabled", self.handle(target, "list"), re.MULTILINE)
            if hooks:
                stack.callback(self.handle, target, "enable " + " ".join(hooks))
                self.handle(target, "disable " + " ".join(hooks))
            yield

    def handle(self, target, words):
        """'target stop-hook', which the API lacks. It means the selected target."""
        selected = self.debugger.GetSelectedTarget()
        self.debugger.SetSelectedTarget(target)
        result = lldb.SBCommandReturnObject()
        self.debugger.GetCommandInterpreter().HandleCommand("target stop-hook " + words, lldb.SBExecutionContext(target), result)
        self.debugger.SetSelectedTarget(selected)
        return result.GetOutput() or ""


@contextlib.contextmanager
def breakpoint(target, address):
    place = target.BreakpointCreateByAddress(address)
    try:
        yield place
    finally:
        target.BreakpointDelete(place.GetID())


def refuse_faults(process):
    for thread in process:
        why = thread.GetStopReason()
        name = process.GetUnixSignals().GetSignalAsCString(thread.GetStopReasonDataAtIndex(0)) if why == lldb.eStopReasonSignal else None
        if name not in (None, STOPPED_BY_LLDB) or why in (lldb.eStopReasonException, lldb.eStopReasonExec):
            raise tm.Error("thread %d stopped meanwhile: %s" % (thread.GetThreadID(), name or thread.GetStopDescription(100)))
