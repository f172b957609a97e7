"""GDB's target, its expressions and its place, as the module tm asks for them."""

import os
import re

import gdb
import tm


class Inferior:
    """Part of Host."""

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
            core=core_path() if kind == "core" else None,
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


def program_headers():
    """AT_PHDR of the auxiliary vector; 0: not known."""
    found = re.search(r"^3\s+AT_PHDR\s.*\s(0x[0-9a-f]+)$", told("info auxv"), re.MULTILINE)
    return int(found.group(1), 16) if found else 0


def core_path():
    """The core's name when GDB opened it; which file that was, the module finds out."""
    found = re.search(r"core dump file:\s+[`'](.+)', file type", told("info target"))
    return found and found.group(1)
