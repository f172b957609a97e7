"""What GDB lends to the module tm: its screen here, and what it is put together from."""

import sys
import time

import gdb
import tm
from .control import Hands
from .programs import Programs
from .target import Inferior


class Host(Inferior, Programs, Hands):
    def __init__(self):
        super().__init__()
        self.started = float("inf")  # when the command began that runs; functions of the module show no progress
        self.shown = False
        self.kept = None  # of what is written, instead of the screen

    @property
    def terminal(self):
        return gdb.parameter("style enabled") and sys.__stdout__.isatty()

    @property
    def width(self):
        return gdb.parameter("width") or 0

    def write(self, text):
        self.clear_progress()
        if self.kept is None:
            gdb.write(text)
        else:
            self.kept.append(text)

    def poll(self, what, done, total):
        if time.monotonic() - self.started > 0.5 and gdb.parameter("pagination") and sys.__stderr__.isatty():
            percent = " %d%%" % (min(done, total) * 100 // total) if total else ""
            gdb.write("\r\033[K%s ...%s" % (what, percent), gdb.STDERR)
            gdb.flush(gdb.STDERR)
            self.shown = True
        return False

    def clear_progress(self):
        if self.shown:
            gdb.write("\r\033[K", gdb.STDERR)
            gdb.flush(gdb.STDERR)
        self.shown = False


def run(line):
    """One command of tm. Its errors are GDB's, without a Python traceback unless one is asked for."""
    host.started = time.monotonic()
    status = 1
    try:
        session.run(line)
        status = 0
    except tm.Error as error:
        status = getattr(error, "status", 1)
        raise reported(error) from error
    except gdb.error as error:
        raise reported(error) from error
    except KeyboardInterrupt:
        status = 130
        raise
    finally:
        host.started = float("inf")
        host.clear_progress()
        gdb.set_convenience_variable("_tm_status", status)


def reported(error):
    return error if gdb.parameter("python print-stack") == "full" else gdb.GdbError(str(error))


host = Host()
session = tm.gdb = tm.Session(host)
tm.bind(host)
