"""Imported in LLDB: does with the plugin's hands what $TM_STEP names, and writes what came of it to $TM_ANSWERS as JSON."""

import json
import os
import random
import time
import traceback

import lldb
import tm

LISTS = ("breakpoint list --verbose", "breakpoint list --internal --brief", "watchpoint list --verbose", "target stop-hook list", "process handle",
         "settings show target.process")


class Session:
    def __init__(self, debugger):
        self.debugger = debugger
        self.hands, _ = tm.lldb[debugger.GetID()]
        self.target, self.process = self.hands.present()
        self.pid = self.process.GetProcessID()

    def address(self, name):
        """As the dynamic linker would have it, and nothing that runs when it is asked for."""
        for context in self.target.FindSymbols(name):
            address = context.GetSymbol().GetStartAddress().GetLoadAddress(self.target)
            if address != lldb.LLDB_INVALID_ADDRESS and context.GetSymbol().GetType() == lldb.eSymbolTypeCode:
                return address
        raise LookupError(name)

    def call(self, name, *arguments, seconds=5, tid=None):
        return self.hands.call(tid or self.pid, self.address(name), arguments, seconds)

    def page(self, text):
        """TEXT in a page of the target."""
        page = self.call("mmap", 0, 4096, 3, 0x22, (1 << 64) - 1, 0)
        self.hands.write_memory(page, text.encode() + b"\0")
        return page

    def pend(self, text):
        """Has the main thread run TEXT where it may; how many seconds that took."""
        began, run = time.monotonic(), self.address("PyRun_SimpleString")
        page = self.page(text)
        assert self.call("Py_AddPendingCall", run, page) == 0
        assert self.hands.run_to(run, page, 10) == self.pid
        assert self.hands.finish(self.pid, 0, 10)
        assert self.call("munmap", page, 4096) == 0
        return time.monotonic() - began

    def pause(self, seconds):
        """Lets the process run for a while: nobody starts it anew."""
        assert self.hands.run_to(self.address("Py_Exit"), None, seconds) is None

    def do(self, line):
        result = lldb.SBCommandReturnObject()
        self.debugger.GetCommandInterpreter().HandleCommand(line, result)
        return (result.GetOutput() or "") + (result.GetError() or "")

    def refused(self, do, *arguments):
        began = time.monotonic()
        try:
            return ["no error", do(*arguments)]
        except tm.Error as error:
            return [str(error), time.monotonic() - began]

    def registers(self, tid=None):
        frame = self.process.GetThreadByID(tid or self.pid).GetFrameAtIndex(0)
        with open("/proc/%d/syscall" % self.pid) as file:
            return [file.read()] + [[one.GetName(), one.GetValue(), str(one.GetData())] for group in frame.GetRegisters() for one in group]

    def signed(self, name):
        return self.process.GetThreadByID(self.pid).GetFrameAtIndex(0).FindRegister(name).GetValueAsSigned()

    def states(self):
        return [open("/proc/%d/task/%s/status" % (self.pid, tid)).read().split("State:\t")[1][0] for tid in os.listdir("/proc/%d/task" % self.pid)]


def start(session):
    session.debugger.SetAsync(os.environ.get("TM_ASYNC") == "1")
    seconds = session.pend("import tracemalloc; tracemalloc.start(5)")
    assert session.debugger.GetAsync() == (os.environ.get("TM_ASYNC") == "1")
    return {"seconds": seconds}


def asleep(session):
    """All registers are as before, but the system call that it waits in ends as a signal ends it: it cannot be restarted any more."""
    before, rax = session.registers(), session.signed("rax")
    page = session.page("import tracemalloc; tracemalloc.start(5)")
    assert session.call("PyGILState_Check") & 0xffffffff == 0
    state = session.call("PyGILState_Ensure")
    done = session.call("PyRun_SimpleString", page)
    session.call("PyGILState_Release", state)
    after = session.registers()
    differ = {a[0] for a, b in zip(before, after, strict=True) if a != b}
    return {"done": done & 0xffffffff, "differ": sorted(differ - {"eax", "ax", "ah", "al"}), "rax": [rax, session.signed("rax")]}


def often(session):
    """At random moments."""
    seconds, random_, count = 0, random.Random(7), 30 if os.environ.get("TM_LONG") else 12
    for i in range(count):
        session.pause(random_.uniform(0, 0.03))
        seconds += session.pend("import tracemalloc; tracemalloc.%s" % ("stop()" if i % 2 else "start(5)"))
    session.pend("import tracemalloc; tracemalloc.start(5)")
    return {"seconds": seconds / count}


def busy(session):
    """The main thread is in a long call."""
    run = session.address("PyRun_SimpleString")
    page = session.page("import tracemalloc; tracemalloc.start(5)")
    assert session.call("Py_AddPendingCall", run, page) == 0
    began = time.monotonic()
    got = session.hands.run_to(run, page, 0.3)
    outermost = len(dict(session.hands.threads())[session.pid]) - 2
    finished = session.hands.finish(session.pid, outermost, 0.2)
    return {"got": got, "finished": finished, "seconds": time.monotonic() - began, "states": session.states(), "stopped": session.process.GetState() == lldb.eStateStopped}


def as_before(now, before):
    """But for a wait that the kernel was to go on with: it ends as if a signal had come."""
    restart, interrupted = (1 << 64) - 516, (1 << 64) - 4
    if ["rax", hex(restart)] in [one[:2] for one in before] and ["rax", hex(interrupted)] in [one[:2] for one in now]:
        return [old if new[0] in ("rax", "eax", "ax", "ah", "al") else new for new, old in zip(now, before)]
    return now


def failing(session):
    """Calls that do not return."""
    answers = []
    for name, arguments in ("pause", ()), ("sleep", (1000,)), ("abort", ()), ("strlen", (16,)):
        before = session.registers()
        answers.append([name, *session.refused(lambda: session.call(name, *arguments, seconds=0.3)), [pair for pair in zip(before, as_before(session.registers(), before)) if pair[0] != pair[1]]])
        session.pause(0.05)  # nothing of it is left for later
    answers.append(["write", *session.refused(session.hands.write_memory, 16, b"text"), []])
    answers.append(["thread", *session.refused(session.hands.call, 1, 16, (), 1), []])
    return answers


def ends(session):
    return session.refused(session.hands.run_to, session.address("Py_Exit"), None, 20)


def users(session):
    """In the middle of what somebody does in LLDB."""
    do = session.do
    do("breakpoint set -n PyRun_SimpleString -C \"script print('BREAKPOINT')\"")
    do("breakpoint set -n Py_AddPendingCall -C \"script print('BREAKPOINT')\" -G true")
    do("breakpoint set -n mmap -i 3")
    do("breakpoint set -n PyObject_Malloc -c 1")
    do("breakpoint disable 4")
    do("breakpoint set -n PyList_New -G true")
    do("target stop-hook add -o \"script print('HOOK')\"")
    do("target stop-hook add -o \"script print('HOOK')\"")
    do("target stop-hook disable 2")
    session.pause(0.1)
    before = [do(line) for line in LISTS]
    main = session.process.GetThreadByID(session.pid)
    session.process.SetSelectedThread(main)
    main.SetSelectedFrame(2)
    assert session.call("getpid") & 0xffffffff == session.pid
    now = session.process.GetSelectedThread()
    frame = [now.GetThreadID(), now.GetSelectedFrame().GetFrameID()]
    other = session.process.GetThreadAtIndex(1)
    session.process.SetSelectedThread(other)
    session.pend("import tracemalloc; tracemalloc.start(5)")
    after = [do(line) for line in LISTS]
    return {"changed": [one for one in zip(before, after) if one[0] != one[1]], "frame": frame == [session.pid, 2],
            "thread": session.process.GetSelectedThread().GetThreadID() == other.GetThreadID()}


def entered(session):
    """A thread at a function's first instruction, until it has returned; time-outs in between."""
    create, random_, found = session.address("pthread_create"), random.Random(8), []
    for _ in range(20):
        session.hands.run_to(create, None, random_.uniform(0, 0.02))
        tid = session.hands.run_to(create, None, 5)
        found.append(session.hands.finish(tid, 0, 5))
    return found


def interrupted(session):
    with open(os.environ["TM_ANSWERS"], "w") as file:
        file.write('"waits"')
    try:
        return [session.hands.run_to(session.address("Py_Exit"), None, 30)]
    except KeyboardInterrupt:
        return ["interrupted", session.process.GetState() == lldb.eStateStopped]


def unwound(session):
    return session.hands.threads()


def __lldb_init_module(debugger, internal_dict):
    try:
        answer = globals()[os.environ["TM_STEP"]](Session(debugger))
    except Exception:
        answer = traceback.format_exc()
    with open(os.environ["TM_ANSWERS"], "w") as file:
        json.dump(answer, file)
