"""Imported in LLDB: runs the commands listed in the JSON file $TM_STEPS and writes what each of them said to $TM_ANSWERS."""

import json
import os

import lldb


def context(debugger, step):
    """What is selected now; inside a command LLDB would take what was selected when that began. LLDB 23's own commands crash without one."""
    target = debugger.GetSelectedTarget()
    if not target and not step.startswith("tm "):
        target = debugger.GetDummyTarget()
    frame = target.GetProcess().GetSelectedThread().GetSelectedFrame()
    return lldb.SBExecutionContext(frame) if frame else lldb.SBExecutionContext(target)


def answer(debugger, step):
    result = lldb.SBCommandReturnObject()
    debugger.GetCommandInterpreter().HandleCommand(step, context(debugger, step), result)
    error = None if result.Succeeded() else result.GetError() or "no message"
    host, _ = lldb.tm.lldb[debugger.GetID()] if hasattr(lldb, "tm") else (None, None)
    return {"out": result.GetOutput() or "", "error": error, "status": getattr(host, "status", 0)}


def __lldb_init_module(debugger, internal_dict):
    try:
        import tm
        lldb.tm = tm
    except ImportError:
        pass  # without the plugin
    with open(os.environ["TM_STEPS"]) as file:
        steps = json.load(file)
    debugger.SetAsync(False)
    with open(os.environ["TM_ANSWERS"], "w") as file:
        for step in steps:
            file.write(json.dumps(answer(debugger, step)) + "\n")
            file.flush()
