"""tm in LLDB: `command script import lldb/tm_lldb.py`, then `help tm`. Glue only: what the commands do is in the module tm."""

import glob
import os
import re
import shlex
import shutil
import sys
import time

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
sys.path.append(os.path.dirname(os.path.realpath(__file__)))
from tm_control import Hands  # which needs tm

POST_MORTEM = "elf-core", "minidump"
GONE = "no process and no core: the process does not answer LLDB any more (detached?)"
ENDED = lldb.eStateInvalid, lldb.eStateUnloaded, lldb.eStateDetached, lldb.eStateExited


class Host(Hands):
    """What a debugger lends: its target, its expressions, its screen, its hands."""

    def __init__(self, debugger):
        self.debugger = debugger
        self.bound = None
        self.context = None  # of the command that runs
        self.text = []
        self.status = 0  # what the shell would have ended with
        self.started = 0.0
        self.progress = None

    # ---- the screen ----

    @property
    def terminal(self):
        return self.debugger.GetUseColor() and os.isatty(1)

    @property
    def width(self):
        return self.debugger.GetTerminalWidth() if os.isatty(1) else 0

    def write(self, text):
        self.text.append(text)

    def poll(self, what, done, total):
        if hasattr(lldb, "SBProgress") and time.monotonic() - self.started > 0.5:
            self.report(what, min(done, total), total)
        return self.interrupted()

    def interrupted(self):
        if hasattr(self.debugger, "InterruptRequested"):
            return self.debugger.InterruptRequested()
        return self.debugger.GetCommandInterpreter().WasInterrupted()

    def report(self, what, done, total):
        if not self.progress or self.progress[:2] != [what, total]:
            self.progress = [what, total, 0, lldb.SBProgress("tm", what, *([total] if total else []), self.debugger)]
        if done > self.progress[2]:
            self.progress[3].Increment(done - self.progress[2])
            self.progress[2] = done

    # ---- the target ----

    def present(self):
        target = self.context.GetTarget() if self.context else self.bound or self.debugger.GetSelectedTarget()
        return target, target.GetProcess()

    def target(self):
        target, process = self.present()
        if process.GetState() in (lldb.eStateRunning, lldb.eStateStepping, lldb.eStateLaunching, lldb.eStateAttaching):
            raise tm.Error("the target is running: 'process interrupt' stops it")
        if process.GetState() not in (lldb.eStateStopped, lldb.eStateCrashed, lldb.eStateSuspended):
            raise tm.Error("no process and no core: 'process attach -p PID', 'target create -c CORE' or 'run' gives one, or name a SOURCE")
        is_core = process.GetPluginName() == "elf-core"
        word = target.GetAddressByteSize()
        return tm.Target(
            lambda address, length: process.ReadMemory(address, length, lldb.SBError()),
            core=core_path(process) if is_core else None,
            process=process.GetProcessID() if process.GetPluginName() == "gdb-remote" else 0,
            word=word,
            big=target.GetByteOrder() == lldb.eByteOrderBig,
            pid=process.GetProcessID() if not is_core else 0,
            phdr=program_headers(target, process, word),
            exe=target.GetExecutable().fullpath,
            debug_dirs=list(self.debugger.GetInternalVariableValue("target.debug-file-search-paths", self.debugger.GetInstanceName())),
            files=[(module.GetUUIDString().replace("-", "").lower(), spec.fullpath) for module in target.module_iter()
                   for spec in (module.GetFileSpec(), module.GetSymbolFileSpec()) if module.GetUUIDString() and spec.fullpath])

    def lost(self):
        """LLDB 19 may let go of a process a moment after 'detach' has returned, in the midst of our reading."""
        target, process = self.present()
        try:
            return process.IsValid() and (process.GetState() in ENDED or program_headers(target, process, 8) < 0)
        except tm.Error:
            return True

    def evaluate(self, expression):
        target, process = self.present()
        value = self.find(expression, target, process)
        if value.GetType().IsReferenceType():
            value = value.Dereference()
        error = lldb.SBError()
        if value.GetType().GetCanonicalType().GetTypeClass() & (
                lldb.eTypeClassStruct | lldb.eTypeClassClass | lldb.eTypeClassUnion | lldb.eTypeClassArray | lldb.eTypeClassFunction):
            address = value.GetLoadAddress()
            if address == lldb.LLDB_INVALID_ADDRESS:
                raise tm.Error("'%s' has no address" % expression)
        else:
            address = value.GetValueAsUnsigned(error)
        if value.GetError().Fail() or error.Fail():
            raise tm.Error((value.GetError() if value.GetError().Fail() else error).GetCString().strip())
        return address & (1 << 8 * target.GetAddressByteSize()) - 1

    def find(self, expression, target, process):
        """Its value, without running anything in the target: even an expression that is interpreted makes LLDB map memory there."""
        frame = self.context.GetFrame() if self.context else None
        ways = [frame.GetValueForVariablePath, lambda name: frame.FindRegister(name[1:] if name[0] == "$" else ""),
                lambda name: frame.FindValue(name, lldb.eValueTypeConstResult)] if frame else []  # the last: what 'expression' kept
        for way in (*ways, lambda path: of_global(target, path)):
            value = way(expression)
            if value and value.GetError().Success():
                return value
        if process.GetPluginName() not in POST_MORTEM:
            raise tm.Error("'%s' is no variable, member, element or register: LLDB would run code in the process to tell more; 'expression' "
                           "does that, and its result can stand here" % expression)
        options = lldb.SBExpressionOptions()
        options.SetAllowJIT(False)
        options.SetSuppressPersistentResult(True)
        return (frame or target).EvaluateExpression(expression, options)

    def where(self):
        frame = self.context.GetFrame() if self.context else None
        if not frame:
            return ""
        line = frame.GetLineEntry()
        at = " at %s:%d" % (line.GetFileSpec().basename, line.GetLine()) if line else ""
        return "%s ()%s" % (frame.GetFunctionName() or hex(frame.GetPC()), at)


    # ---- lines of traced memory ----

    def watch(self, name, address, length):
        target, process = self.present()
        error = lldb.SBError()
        watchpoint = target.WatchAddress(address, length, False, True, error)
        if error.Fail() or not watchpoint:
            raise tm.Error("no hardware watchpoint: %s" % (error.GetCString() or "LLDB has none for this target"))
        Line.every[self.debugger.GetID(), watchpoint.GetID()] = Line(name, watchpoint, target, process)
        call = "return %s.written(frame, wp, internal_dict)" % __name__  # of a function that is named alone LLDB 16 forgets the answer
        self.do(target, "watchpoint command add -s python -o", call, str(watchpoint.GetID()))
        end = "process detach'" if hasattr(self.debugger, "SetDestroyCallback") else "process detach' or 'quit'"
        self.write("# 'watchpoint delete %d' before '%s: a process that LLDB lets go keeps its watchpoints, and ends at the next one\n"
                   % (watchpoint.GetID(), end))

    def watched(self, name):
        return next(("watchpoint %d" % line.watchpoint.GetID() for line in Line.every.values() if line.name == name and line.there()), "")

    def record(self, location):
        target, _ = self.present()
        if not target:
            raise tm.Error("no target yet: 'target create PROGRAM' makes one")
        before = target.GetNumBreakpoints()
        self.do(target, ("breakpoint set " if location.startswith("-") else "_regexp-break ") + location)
        for i in range(before, target.GetNumBreakpoints()):
            target.GetBreakpointAtIndex(i).SetScriptCallbackFunction(__name__ + ".recorded")

    # ---- programs ----

    def program(self):
        return self.present()[0].GetExecutable().fullpath or ""

    def launch(self, program, line, nframe, python):
        """Runs it; target.env-vars stay as they were, and target.run-args, unless they came with the program."""
        target, process = self.present()
        if there_still(target, process):
            raise tm.Error("a %s is there already: '%s' first" % (
                ("core", "target delete") if process.GetPluginName() in POST_MORTEM else ("process", "process kill")))
        if program is None:
            info = target.GetLaunchInfo()
            arguments = [info.GetArgumentAtIndex(i) for i in range(info.GetNumArguments())]
        else:
            arguments = shlex.split(line)
            if target.GetExecutable().fullpath != os.path.abspath(shutil.which(program) or program):
                self.do(target, "target create --", program)
                target = self.debugger.GetSelectedTarget()
        try:
            options = ["-X", "tracemalloc=%d" % nframe] if python else []
            self.do(target, "process launch -E PYTHONTRACEMALLOC=%d --" % nframe, *options, *arguments)
        finally:
            self.do(target, "settings set -- target.run-args" if arguments else "settings clear target.run-args", *arguments)

    def do(self, target, command, *words):
        """A command of LLDB's for that target, whose output becomes ours."""
        result = lldb.SBCommandReturnObject()
        line = " ".join([command, *map(shlex.quote, words)])
        if command.startswith("settings"):  # where quotes do not keep an expression from being evaluated
            line = line.replace("`", "\\`")
        self.debugger.GetCommandInterpreter().HandleCommand(line, lldb.SBExecutionContext(target), result)
        self.write(result.GetOutput() or "")
        if not result.Succeeded():
            raise tm.Error(re.sub("^error: ", "", result.GetError() or "'%s' failed" % command).strip())


class Line:
    """The watchpoint of a 'tm break': removing it is all that it takes to disarm."""

    every = {}  # by debugger and number

    def __init__(self, name, watchpoint, target, process):
        self.name, self.watchpoint, self.target, self.process = name, watchpoint, target, process.GetUniqueID()

    def there(self):
        """Another process has its peak elsewhere. Of one that ended LLDB keeps the watchpoint, disabled, until there is another one."""
        process = self.target.GetProcess()
        if process.GetUniqueID() == self.process and process.GetState() not in ENDED:
            return bool(self.target.FindWatchpointByID(self.watchpoint.GetID()))
        self.remove()
        return False

    def remove(self):
        self.target.DeleteWatchpoint(self.watchpoint.GetID())

    @classmethod
    def prune(cls):
        for key, line in list(cls.every.items()):
            if not line.there() and not line.target.FindWatchpointByID(line.watchpoint.GetID()):
                del cls.every[key]


def removed_in_time(debugger_id):
    """The debugger ends, and lets go of what it was attached to."""
    for (of, _), line in Line.every.items():
        if of == debugger_id:
            line.remove()


def written(frame, watchpoint, internal_dict):
    """LLDB calls it when the process wrote there; false: it goes on."""
    target = frame.GetThread().GetProcess().GetTarget()
    debugger = target.GetDebugger()
    line = Line.every[debugger.GetID(), watchpoint.GetID()]
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
    run(debugger, line, lldb.SBExecutionContext(frame), result)
    print(result.GetOutput() or result.GetError(), end="", flush=True)
    return result.Succeeded()


def of_global(target, path):
    """A global variable, or what it leads to: LLDB takes such a path behind a variable only."""
    name = re.match(r"\w*", path).group()
    value = target.FindFirstGlobalVariable(name)
    return value.GetValueForExpressionPath(path[len(name):]) if value and path != name else value


def there_still(target, process):
    if not process.IsValid() or process.GetState() in ENDED:
        return False
    try:
        program_headers(target, process, target.GetAddressByteSize())
        return True
    except tm.Error:
        return process.GetState() == lldb.eStateRunning


def core_path(process):
    """The core that LLDB has open: it maps it, and the kernel knows whether that file still is the one of this name."""
    with open("/proc/self/maps", errors="surrogateescape") as maps:
        mapped = {line.split(None, 5)[5].rstrip("\n") for line in maps if line.count("/")}
    if hasattr(process, "GetCoreFile"):
        path = os.path.realpath(process.GetCoreFile().fullpath)
        return path if path in mapped else None
    cores = [path for path in mapped if is_core_file(path)]
    return cores[0] if len(cores) == 1 else None


def is_core_file(path):
    try:
        with open(path, "rb") as file:
            head = file.read(18)
    except OSError:
        return False
    return head[:4] == b"\x7fELF" and 4 in head[16:18]


def program_headers(target, process, word):
    """AT_PHDR, out of the program's ELF header. A process that LLDB calls stopped for a moment after it let it go is told by it, too."""
    header = target.FindModule(target.GetExecutable()).GetObjectFileHeaderAddress().GetLoadAddress(target)
    known = header != lldb.LLDB_INVALID_ADDRESS
    somewhere = header if known else process.GetThreadAtIndex(0).GetFrameAtIndex(0).GetSP() & -4096
    data = process.ReadMemory(somewhere, 4096, lldb.SBError())  # more than LLDB keeps a copy of
    if not data and process.GetPluginName() not in POST_MORTEM:
        raise tm.Error(GONE)
    at = 32 if word == 8 else 28
    order = "big" if target.GetByteOrder() == lldb.eByteOrderBig else "little"
    return header + int.from_bytes(data[at:at + word], order) if known and data and len(data) >= at + word else 0


class Command:
    """A row of the table of commands. It takes its line as it is; the module splits it."""

    row = {}

    def __init__(self, debugger, unused):
        self.debugger = debugger

    def __call__(self, debugger, arguments, context, result):
        run(debugger, self.row["name"] + " " + arguments, context, result)

    def get_short_help(self):
        return self.row["summary"]

    def get_long_help(self):
        return self.row["help"]

    def get_repeat_command(self, arguments):
        return ""  # Enter repeats nothing that may take long


class Parsed(Command):
    """The same where LLDB splits the line and lets us complete its words (LLDB 20 and later)."""

    TYPES = {"N": lldb.eArgTypeCount, "FILE": lldb.eArgTypeFilename, "DIR": lldb.eArgTypeDirectoryName}
    LETTERS = [chr(c) for c in range(1, 32) if c not in range(7, 16) and c != 27]  # that nobody types and no screen minds

    def __init__(self, debugger, unused):
        super().__init__(debugger, unused)
        self.words = []

    def __call__(self, debugger, arguments, context, result):
        arguments = [arguments.GetItemAtIndex(i).GetStringValue(1 << 16) for i in range(arguments.GetSize())]
        run(debugger, [self.row["name"], *map(at_home, self.words), "--", *map(at_home, arguments)], context, result)

    def get_long_help(self):
        return re.sub(r"(?s)\nOptions:.*?\n\n", "\n", self.row["help"])  # which LLDB lists by itself

    def get_flags(self):
        return 0

    def get_options_definition(self):
        # LLDB numbers the options without a letter from 0 on, which ends its list of letters
        letters = iter(self.LETTERS)
        return {option["name"]: self.option_definition(option, option["letter"] or next(letters)) for option in self.row["options"]}

    def option_definition(self, option, letter):
        definition = {"short_option": letter, "required": False, "help": option["help"]}
        if option["value"]:
            kind = self.TYPES.get(option["value"], lldb.eArgTypeName)
            definition.update(value_type=kind, completion_type=lldb.eNoCompletion, dest=option["name"], default="")
        return definition

    def get_args_definition(self):
        return [[{"arg_type": lldb.eArgTypePath, "repeat": "optional"}]] if self.row["operands"] else []

    def option_parsing_started(self):
        self.words = []

    def set_option_value(self, context, name, value):
        takes_value = any(option["name"] == name and option["value"] for option in self.row["options"])
        self.words.append("--%s=%s" % (name, value) if takes_value else "--" + name)
        return True

    def handle_option_argument_completion(self, name, position):
        value = self.words[-1][len(name) + 3:][:position]
        return self.completed([value] if value.startswith("--") else ["--" + name, value])

    def handle_argument_completion(self, arguments, index, position):
        return self.completed([*arguments[:index], arguments[index][:position]])

    def completed(self, words):
        _, session = tm.lldb[self.debugger.GetID()]
        values, _, files, _ = session.complete(shlex.join([self.row["name"], *words]))
        if files:
            start = at_home(words[-1])
            values += [words[-1] + path[len(start):] + "/" * os.path.isdir(path) for path in glob.glob(glob.escape(start) + "*")]
        if len(values) == 1:
            return {"completion": values[0], "mode": "partial" if values[0].endswith("/") else "complete"}
        return {"values": values} if values else True


def kind_of(row):
    """Which class, and its options of 'command script add'. Expressions stay as they are typed."""
    try:
        from lldb.plugins.parsed_cmd import LLDBOptionValueParser
    except ImportError:
        return Command, ""
    if row["name"] not in ("traceback", "run", "record") and hasattr(LLDBOptionValueParser, "dest_for_option"):
        return Parsed, "-p"
    return Command, "-C %s" % ("variable-path" if row["name"] == "traceback" else "disk-file")


def at_home(word):
    """With the home folder for ~/, as a line has it that we split."""
    return re.sub(r"^((?:--[a-z-]+=)?)~(?=/)", lambda found: found.group(1) + os.path.expanduser("~"), word)


def run(debugger, line, context, result):
    """One command of tm. Nothing is raised: LLDB would take it for success."""
    host, session = tm.lldb[debugger.GetID()]
    host.context, host.started, host.status = context, time.monotonic(), 1
    Line.prune()
    try:
        session.run(line)
        host.status = 0
        result.SetStatus(lldb.eReturnStatusSuccessFinishResult)
    except KeyboardInterrupt:
        result.SetError("interrupted")
    except tm.Error as error:
        host.status = getattr(error, "status", 1)
        result.SetError(GONE if "in the memory at hand" in str(error) and host.lost() else str(error))
    except Exception as error:
        result.SetError("%s: %s" % (type(error).__name__, error))
    text, host.text, host.context, host.progress = "".join(host.text), [], None, None
    if text:
        result.AppendMessage(text[:-1] if text.endswith("\n") else text)


def bind(debugger, target=None):
    """From now on the module tm means TARGET, or whichever target DEBUGGER has selected. For scripts outside LLDB, too."""
    if debugger.GetID() not in tm.lldb:
        host = Host(debugger)
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
        base, options = kind_of(row)
        kind = "Tm" + row["name"].capitalize()
        globals()[kind] = type(kind, (base,), {"row": row, "__doc__": row["help"]})
        for name in filter(None, (row["name"], row["alias"])):
            handle("command script add -o %s -c %s.%s tm %s" % (options, __name__, kind, name))


def __lldb_init_module(debugger, internal_dict):
    bind(debugger)
    if hasattr(debugger, "SetDestroyCallback"):  # LLDB 17
        debugger.SetDestroyCallback(removed_in_time)
    register(debugger)


if not hasattr(tm, "lldb"):  # imported twice: the sessions stay, with their snapshots
    tm.lldb = {}
