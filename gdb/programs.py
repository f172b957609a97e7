"""Programs that tm starts in GDB, and where it has them stopped: lines of traced memory, recorded breakpoints."""

import re
import shlex

import gdb
import tm
from .target import told


class Programs:
    """Part of Host."""

    @staticmethod
    def watch(name, address, length):
        Line(name, address, length)

    @staticmethod
    def watched(name):
        return next(("watchpoint %d" % line.number for line in lines() if line.held == name), "")

    @staticmethod
    def record(location):
        """A snapshot that fails keeps GDB from what comes behind it."""
        before = {one.number for one in gdb.breakpoints()}
        gdb.execute("break " + location)
        new = [one for one in gdb.breakpoints() if one.number not in before]
        if not new:
            raise gdb.error("no breakpoint was set")
        new[0].commands = "silent\ntm snapshot\ncontinue"

    @staticmethod
    def program():
        return gdb.selected_inferior().progspace.filename or ""

    @staticmethod
    def launch(program, line, nframe, python):
        """Runs it; the user's environment stays as it was, and the arguments, unless they came with the program."""
        inferior = gdb.selected_inferior()
        if inferior.pid and not (inferior.connection and inferior.connection.type == "core"):
            raise gdb.error("a process is there already: 'kill' or 'detach' it first")
        if program is not None:
            gdb.execute("file " + shlex.quote(program))
        arguments = arguments_of(inferior) if program is None else line
        before = re.match("PYTHONTRACEMALLOC = (.*)", told("show environment PYTHONTRACEMALLOC"))
        try:
            gdb.execute("set args " + ("-X tracemalloc=%d " % nframe if python else "") + arguments)
            gdb.execute("set environment PYTHONTRACEMALLOC = %d" % nframe)
            gdb.execute("run")
        finally:
            gdb.execute("set args " + arguments)
            gdb.execute("set environment PYTHONTRACEMALLOC = " + before.group(1) if before else "unset environment PYTHONTRACEMALLOC")


def arguments_of(inferior):
    if hasattr(inferior, "arguments"):  # GDB 14
        return inferior.arguments or ""
    return re.search(r'is "(.*)"\.$', told("show args").strip(), re.DOTALL).group(1)


class Line(gdb.Breakpoint):
    """The watchpoint of a 'tm break': removing it is all that it takes to disarm."""

    def __init__(self, name, address, length):
        with gdb.with_parameter("language", "c"), gdb.with_parameter("breakpoint always-inserted", "on"):
            super().__init__("*(unsigned %s *) %#x" % ("int" if length == 4 else "long long", address), gdb.BP_WATCHPOINT, gdb.WP_WRITE)
        if self.type != gdb.BP_HARDWARE_WATCHPOINT:
            self.delete()
            raise gdb.error("GDB has no hardware watchpoint for this target; without one it would go step by step")
        self.held, self.of, self.place = name, gdb.selected_inferior(), (address, length)  # newer GDBs have names of their own
        self.commands = "delete %d\ntm compare %s" % (self.number, name)

    def stop(self):
        return tm.gdb.crossed(self.held, bytes(self.of.read_memory(*self.place)))

    @staticmethod
    def exited(event):
        """Another process has its peak elsewhere."""
        for line in lines():
            if line.of == event.inferior:
                line.delete()


def lines():
    return [line for line in gdb.breakpoints() if isinstance(line, Line)]
