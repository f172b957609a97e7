"""How GDB lets its target run, for the commands of tm that change it. What runs, where and when is decided by the module tm."""

import gdb
import tm
from .calls import Calls
from .frames import MASK, first_line, lwp, register, selection, stack, thread_of
from .running import Here, Undisturbed


class Hands(Calls):
    """Part of Host. On return the target stands still, and GDB's settings are the user's."""

    def write_memory(self, address, data):
        try:
            gdb.selected_inferior().write_memory(address, data)
        except gdb.error as error:
            raise tm.Error("GDB cannot write to the memory at 0x%x: %s" % (address, error)) from error

    def threads(self):
        with selection():
            return [(lwp(thread), [frame.pc() for frame in stack(thread)]) for thread in gdb.selected_inferior().threads()]

    def run_to(self, address, argument, seconds):
        def here():
            return argument is None or register("rdi") == argument

        return self.run_until(address, here, seconds)

    def finish(self, tid, level, seconds):
        with selection():
            frame = stack(thread_of(tid))[level + 1]
            address, sp = frame.pc(), int(frame.read_register("rsp")) & MASK

        def here():
            return lwp(gdb.selected_thread()) == tid and register("rsp") >= sp

        return self.run_until(address, here, seconds) is not None

    def run_until(self, address, here, seconds):
        with selection(), Undisturbed() as run:
            stop = Here("*%d" % address, internal=True)
            stop.silent, stop.here = True, here
            try:
                run(seconds, lambda: gdb.execute("continue", to_string=True))
            except gdb.error as error:
                raise tm.Error("the target does not go on: %s" % first_line(error)) from error
            finally:
                stop.delete()
            return run.reached()
