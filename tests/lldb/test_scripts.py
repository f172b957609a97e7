"""Python beside the commands: 'script import tm', the module lldb outside of LLDB, tm lldb, and where the plugin is found."""

import os
import shutil
import subprocess

import pytest

import sources
from debugger import BUILD, LIMIT, PLUGIN, ROOT

SCRIPT = """
import tm
snapshot = tm.take_snapshot()
for statistic in snapshot.statistics("lineno"):
    print(statistic)
print(tm.get_traced_memory(), tm.is_tracing(), tm.get_traceback_limit(), len(snapshot.traces))
"""
OUTSIDE = """
import sys
import lldb
import tm_lldb
import tm
debugger = lldb.SBDebugger.Create()
debugger.SetAsync(False)
target = debugger.CreateTarget("")
error = lldb.SBError()
if sys.argv[1].isdigit():
    target.AttachToProcessWithID(lldb.SBListener(), int(sys.argv[1]), error)
    assert error.Success(), error
else:
    target.LoadCore(sys.argv[1])
tm_lldb.bind(debugger, target)
exec(sys.argv[2])
result = lldb.SBCommandReturnObject()
tm_lldb.register(debugger)
debugger.GetCommandInterpreter().HandleCommand("tm statistics -q -n 0", result)
print(result.GetOutput(), end="")
"""


def facts(tm, source):
    """What SCRIPT prints of it."""
    status = tm.json("status", source)
    return tm.output("statistics", "-q", "-n", 0, source), status


def agree(printed, tm, source):
    statistics, status = facts(tm, source)
    lines = printed.split("\n")
    rows = statistics.count("\n")
    assert "\n".join(lines[:rows]) + "\n" == statistics
    assert lines[rows] == "(%d, %d) True 3 %d" % (status["traced_memory"], status["peak_traced_memory"], status["traces"])
    return "\n".join(lines[rows + 1:])


def test_script_import_tm(any_lldb, tm, core, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = any_lldb.batch("-c", core, "-o", "script exec(open('%s').read())" % script)
    printed = done.stdout.split("read())\n", 1)[1]
    agree(printed, tm, core)


@pytest.mark.parametrize("kind", ["core", "live"])
def test_outside_of_lldb(any_lldb, tm, core, tracing, kind, tmp_path):
    if "python3.11" not in any_lldb.module:
        pytest.skip("LLDB %s is for another Python than this one" % any_lldb.version)
    source = core if kind == "core" else str(tracing.pid)
    path = os.pathsep.join([any_lldb.module, str(PLUGIN.parent)])
    done = subprocess.run(["/usr/bin/python3", "-c", OUTSIDE, source, SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=any_lldb.settings({"PYTHONPATH": path}), encoding="utf-8", timeout=LIMIT)
    assert done.returncode == 0, done.stderr
    assert agree(done.stdout, tm, source) == facts(tm, source)[0]


def test_a_session_for_each_debugger(any_lldb, core):
    script = ("script other = lldb.SBDebugger.Create(); other.HandleCommand('command script import \"%s\"'); "
              "other.HandleCommand('target create -c \"%s\"'); other.HandleCommand('tm snapshot --name others')" % (PLUGIN, core))
    _, _, mine = any_lldb.ask(["tm snapshot --name mine", script, "tm list --json"], "-c", core)
    assert [row["name"] for row in mine.json()["rows"]] == ["mine"]


# ---- tm lldb, and places ----

def launched(lldb, tm, *operands, program=None):
    done = subprocess.run([program or tm.path, "lldb", *map(str, operands)], input="tm statistics -q -n 0\nquit\n", encoding="utf-8",
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LIMIT,
                          env=lldb.settings({"TM_LLDB": lldb.program, "HOME": "/nonexistent"}))
    return done.stdout + done.stderr


def test_tm_lldb(any_lldb, tm, core, tracing):
    expected = tm.output("statistics", "-q", "-n", 0, core)
    assert expected in launched(any_lldb, tm, core)
    assert expected in launched(any_lldb, tm, sources.PYTHON, core)
    assert tm.output("statistics", "-q", "-n", 0, tracing.pid) in launched(any_lldb, tm, tracing.pid)
    assert "no process and no core" in launched(any_lldb, tm)


def test_tm_lldb_without_lldb(tm, core):
    tm.refused(1, "lldb", core, says="/nonexistent/lldb", environment={"TM_LLDB": "/nonexistent/lldb"})
    tm.refused(2, "lldb", core, core, core)


def test_installed(any_lldb, tm, core, tmp_path):
    """In a folder whose name needs care."""
    prefix = tmp_path / "a b\"c `d"
    subprocess.run(["cmake", "--install", BUILD, "--prefix", str(prefix)], check=True, stdout=subprocess.DEVNULL)
    program = shutil.which("tm", path=str(prefix / "bin"))
    environment = any_lldb.settings({"TM_LLDB": any_lldb.program, "HOME": "/nonexistent"})
    environment.pop("TM_BUILD")
    done = subprocess.run([program, "lldb", core], input="tm statistics -q -n 0\nquit\n", encoding="utf-8", env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT)
    assert tm.output("statistics", "-q", "-n", 0, core) in done.stdout


def test_without_the_module(any_lldb, tmp_path):
    """One sentence that says what to do, and a script stops."""
    shutil.copy(PLUGIN, tmp_path)
    done = any_lldb.batch("-o", "command script import '%s'" % (tmp_path / "tm_lldb.py"), "-o", "script print('went on')", plugin=False,
                          environment={"TM_BUILD": str(tmp_path)})
    assert done.returncode == 1 and "went on\n" not in done.stdout
    assert "no tm.abi3.so in" in done.stdout + done.stderr and "build tm first" in done.stdout + done.stderr
