"""tm in GDB, loaded by tm_gdb.py. Glue only: what the commands do is in the module tm."""

import glob
import json
import os
import re
import shlex
import sys
import time

import gdb
import tm_control


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


class Host(tm_control.Hands):
    """What GDB lends: its target, its expressions, its screen."""

    def __init__(self):
        super().__init__(tm)
        self.started = float("inf")  # when the command began that runs; functions of the module show no progress
        self.shown = False
        self.kept = None  # of what is written, instead of the screen

    # ---- the screen ----

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

    # ---- the target ----

    def target(self):
        inferior = gdb.selected_inferior()
        kind = inferior.connection.type if inferior.connection else None
        try:
            threads = inferior.threads()
        except gdb.error:  # of a core that was written anew
            threads = None if kind == "core" else ()
        if not inferior.pid and threads == ():
            raise gdb.error("no process and no core: 'attach PID', 'core-file FILE' or 'run' gives one, or name a SOURCE")
        moving = any(thread.is_running() for thread in threads or ())
        if moving and not stands():
            raise gdb.error("the target is running: 'interrupt -a' stops it")
        if moving and gdb.selected_thread().is_stopped():  # in non-stop mode
            raise gdb.error("other threads of the target are running, in non-stop mode: 'interrupt -a' stops them")
        moving = moving and len(threads) > 1  # a breakpoint's condition is tested while other threads run on
        exe = (inferior.progspace.filename or "").replace("target:", "")
        sysroot = (gdb.parameter("sysroot") or "").replace("target:", "").rstrip("/")
        return tm.Target(
            lambda address, length: self.read(inferior, address, length),
            core=core_path(inferior) if kind == "core" else None,
            # Not while a recording is shown: memory is then as it was.
            process=inferior.pid if kind == "native" and not moving and gdb.current_recording() is None else 0,
            running=moving,
            word=gdb.lookup_type("void").pointer().sizeof,
            big=int(gdb.Value(b"\1\0\0\0", gdb.lookup_type("int"))) != 1,
            pid=inferior.pid if kind != "core" else 0,
            phdr=program_headers(),
            exe=exe or None,
            sysroot=sysroot or None,
            debug_dirs=[d for d in (gdb.parameter("debug-file-directory") or "").split(":") if d],
            files=[(o.build_id, o.filename.replace("target:", "")) for o in inferior.progspace.objfiles()
                   if o.build_id and o.filename])

    @staticmethod
    def read(inferior, address, length):
        try:
            return inferior.read_memory(address, length).cast("B")
        except gdb.MemoryError:
            return None

    @staticmethod
    def evaluate(expression):
        value = gdb.parse_and_eval(expression)
        if value.type.code in (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF):
            value = value.referenced_value()
        if value.type.strip_typedefs().code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION, gdb.TYPE_CODE_ARRAY, gdb.TYPE_CODE_FUNC):
            if value.address is None:
                raise gdb.error("'%s' has no address" % expression)
            value = value.address
        return int(value) & (1 << 8 * gdb.lookup_type("void").pointer().sizeof) - 1

    @staticmethod
    def where():
        try:
            frame = gdb.selected_frame()
            line = frame.find_sal()
            at = " at %s:%d" % (os.path.basename(line.symtab.filename), line.line) if line.symtab else ""
            return "%s ()%s" % (frame.name() or hex(frame.pc()), at)
        except gdb.error:
            return ""


    # ---- lines of traced memory ----

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

    # ---- programs ----

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


def stands():
    """Whether the selected thread is stopped, although its stop may not have been told to the user yet."""
    try:
        return gdb.selected_frame().is_valid()
    except gdb.error:
        return False


def told(command):
    """What GDB says; under MI newer ones wrap even that in MI's strings."""
    try:
        text = gdb.execute(command, to_string=True)
    except gdb.error:
        return ""
    if not text.startswith('~"'):
        return text
    pieces = re.findall(r'^~"(.*)"$', text, re.MULTILINE)
    return "".join(pieces).encode("ascii", "replace").decode("unicode_escape").encode("latin-1", "replace").decode("utf-8", "surrogateescape")


def arguments_of(inferior):
    if hasattr(inferior, "arguments"):  # GDB 14
        return inferior.arguments or ""
    return re.search(r'is "(.*)"\.$', told("show args").strip(), re.DOTALL).group(1)


def program_headers():
    """AT_PHDR of the auxiliary vector; 0: not known."""
    found = re.search(r"^3\s+AT_PHDR\s.*\s(0x[0-9a-f]+)$", told("info auxv"), re.MULTILINE)
    return int(found.group(1), 16) if found else 0


def core_path(inferior):
    """The core that GDB has open, even when its file was replaced or removed since."""
    found = re.search(r"core dump file:\s+[`'](.+)', file type", told("info target"))
    path = found and found.group(1)
    for fd in os.listdir("/proc/self/fd") if path else ():
        link = "/proc/self/fd/" + fd
        try:
            if os.path.exists(path) and os.path.samestat(os.stat(link), os.stat(path)):
                return path
            if os.readlink(link) == path + " (deleted)":
                return link
        except OSError:
            continue
    return path


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


def file_names(start):
    """Files that begin so; of a single folder what is in it, too, so that no blank is put behind it."""
    path = os.path.expanduser(start) if start.startswith("~/") else start
    names = glob.glob(glob.escape(path) + "*")
    if len(names) == 1 and os.path.isdir(names[0]):
        names = [names[0] + "/"] + glob.glob(glob.escape(names[0]) + "/*")
    return [start + name[len(path):] for name in names]


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
        return session.crossed(self.held, bytes(self.of.read_memory(*self.place)))

    @staticmethod
    def exited(event):
        """Another process has its peak elsewhere."""
        for line in lines():
            if line.of == event.inferior:
                line.delete()


def lines():
    return [line for line in gdb.breakpoints() if isinstance(line, Line)]


class Command(gdb.Command):
    """A row of the table of commands."""

    def __init__(self, name):
        super().__init__(("tm " + name).strip(), gdb.COMMAND_DATA, prefix=not name)
        self.name = name

    def invoke(self, argument, from_tty):
        self.dont_repeat()
        run(self.name + " " + argument)
        if "config".startswith(self.name or argument.split(" ")[0]):
            Setting.refresh()

    def complete(self, text, word):
        line = (self.name + " " + text).lstrip()
        words, start, files, expression = session.complete(line)
        if files:  # GDB's own COMPLETE_FILENAME knows one argument only
            words += file_names(line[start:])
        if not words and expression:
            return gdb.COMPLETE_EXPRESSION
        # GDB breaks words at '-' and '/', too, and wants what follows the last break.
        skip = len(line) - start - len(word or "")
        return [one[skip:] for one in words]


class MiCommand(getattr(gdb, "MICommand", object)):  # GDB 12
    """A row of the table of commands for front ends: what '--json' would print, as MI's own lists and tuples."""

    def __init__(self, row):
        super().__init__("-tm-" + row["name"])
        self.words = [row["name"], *("--json" for option in row["options"] if option["name"] == "json")]

    def invoke(self, arguments):
        host.kept = []
        try:
            run([*self.words, *arguments])
            text = "".join(host.kept).strip()
        finally:
            host.kept = None
        if text.startswith("{"):
            return json.loads(text, object_pairs_hook=self.names)
        return {"message": text} if text else None

    @staticmethod
    def names(pairs):
        """Of letters, digits, '-' and '_', all that MI has; null is left out, and MI makes strings of numbers by itself."""
        return {re.sub("[^A-Za-z0-9_-]", "_", name): str(value).lower() if isinstance(value, bool) else value
                for name, value in pairs if value is not None}


class Setting(gdb.Parameter):
    """A row of 'tm config', as 'set tm NAME'."""

    KINDS = {"flag": gdb.PARAM_BOOLEAN, "number": gdb.PARAM_ZUINTEGER, "choice": gdb.PARAM_ENUM, "string": gdb.PARAM_OPTIONAL_FILENAME}
    every = []

    def __init__(self, row):
        self.set_doc = "Set the default of tm's option --%s." % row["name"]
        self.show_doc = "Show the default of tm's option --%s." % row["name"]
        self.__doc__ = row["help"]
        arguments = ["tm " + row["name"], gdb.COMMAND_DATA, self.KINDS[row["type"]]]
        super().__init__(*arguments, *([row["choices"]] if row["choices"] else []))
        self.name = row["name"]
        self.every.append(self)

    def get_set_string(self):
        value = {True: "on", False: "off"}.get(self.value, self.value) if isinstance(self.value, bool) else self.value
        run(["config", self.name, "" if value is None else str(value)])
        return ""

    def get_show_string(self, value):
        return "The default of tm's option --%s is %s." % (self.name, value or "not set")

    @classmethod
    def refresh(cls):
        values = session.settings()
        for setting in cls.every:
            value = values[setting.name]
            setting.value = min(value, 0x7fffffff) if type(value) is int else value  # GDB has no larger ones


class Prefix(gdb.Command):
    """Defaults of tm's options."""

    def __init__(self, name):
        super().__init__(name, gdb.COMMAND_DATA, prefix=True)
        self.name = name

    def invoke(self, arguments, from_tty):
        if arguments:
            raise gdb.GdbError("Undefined %s command: \"%s\".  Try \"help %s\"." % (self.name, arguments.split()[0], self.name))
        run(["config"])


class Function(gdb.Function):
    def __init__(self, name, get):
        super().__init__(name)
        self.get = get

    def invoke(self, *arguments):
        if arguments:
            raise gdb.GdbError("it takes no arguments")
        try:
            return self.get()
        except (tm.Error, gdb.error) as error:
            raise reported(error) from error


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
host = Host()
session = tm.gdb = tm.Session(host)
gdb.events.exited.connect(Line.exited)
tm.bind(host)
register()
