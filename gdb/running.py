"""GDB's target runs for a while on behalf of tm, and nothing of the user's is touched by that."""

import os
import re
import threading

import gdb
import tm
from .frames import lwp
from .target import told

with open("/proc/self/cmdline", "rb") as line:
    SPEAKS_MI = bool(re.search(rb"\0--?i(nterpreter)?[=\0]mi", line.read()))


class Here(gdb.Breakpoint):
    def stop(self):
        return self.here()


class Undisturbed:
    """The user's breakpoints are off, all threads run, nothing is shown, signals but faults are the target's alone, and SIGINT stops it but
    is not passed to it."""

    FAULTS = "SIGILL", "SIGABRT", "SIGBUS", "SIGFPE", "SIGSEGV", "SIGSYS"  # that nothing goes on after
    SETTINGS = {"scheduler-locking": "off", "unwindonsignal": "on", "print thread-events": "off", "confirm": "off"}

    def __init__(self):
        self.late = False
        self.event = None
        self.ended = False

    def __enter__(self):
        self.signals = signals()
        self.breakpoints = [one for one in gdb.breakpoints() or () if one.enabled]
        for one in self.breakpoints:
            one.enabled = False
        self.before = {name: gdb.parameter(name) for name in self.SETTINGS}
        for name, value in self.SETTINGS.items():
            gdb.execute("set %s %s" % (name, value), to_string=True)
        gdb.execute("handle all nostop noprint pass", to_string=True)  # which leaves out SIGTRAP and SIGINT
        for actions, names in self.signals.items():
            if "nopass" in actions:  # what the user keeps from the target
                gdb.execute("handle %s nopass" % " ".join(names), to_string=True)
        gdb.execute("handle %s stop print" % " ".join(self.FAULTS), to_string=True)
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
        for actions, names in self.signals.items():
            gdb.execute("handle %s %s" % (" ".join(names), actions), to_string=True)
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

    def reached(self):
        """The thread that came to the breakpoint, while it still is selected; None: time was up."""
        if self.ended:
            raise tm.Error("the process has ended meanwhile")
        if isinstance(self.event, gdb.BreakpointEvent):
            return lwp(gdb.selected_thread())
        if self.late:
            return None
        if self.by_signal("SIGINT"):
            gdb.execute("queue-signal 0", to_string=True)
            raise KeyboardInterrupt
        raise tm.Error("the process stopped meanwhile%s" % (": " + self.event.stop_signal if self.by_signal() else ""))


def signals():
    """What GDB does at each signal: actions as 'handle' takes them, and the signals' names."""
    found = {}
    for name, *answers in re.findall(r"^(\S+)\s+(Yes|No)\s+(Yes|No)\s+(Yes|No)", told("info signals"), re.MULTILINE):
        if name != "SIGTRAP":
            words = [word if answer == "Yes" else "no" + word for word, answer in zip(("stop", "print", "pass"), answers)]
            found.setdefault(" ".join(sorted(words, key=lambda word: "print" in word)), []).append(name)  # 'noprint' means 'nostop', 'stop' means 'print'
    return found


def redirect(fd):
    """What GDB shows from now on goes there."""
    gdb.flush()
    os.dup2(fd, 1)
    os.close(fd)
