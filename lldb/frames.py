"""Threads, frames and registers of LLDB's target."""

import errno

import lldb
import tm

MOST_FRAMES = 64


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


def sentence(error):
    return (error.GetCString() or "no reason given").replace("error: ", "").strip().split("\n")[0]
