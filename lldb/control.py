"""The six things that LLDB does for tm in a live process. Which of them, when and where is decided in the module tm."""

import lldb
import tm
from .frames import MOST_FRAMES, end_system_call, frames, register, sentence, thread_of, way_out
from .running import Undisturbed, breakpoint


class Hands(Undisturbed):
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
            if "materialize" in (value.GetError().GetCString() or ""):
                raise tm.Error("LLDB did not come to make a call in thread %d, as happens when signals arrive meanwhile; again, or with GDB" % tid)
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

    def live(self):
        """The target and its process, stopped and alive."""
        target, process = self.present()
        if process.GetState() not in (lldb.eStateStopped, lldb.eStateCrashed) or process.GetPluginName() in ("elf-core", "minidump"):
            raise tm.Error("no live process is stopped here")
        return target, process
