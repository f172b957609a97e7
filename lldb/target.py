"""LLDB's target, its expressions and its place, as the module tm asks for them."""

import re

import lldb
import tm

POST_MORTEM = "elf-core", "minidump"
GONE = "no process and no core: the process does not answer LLDB any more (detached?)"
ENDED = lldb.eStateInvalid, lldb.eStateUnloaded, lldb.eStateDetached, lldb.eStateExited


class Inferior:
    """Part of Host."""

    def present(self):
        target = self.context.GetTarget() if self.context else self.bound or self.debugger.GetSelectedTarget()
        return target, target.GetProcess()

    def target(self):
        target, process = self.present()
        if process.GetState() in (lldb.eStateRunning, lldb.eStateStepping):
            raise tm.Error("the target is running: 'process interrupt' stops it")
        if process.GetState() not in (lldb.eStateStopped, lldb.eStateCrashed, lldb.eStateSuspended):
            raise tm.Error("no process and no core: 'process attach -p PID', 'target create -c CORE' or 'run' gives one, or name a SOURCE")
        is_core = process.GetPluginName() == "elf-core"
        word = target.GetAddressByteSize()
        return tm.Target(
            lambda address, length: process.ReadMemory(address, length, lldb.SBError()),
            core=core_path(process) if is_core else None,
            mapped=True,
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


def of_global(target, path):
    """A global variable, or what it leads to: LLDB takes such a path behind a variable only."""
    name = re.match(r"\w*", path).group()
    value = target.FindFirstGlobalVariable(name)
    return value.GetValueForExpressionPath(path[len(name):]) if value and path != name else value


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


def core_path(process):
    """Before LLDB 19 it does not tell; but it maps the core, and the module finds out which file that is."""
    return process.GetCoreFile().fullpath if hasattr(process, "GetCoreFile") else ""
