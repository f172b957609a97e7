"""Runs command lines of tm in one session and writes down what came of them; inside a debugger, or with the module alone."""

import json
import locale
import os
import struct
import sys

locale.setlocale(locale.LC_ALL, "")


class Host:
    """What the module needs of its user, and no target."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text


class TargetHost(Host):
    """A debugger, as far as tm is concerned: it can also be asked for bytes."""

    def __init__(self, source):
        super().__init__()
        self.source = source
        if not source.isdigit():
            with open(source, "rb") as file:
                self.core = file.read()
            start, = struct.unpack_from("<Q", self.core, 32)
            size, count = struct.unpack_from("<HH", self.core, 54)
            rows = [struct.unpack_from("<IIQQQQ", self.core, start + i * size) for i in range(count)]
            self.segments = [(address, length, offset) for kind, _, offset, address, _, length in rows if kind == 1]

    def read(self, address, length):
        for start, size, offset in self.segments:
            if start <= address < start + size:
                offset += address - start
                return memoryview(self.core)[offset:offset + min(length, start + size - address)]
        return None

    def target(self):
        if self.source.isdigit():
            return tm.Target(process=int(self.source))
        return tm.Target(self.read, core=self.source)


def in_module(orders):
    host = TargetHost(orders["target"]) if orders["target"] else Host()
    session = tm.Session(host)
    for line in orders["lines"]:
        host.text, status, message = "", 0, ""
        try:
            session.run(line)
        except tm.Error as error:
            status, message = error.status, str(error)
        yield host.text, status, message


def in_gdb(orders):
    """The message is GDB's; the output is what it would have printed."""
    import gdb
    for line in orders["lines"]:
        text = message = ""
        try:
            text = gdb.execute("tm " + line, to_string=True)
        except gdb.error as error:
            message = str(error)
        yield text, int(gdb.convenience_variable("_tm_status")), message


def in_lldb(orders):
    """What LLDB's own parser refuses, in its own words, the session refuses, too; its words are compared."""
    import lldb
    import tm
    debugger = lldb.SBDebugger.FindDebuggerWithID(max(tm.lldb))
    host, session = tm.lldb[debugger.GetID()]
    for line in orders["lines"]:
        result, host.status, message = lldb.SBCommandReturnObject(), None, ""
        debugger.GetCommandInterpreter().HandleCommand("tm " + line, lldb.SBExecutionContext(debugger.GetSelectedTarget()), result)
        status = host.status
        if status is None:
            status = "accepted by LLDB alone" if result.Succeeded() else "refused by LLDB alone"
            try:
                session.run(line)
            except tm.Error as error:
                status, message = error.status, str(error)
        elif not result.Succeeded():
            message = result.GetError()[len("error: "):-1]
        host.text = []
        yield result.GetOutput() or "", status, message


with open(os.environ["GOLDEN_ORDERS"]) as file:
    orders = json.load(file)
if orders["front"] == "module":
    sys.path.insert(0, os.path.join(os.environ["TM_BUILD"], "python"))
    import tm
found = list({"module": in_module, "gdb": in_gdb, "lldb": in_lldb}[orders["front"]](orders))
with open(orders["answers"], "w") as file:
    json.dump(found, file)
