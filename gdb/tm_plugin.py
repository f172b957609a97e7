"""tm in GDB, loaded by tm_gdb.py. Glue only: what the commands do is in the module tm."""

import os
import sys

import gdb


def import_module():
    """The module tm: of TM_BUILD, of the source tree's build folder, or from beside an installed plugin."""
    here = os.path.dirname(os.path.abspath(__file__))
    real = os.path.dirname(os.path.realpath(__file__))
    places = [os.path.join(here, "..", "python"), os.path.join(real, "..", "build", "python")]
    if os.environ.get("TM_BUILD"):
        places = [os.path.join(os.environ["TM_BUILD"], "python")]
    for place in places:
        if os.path.exists(os.path.join(place, "tm.abi3.so")):
            sys.path.insert(0, os.path.normpath(place))
            import tm
            return tm
    raise ImportError("no tm.abi3.so in %s: build tm first, or set TM_BUILD to its build folder"
                      % " or ".join(map(os.path.normpath, places)))


def register():
    overview = "Tracemalloc's tables of this Python process or core, read from outside.\n\nUsage: tm COMMAND [SOURCE] [OPTION]...\n"
    type("Tm", (Command,), {"__doc__": overview})("")
    for row in tm.commands():
        if row["shell"]:
            continue
        type("Tm", (Command,), {"__doc__": row["help"]})(row["name"])
        if hasattr(gdb, "MICommand") and row["name"] != "run":  # which -exec-run is
            MiCommand(row)
        if row["alias"]:
            gdb.execute("alias tm %s = tm %s" % (row["alias"], row["name"]))
    for name in "set tm", "show tm":
        Prefix(name)
    for row in tm.settings():
        Setting(row)
    Setting.refresh()
    for name, get, doc in (
            ("_tm_traced", lambda: tm.get_traced_memory()[0], "Bytes in blocks that tracemalloc traces now; 0 when it is off."),
            ("_tm_peak", lambda: tm.get_traced_memory()[1], "The most bytes in traced blocks so far; 0 when it is off."),
            ("_tm_tracing", tm.is_tracing, "Whether tracemalloc is tracing.")):
        type("Tm", (Function,), {"__doc__": doc + "\n\nUsage: $%s ()" % name})(name, get)


tm = import_module()
from .commands import Command, Function, MiCommand, Prefix, Setting  # noqa: E402, which need tm
from .programs import Line  # noqa: E402

gdb.events.exited.connect(Line.exited)
register()
