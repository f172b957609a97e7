"""Calls of functions in GDB's target: GDB's own, or ours where those would end half-way."""

import contextlib
import re
import struct

import gdb
import tm
from .frames import MASK, end_system_call, first_line, lwp, register, selection, thread_of
from .running import Here, Undisturbed

ARGUMENTS = "rdi", "rsi", "rdx", "rcx", "r8", "r9"
GENERAL = "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es fs gs".split()
WORDS = "<%dQ" % len(GENERAL)  # struct user_regs_struct of the kernel's


class Calls:
    """Part of Host."""

    by_ourselves = None  # why calls are ours, not GDB's

    def uncallable(self):
        """GDB 13 writes none but the general registers where a processor's state is larger than it knows (AMX): its own calls end there
        with the process half changed. Of a process that it traces itself we can."""
        self.by_ourselves = None
        with selection():
            gdb.newest_frame().select()
            try:
                before = int(gdb.parse_and_eval("$fioff"))
                gdb.execute("set $fioff = %d" % (before ^ 1))
                gdb.execute("set $fioff = %d" % before)
            except gdb.error as error:
                self.by_ourselves = first_line(error)
        if self.by_ourselves and not is_native():
            return "the remote stub cannot write this processor's registers (%s); start the program with tm run" % self.by_ourselves
        return None

    def call(self, tid, function, arguments, seconds):
        with selection(), Undisturbed() as run:
            thread_of(tid).switch()
            gdb.newest_frame().select()
            before = registers_of(tid)
            try:
                return (self.our_call if self.by_ourselves else self.gdbs_call)(run, tid, function, arguments, seconds)
            except gdb.error as error:
                if not run.ended:
                    self.thread_as_before(tid, before)
                if run.by_signal("SIGINT") and not run.late:
                    gdb.execute("queue-signal 0", to_string=True)
                    raise KeyboardInterrupt from error
                why = run.event.stop_signal if run.by_signal() and not run.late else " ".join(str(error).split())
                raise tm.Error("a call in the target did not come back%s: %s" % (" in time" if run.late else "", why)) from error
            finally:
                if not run.ended:
                    thread_of(tid).switch()
                    end_system_call()

    def gdbs_call(self, run, tid, function, arguments, seconds):
        words = ",".join("%dUL" % argument for argument in arguments)
        types = ",".join("unsigned long" for _ in arguments) or "void"
        return run(seconds, lambda: int(gdb.parse_and_eval("((unsigned long (*)(%s)) %d)(%s)" % (types, function, words))) & MASK)

    def thread_as_before(self, tid, before):
        """GDB does not unwind a call in which another thread has stopped, and would let the thread run on from there."""
        thread_of(tid).switch()
        frame = gdb.newest_frame()
        with contextlib.suppress(gdb.error):
            while frame.older() and frame.older().type() != gdb.DUMMY_FRAME:
                frame = frame.older()
            if frame.older():
                frame.select()
                gdb.execute("return", to_string=True)
        if before and tm._registers(tid) != before:
            self.set_registers(tid, before)

    def our_call(self, run, tid, function, arguments, seconds):
        """As GDB does it: the function returns to the program's entry, where a breakpoint waits."""
        back = int(re.search(r"^9\s+AT_ENTRY\s.*\s(0x[0-9a-f]+)$", gdb.execute("info auxv", to_string=True), re.MULTILINE).group(1), 16)
        before = tm._registers(tid)
        general = dict(zip(GENERAL, struct.unpack_from(WORDS, before)))
        sp = (general["rsp"] - 1024 & -16) - 8
        general.update(zip(ARGUMENTS, arguments), rsp=sp, rip=function, rax=0, orig_rax=MASK, eflags=general["eflags"] & ~0x400)
        stop = Here("*%d" % back, internal=True)
        stop.silent, stop.here = True, lambda: lwp(gdb.selected_thread()) == tid and register("rsp") == sp + 8
        try:
            self.write_memory(sp, back.to_bytes(8, "little"))
            self.set_registers(tid, struct.pack(WORDS, *general.values()) + before[struct.calcsize(WORDS):])
            run(seconds, lambda: gdb.execute("continue", to_string=True))
            if run.reached() is None:
                raise gdb.error("time is up")
            return register("rax")
        finally:
            stop.delete()
            if not run.ended:
                self.set_registers(tid, before)

    def set_registers(self, tid, registers):
        """Behind GDB's back, which then reads them anew."""
        tm._set_registers(tid, registers)
        gdb.execute("maintenance flush register-cache", to_string=True)


def registers_of(tid):
    """All of them, where we can put them back; else None."""
    try:
        return tm._registers(tid) if is_native() else None
    except tm.Error:
        return None


def is_native():
    connection = gdb.selected_inferior().connection
    return connection is not None and connection.type == "native"
