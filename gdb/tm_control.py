"""How GDB lets its target run, for the commands of tm that change it. What runs, where and when is decided by the module tm."""

import contextlib
import errno
import os
import re
import struct
import threading

import gdb

DEEPEST = 64  # frames of a stack
MASK = (1 << 64) - 1
ARGUMENTS = "rdi", "rsi", "rdx", "rcx", "r8", "r9"
GENERAL = "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es fs gs".split()
WORDS = "<%dQ" % len(GENERAL)  # struct user_regs_struct of the kernel's
with open("/proc/self/cmdline", "rb") as line:
    SPEAKS_MI = bool(re.search(rb"\0--?i(nterpreter)?[=\0]mi", line.read()))


class Hands:
    """Six methods of the host. On return the target stands still, and GDB's settings are the user's."""

    def __init__(self, tm):
        self.tm, self.Error = tm, tm.Error
        self.by_ourselves = None  # why calls are ours, not GDB's

    def write_memory(self, address, data):
        try:
            gdb.selected_inferior().write_memory(address, data)
        except gdb.error as error:
            raise self.Error("GDB cannot write to the memory at 0x%x: %s" % (address, error)) from error

    def threads(self):
        with self.selection():
            return [(lwp(thread), [frame.pc() for frame in stack(thread)]) for thread in gdb.selected_inferior().threads()]

    def uncallable(self):
        """GDB 13 writes none but the general registers where a processor's state is larger than it knows (AMX): its own calls end there
        with the process half changed. Of a process that it traces itself we can."""
        self.by_ourselves = None
        with self.selection():
            gdb.newest_frame().select()
            try:
                before = int(gdb.parse_and_eval("$fioff"))
                gdb.execute("set $fioff = %d" % (before ^ 1))
                gdb.execute("set $fioff = %d" % before)
            except gdb.error as error:
                self.by_ourselves = first_line(error)
        connection = gdb.selected_inferior().connection
        if self.by_ourselves and not (connection and connection.type == "native"):
            return "the remote stub cannot write this processor's registers (%s); start the program with tm run" % self.by_ourselves
        return None

    def call(self, tid, function, arguments, seconds):
        with self.selection(), Undisturbed() as run:
            self.thread(tid).switch()
            gdb.newest_frame().select()
            try:
                return (self.our_call if self.by_ourselves else self.gdbs_call)(run, tid, function, arguments, seconds)
            except gdb.error as error:
                raise self.Error("a call in the target did not come back%s: %s" % (" in time" if run.late else "", first_line(error))) from error
            finally:
                if not run.ended:
                    self.thread(tid).switch()
                    end_system_call()

    def gdbs_call(self, run, tid, function, arguments, seconds):
        words = ",".join("%dUL" % argument for argument in arguments)
        types = ",".join("unsigned long" for _ in arguments) or "void"
        return run(seconds, lambda: int(gdb.parse_and_eval("((unsigned long (*)(%s)) %d)(%s)" % (types, function, words))) & MASK)

    def our_call(self, run, tid, function, arguments, seconds):
        """As GDB does it: the function returns to the program's entry, where a breakpoint waits."""
        back = int(re.search(r"^9\s+AT_ENTRY\s.*\s(0x[0-9a-f]+)$", gdb.execute("info auxv", to_string=True), re.MULTILINE).group(1), 16)
        before = self.tm._registers(tid)
        general = dict(zip(GENERAL, struct.unpack_from(WORDS, before)))
        sp = (general["rsp"] - 1024 & -16) - 8
        general.update(zip(ARGUMENTS, arguments), rsp=sp, rip=function, rax=0, orig_rax=MASK, eflags=general["eflags"] & ~0x400)
        stop = Here("*%d" % back, internal=True)
        stop.silent, stop.here = True, lambda: lwp(gdb.selected_thread()) == tid and register("rsp") == sp + 8
        try:
            self.write_memory(sp, back.to_bytes(8, "little"))
            self.set_registers(tid, struct.pack(WORDS, *general.values()) + before[struct.calcsize(WORDS):])
            run(seconds, lambda: gdb.execute("continue", to_string=True))
            if run.reached(self.Error) is None:
                raise gdb.error("time is up")
            return register("rax")
        finally:
            stop.delete()
            if not run.ended:
                self.set_registers(tid, before)

    def set_registers(self, tid, registers):
        """Behind GDB's back, which then reads them anew."""
        self.tm._set_registers(tid, registers)
        gdb.execute("maintenance flush register-cache", to_string=True)

    def run_to(self, address, argument, seconds):
        def here():
            return argument is None or int(gdb.newest_frame().read_register("rdi")) & MASK == argument

        return self.run_until(address, here, seconds)

    def finish(self, tid, level, seconds):
        with self.selection():
            frame = stack(self.thread(tid))[level + 1]
            address, sp = frame.pc(), int(frame.read_register("rsp")) & MASK

        def here():
            return lwp(gdb.selected_thread()) == tid and int(gdb.newest_frame().read_register("rsp")) & MASK >= sp

        return self.run_until(address, here, seconds) is not None

    def run_until(self, address, here, seconds):
        with self.selection(), Undisturbed() as run:
            stop = Here("*%d" % address, internal=True)
            stop.silent, stop.here = True, here
            try:
                run(seconds, lambda: gdb.execute("continue", to_string=True))
            except gdb.error as error:
                raise self.Error("the target does not go on: %s" % first_line(error)) from error
            finally:
                stop.delete()
            return run.reached(self.Error)

    def thread(self, tid):
        for thread in gdb.selected_inferior().threads():
            if lwp(thread) == tid:
                return thread
        raise self.Error("thread %d has ended" % tid)

    @contextlib.contextmanager
    def selection(self):
        why = uninterruptible()
        if why:
            raise self.Error("live control is not possible here: " + why)
        thread, level = gdb.selected_thread(), gdb.selected_frame().level() if hasattr(gdb.Frame, "level") else 0
        pc = gdb.selected_frame().pc()
        try:
            yield
        finally:
            if thread and thread.is_valid():
                thread.switch()
                with contextlib.suppress(gdb.error):
                    frames = stack(thread, level + 1)
                    (frames[level] if len(frames) > level and frames[level].pc() == pc else frames[0]).select()


class Here(gdb.Breakpoint):
    def stop(self):
        return self.here()


class Undisturbed:
    """The user's breakpoints are off, all threads run, nothing is shown, and SIGINT stops the target but is not passed to it."""

    SETTINGS = {"scheduler-locking": "off", "unwindonsignal": "on", "print thread-events": "off", "confirm": "off"}

    def __init__(self):
        self.late = False
        self.event = None
        self.ended = False

    def __enter__(self):
        self.signal = re.search(r"^SIGINT\s+(\w+)\s+(\w+)\s+(\w+)", gdb.execute("info signals SIGINT", to_string=True), re.MULTILINE).groups()
        self.breakpoints = [one for one in gdb.breakpoints() or () if one.enabled]
        for one in self.breakpoints:
            one.enabled = False
        self.before = {name: gdb.parameter(name) for name in self.SETTINGS}
        for name, value in self.SETTINGS.items():
            gdb.execute("set %s %s" % (name, value), to_string=True)
        gdb.execute("handle SIGINT stop print nopass", to_string=True)
        gdb.events.stop.connect(self.stopped)
        gdb.events.exited.connect(self.exited)
        self.screen = None if SPEAKS_MI else os.dup(1)
        if self.screen:  # nothing else keeps GDB from telling why the target stopped
            redirect(os.open(os.devnull, os.O_WRONLY))
        return self

    def __exit__(self, *unused):
        if self.screen:
            redirect(self.screen)
        gdb.events.stop.disconnect(self.stopped)
        gdb.events.exited.disconnect(self.exited)
        words = [word if yes == "Yes" else "no" + word for word, yes in zip(("stop", "print", "pass"), self.signal)]
        gdb.execute("handle SIGINT " + " ".join(sorted(words, key=lambda word: "print" in word)), to_string=True)
        for name, value in self.before.items():
            gdb.execute("set %s %s" % (name, {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value), to_string=True)
        for one in self.breakpoints:
            if one.is_valid():
                one.enabled = True

    def __call__(self, seconds, action):
        """ACTION lets the target run; it is stopped again after so many seconds."""
        watch = threading.Timer(max(seconds, 0.001), lambda: gdb.post_event(self.interrupt))
        self.running, self.late = True, False
        watch.start()
        try:
            return action()
        finally:
            self.running = False
            watch.cancel()
            if self.late and not self.ended:
                self.take_back()

    def interrupt(self):
        if self.running:
            self.late = True
            gdb.execute("interrupt", to_string=True)

    def take_back(self):
        """The signal that stopped the target is not its own; one that came too late is waited for."""
        if not self.by_signal("SIGINT"):
            gdb.execute("continue", to_string=True)
        gdb.execute("queue-signal 0", to_string=True)

    def by_signal(self, name=None):
        return isinstance(self.event, gdb.SignalEvent) and name in (None, self.event.stop_signal)

    def stopped(self, event):
        self.event = event

    def exited(self, event):
        self.ended = True

    def reached(self, error):
        """The thread that came to the breakpoint, while it still is selected; None: time was up."""
        if self.ended:
            raise error("the process has ended meanwhile")
        if isinstance(self.event, gdb.BreakpointEvent):
            return lwp(gdb.selected_thread())
        if self.late:
            return None
        if self.by_signal("SIGINT"):
            gdb.execute("queue-signal 0", to_string=True)
            raise KeyboardInterrupt
        raise error("the process stopped meanwhile%s" % (": " + self.event.stop_signal if self.by_signal() else ""))


def end_system_call():
    """The kernel keeps one note per thread of how to go on with an interrupted wait (ERESTART_RESTARTBLOCK), and it may now be that of
    a wait in the call. The wait that the thread was in ends as a signal ends it (EINTR)."""
    rax = int(gdb.newest_frame().read_register("rax")) & MASK
    if rax == MASK + 1 - 516 and gdb.selected_inferior().read_memory(gdb.newest_frame().pc() - 2, 2).tobytes() == b"\x0f\x05":
        gdb.execute("set $rax = %d" % -errno.EINTR, to_string=True)


def register(name):
    """Of the newest frame."""
    return int(gdb.newest_frame().read_register(name)) & MASK


def redirect(fd):
    """What GDB shows from now on goes there."""
    gdb.flush()
    os.dup2(fd, 1)
    os.close(fd)


def uninterruptible():
    """Why a process that was let go might not be stopped again; None: it can be."""
    if gdb.parameter("non-stop"):
        return "GDB is in non-stop mode ('set non-stop off' before the process is attached to or run)"
    inferior = gdb.selected_inferior()
    if inferior.connection and "remote" in inferior.connection.type:
        group = re.search(r"^Process group: (\d+)$", gdb.execute("info proc stat", to_string=True), re.MULTILINE)
        if not group or int(group.group(1)) != inferior.pid:
            return "gdbserver interrupts a process only if that leads its process group (as one does that gdbserver has started)"
    return None


def lwp(thread):
    return thread.ptid[1] or thread.ptid[0]


def stack(thread, deepest=DEEPEST):
    """The frames of functions, as far as they can be unwound."""
    thread.switch()
    frames, frame = [], gdb.newest_frame()
    with contextlib.suppress(gdb.error):
        while frame is not None and len(frames) < deepest:
            if frame.type() != gdb.INLINE_FRAME:
                frames.append(frame)
            frame = frame.older()
    return frames


def first_line(error):
    return str(error).strip().split("\n")[0]
