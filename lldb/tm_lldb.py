"""tm in LLDB: `command script import lldb/tm_lldb.py`, then `help tm`. Glue only: what the commands do is in the module tm."""

import importlib
import os
import sys

import lldb


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


tm = import_module()
__path__ = [os.path.dirname(os.path.realpath(__file__))]  # the files beside are modules of this one, by whichever name LLDB knows it
commands, hosts, programs = (importlib.import_module("%s.%s" % (__name__, name)) for name in ("commands", "host", "programs"))


def bind(debugger, target=None):
    """From now on the module tm means TARGET, or whichever target DEBUGGER has selected. For scripts outside LLDB, too."""
    if debugger.GetID() not in tm.lldb:
        host = hosts.Host(debugger)
        tm.lldb[debugger.GetID()] = host, tm.Session(host)
    tm.lldb[debugger.GetID()][0].bound = target
    tm.bind(tm.lldb[debugger.GetID()][0])


def register(debugger):
    def handle(line):
        result = lldb.SBCommandReturnObject()
        debugger.GetCommandInterpreter().HandleCommand(line, result)
        if not result.Succeeded():
            raise RuntimeError(result.GetError())

    handle("command container add -o -h 'Tracemalloc of this Python process or core, read from outside.' tm")
    for row in tm.commands():
        if row["shell"]:
            continue
        base, options = commands.kind_of(row)
        kind = "Tm" + row["name"].capitalize()
        globals()[kind] = type(kind, (base,), {"row": row, "__doc__": row["help"]})
        for name in filter(None, (row["name"], row["alias"])):
            handle("command script add -o %s -c %s.%s tm %s" % (options, __name__, kind, name))


def __lldb_init_module(debugger, internal_dict):
    bind(debugger)
    if hasattr(debugger, "SetDestroyCallback"):  # LLDB 17
        debugger.SetDestroyCallback(programs.removed_in_time)
    register(debugger)


def written(frame, watchpoint, internal_dict):
    """LLDB calls it when the process wrote there; false: it goes on."""
    target = frame.GetThread().GetProcess().GetTarget()
    debugger = target.GetDebugger()
    line = programs.Line.every[debugger.GetID(), watchpoint.GetID()]
    host, session = tm.lldb[debugger.GetID()]
    data = target.GetProcess().ReadMemory(watchpoint.GetWatchAddress(), watchpoint.GetWatchSize(), lldb.SBError())
    if not session.crossed(line.name, data):
        return False
    line.remove()
    say("compare " + line.name, debugger, frame)
    return True


def recorded(frame, location, internal_dict):
    """The process goes on when the snapshot is good."""
    return not say("snapshot", frame.GetThread().GetProcess().GetTarget().GetDebugger(), frame)


def say(line, debugger, frame):
    """A command outside of any command."""
    result = lldb.SBCommandReturnObject()
    hosts.run(debugger, line, lldb.SBExecutionContext(frame), result)
    print(result.GetOutput() or result.GetError(), end="", flush=True)
    return result.Succeeded()


if not hasattr(tm, "lldb"):  # imported twice: the sessions stay, with their snapshots
    tm.lldb = {}
