"""Threads, frames and registers of GDB's target."""

import contextlib
import errno
import re

import gdb
import tm

DEEPEST = 64  # frames of a stack
MASK = (1 << 64) - 1


def lwp(thread):
    return thread.ptid[1] or thread.ptid[0]


def thread_of(tid):
    for thread in gdb.selected_inferior().threads():
        if lwp(thread) == tid:
            return thread
    raise tm.Error("thread %d has ended" % tid)


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


def register(name):
    """Of the newest frame."""
    return int(gdb.newest_frame().read_register(name)) & MASK


def end_system_call():
    """The kernel keeps one note per thread of how to go on with an interrupted wait (ERESTART_RESTARTBLOCK), and it may now be that of
    a wait in the call. The wait that the thread was in ends as a signal ends it (EINTR)."""
    rax = int(gdb.newest_frame().read_register("rax")) & MASK
    if rax == MASK + 1 - 516 and gdb.selected_inferior().read_memory(gdb.newest_frame().pc() - 2, 2).tobytes() == b"\x0f\x05":
        gdb.execute("set $rax = %d" % -errno.EINTR, to_string=True)


@contextlib.contextmanager
def selection():
    """What the user has selected stays so."""
    why = uninterruptible()
    if why:
        raise tm.Error("live control is not possible here: " + why)
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


def first_line(error):
    return str(error).strip().split("\n")[0]
