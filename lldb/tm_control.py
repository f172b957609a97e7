"""The six things that LLDB does for tm in a live process. Which of them, when and where is decided in the module tm."""

import contextlib
import errno
import re
import threading
import time

import lldb
import tm

MOST_FRAMES = 64
FAULTS = "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGSEGV", "SIGSYS"  # that nothing goes on after
STOPPED_BY_LLDB = "SIGSTOP"  # its server's way to stop threads; neither delivers it


class Hands:
    """Part of Host."""

    def write_memory(self, address, data):
        _, process = self.live()
        error = lldb.SBError()
        done = process.WriteMemory(address, data, error) if data else 0
        if done != len(data):
            raise tm.Error("%d of %d bytes written at 0x%x: %s" % (done, len(data), address, error.GetCString() or "no more can be"))

    def threads(self):
        _, process = self.live()
        return [(thread.GetThreadID(), [frame.GetPC() for frame in frames(thread, MOST_FRAMES)]) for thread in process]

    def uncallable(self):
        return None

    def call(self, tid, function, arguments, seconds):
        target, process = self.live()
        options = lldb.SBExpressionOptions()
        options.SetLanguage(lldb.eLanguageTypeC99)
        options.SetTimeoutInMicroSeconds(max(int(seconds * 1e6), 1))
        options.SetStopOthers(False)
        options.SetTryAllThreads(True)
        options.SetUnwindOnError(True)
        options.SetIgnoreBreakpoints(True)
        options.SetTrapExceptions(False)
        options.SetAutoApplyFixIts(False)
        options.SetSuppressPersistentResult(True)
        text = "((unsigned long (*)(%s))%dUL)(%s)" % (
            ", ".join(["unsigned long"] * len(arguments)) or "void", function, ", ".join("%dUL" % (one & (1 << 64) - 1) for one in arguments))
        with self.alone(target, process):
            thread = thread_of(process, tid)
            value = thread.GetFrameAtIndex(0).EvaluateExpression(text, options)
            end_system_call(thread)
            if value.GetError().Fail():
                raise tm.Error("the call of 0x%x in thread %d did not return: %s" % (function, tid, sentence(value.GetError())))
            return value.GetValueAsUnsigned()

    def run_to(self, address, argument, seconds):
        def there(thread):
            return argument is None or register(thread, "rdi") == argument

        target, process = self.live()
        with self.alone(target, process), breakpoint(target, address) as place:
            return self.run(process, place, there, seconds)

    def finish(self, tid, level, seconds):
        target, process = self.live()
        caller, bottom = way_out(target, process, thread_of(process, tid), level)

        def returned(thread):
            return register(thread, "rsp") >= bottom

        with self.alone(target, process), breakpoint(target, caller) as place:
            place.SetThreadID(tid)
            return self.run(process, place, returned, seconds) is not None

    # ---- what they have in common ----

    def live(self):
        """The target and its process, stopped and alive."""
        target, process = self.present()
        if process.GetState() not in (lldb.eStateStopped, lldb.eStateCrashed) or process.GetPluginName() in ("elf-core", "minidump"):
            raise tm.Error("no live process is stopped here")
        return target, process

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
                if signals.GetShouldStop(number) and not signals.GetShouldSuppress(number) and signals.GetSignalAsCString(number) not in FAULTS:
                    stack.callback(signals.SetShouldStop, number, True)
                    signals.SetShouldStop(number, False)
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


def frames(thread, most):
    """The frames of real calls, innermost first. Of functions inlined into each other the inner one has the pc that the thread has."""
    found, inlined, i = [], False, 0
    while len(found) < most:
        frame = thread.GetFrameAtIndex(i)
        if not frame:
            break
        if not inlined:
            found.append(frame)
        inlined = frame.IsInlined()
        i += 1
    return found


def way_out(target, process, thread, level):
    """Where a frame returns to, and where the stack then ends."""
    inner = frames(thread, level + 2)
    if level == 0 and inner[0].GetPC() == inner[0].GetSymbol().GetStartAddress().GetLoadAddress(target):
        caller, bottom = None, inner[0].GetSP() + 8  # nothing is pushed yet; LLDB 19 does not always see that
    elif level + 1 < len(inner):
        caller, bottom = inner[level + 1].GetPC(), inner[level].GetCFA()
    else:
        raise tm.Error("frame %d of thread %d has no caller that LLDB finds" % (level, thread.GetThreadID()))
    error = lldb.SBError()
    found = process.ReadPointerFromMemory(bottom - 8, error)
    if error.Fail() or caller not in (None, found):
        raise tm.Error("frame %d of thread %d: LLDB does not find where it returns to" % (level, thread.GetThreadID()))
    return found, bottom


def thread_of(process, tid):
    thread = process.GetThreadByID(tid)
    if not thread:
        raise tm.Error("no thread %d in the process" % tid)
    return thread


def register(thread, name):
    return thread.GetFrameAtIndex(0).FindRegister(name).GetValueAsUnsigned()


def end_system_call(thread):
    """The kernel keeps one note per thread of how to go on with an interrupted wait (ERESTART_RESTARTBLOCK), and it may now be that of
    a wait in the call. The wait that the thread was in ends as a signal ends it (EINTR)."""
    frame = thread.GetFrameAtIndex(0)
    code = thread.GetProcess().ReadMemory(frame.GetPC() - 2, 2, lldb.SBError())
    if code == b"\x0f\x05" and register(thread, "rax") == (1 << 64) - 516:
        frame.FindRegister("rax").SetValueFromCString(hex((1 << 64) - errno.EINTR))


def selected(process):
    thread = process.GetSelectedThread()
    frame = thread.GetSelectedFrame()
    return thread.GetThreadID(), frame.GetFrameID(), identity(frame)


def identity(frame):
    return frame.GetCFA(), frame.GetFunctionName()


def select(process, tid, level, wanted):
    """The thread, and its frame, wherever that is now. The innermost is selected by itself; LLDB may have remarks about its language."""
    if process.SetSelectedThreadByID(tid) and level:
        thread = process.GetSelectedThread()
        for i in range(MOST_FRAMES):
            if identity(thread.GetFrameAtIndex(i)) == wanted:
                thread.SetSelectedFrame(i)
                break


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


def sentence(error):
    return (error.GetCString() or "no reason given").replace("error: ", "").strip().split("\n")[0]
