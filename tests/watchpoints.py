"""Do hardware watchpoints stop a process on this machine? Asked of the kernel as a debugger does: a child's debug registers, by ptrace."""

import ctypes
import os
import signal

TRACEME, POKEUSER, CONT, DEBUG_REGISTERS = 0, 6, 7, 848  # the last one: offsetof(struct user, u_debugreg) on x86-64
ARMED = 1 | 1 << 16 | 3 << 18  # the first one, on writes, of eight bytes


def work():
    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    ptrace.restype = ctypes.c_long
    word = ctypes.c_longlong(1)
    child = os.fork()
    if not child:
        ptrace(TRACEME, 0, 0, 0)
        os.kill(os.getpid(), signal.SIGSTOP)
        word.value = 2
        os._exit(0)
    os.waitpid(child, 0)
    set_ = [ptrace(POKEUSER, child, DEBUG_REGISTERS + 8 * number, value) for number, value in ((0, ctypes.addressof(word)), (7, ARMED))]
    ptrace(CONT, child, 0, 0)
    status = os.waitpid(child, 0)[1]
    if os.WIFSTOPPED(status):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return set_ == [0, 0] and os.WIFSTOPPED(status)


WORK = work()
WHY = "hardware watchpoints of this machine never stop a process"
