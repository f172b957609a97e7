"""Python beside the commands: 'script import tm', the module lldb outside of LLDB, tm lldb, and where the plugin is found."""

import os
import re
import shutil
import subprocess
import tempfile

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
debugger = lldb.SBDebugger.Create()
debugger.SetAsync(False)
sys.path.insert(0, sys.argv[3])
import tm_lldb
import tm
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
debugger.HandleCommand("command script import '%s/tm_lldb.py'" % sys.argv[3])
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
    done = subprocess.run(["/usr/bin/python3", "-c", OUTSIDE, source, SCRIPT, str(PLUGIN.parent)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=any_lldb.settings({"PYTHONPATH": any_lldb.module, "LLDB_DEBUGSERVER_PATH": any_lldb.server}), encoding="utf-8", timeout=LIMIT)
    assert done.returncode == 0, done.stderr
    assert agree(done.stdout, tm, source) == facts(tm, source)[0]


FAILED = """
import sys
import lldb
debugger = lldb.SBDebugger.Create()
debugger.SetAsync(False)
sys.path.insert(0, sys.argv[1])
import tm_lldb
import tm
target, error = debugger.CreateTarget(""), lldb.SBError()
target.AttachToProcessWithID(lldb.SBListener(), 2 ** 22 + 1, error)
assert error.Fail()
tm_lldb.bind(debugger, target)
try:
    tm.is_tracing()
except tm.Error as problem:
    print(problem)
"""


def test_an_attach_that_failed(any_lldb):
    if "python3.11" not in any_lldb.module:
        pytest.skip("LLDB %s is for another Python than this one" % any_lldb.version)
    done = subprocess.run(["/usr/bin/python3", "-c", FAILED, str(PLUGIN.parent)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
                          env=any_lldb.settings({"PYTHONPATH": any_lldb.module, "LLDB_DEBUGSERVER_PATH": "/nonexistent"}), timeout=LIMIT)
    assert done.stdout.startswith("no process and no core: "), done.stdout + done.stderr


def test_a_session_for_each_debugger(any_lldb, core):
    script = ("script other = lldb.SBDebugger.Create(); other.HandleCommand('command script import \"%s\"'); "
              "other.HandleCommand('target create -c \"%s\"'); other.HandleCommand('tm snapshot --name others')" % (PLUGIN, core))
    _, _, mine = any_lldb.ask(["tm snapshot --name mine", script, "tm list --json"], "-c", core)
    assert [row["name"] for row in mine.json()["rows"]] == ["mine"]


# ---- tm lldb, and places ----

def launched(lldb, tm, *operands, program=None):
    with tempfile.TemporaryDirectory() as home:  # newer ones keep something there
        done = subprocess.run([program or tm.path, "lldb", *map(str, operands)], input="tm statistics -q -n 0\nquit\n", encoding="utf-8",
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LIMIT,
                              env=lldb.settings({"TM_LLDB": lldb.program, "HOME": home}))
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


def test_the_line_for_the_init_file(any_lldb, tm, core, tmp_path):
    """LLDB has the commands by itself then, and says nothing about it; nor when the plugin is gone."""
    init = tmp_path / ".lldbinit"
    init.write_text("settings set prompt mine")
    environment = {"HOME": str(tmp_path)}
    line = tm.output("install-lldb", environment=environment).splitlines()[1]
    for said in ("# Written: %s\n", "# Nothing to do: it is in %s already\n"):
        assert tm.output("install-lldb", "--write", environment=environment) == said % init
        assert init.read_text() == "settings set prompt mine\n%s\n" % line
    started = [any_lldb.program, "-b", "-c", core, "-o"]
    done = subprocess.run([*started, "tm statistics -q -n 0"], env=any_lldb.settings(environment), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=LIMIT, encoding="utf-8")
    assert tm.output("statistics", "-q", "-n", 0, core) in done.stdout
    init.write_text(line.replace("tm_lldb.py", "no_lldb.py"))
    done = subprocess.run([*started, "version"], env=any_lldb.settings(environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=LIMIT, encoding="utf-8")
    assert done.returncode == 0 and "lldb version" in done.stdout and "tm" not in done.stdout.replace(str(tmp_path), "").replace(core, "")


def test_installed(any_lldb, tm, core, tmp_path):
    """In a folder whose name needs care."""
    prefix = tmp_path / "a'b\"c `d"
    subprocess.run(["cmake", "--install", BUILD, "--prefix", str(prefix)], check=True, stdout=subprocess.DEVNULL)
    program = shutil.which("tm", path=str(prefix / "bin"))
    environment = any_lldb.settings({"TM_LLDB": any_lldb.program, "HOME": str(tmp_path)})
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


def test_by_another_name(any_lldb, core, tmp_path):
    """What LLDB calls back is found whatever the plugin's file is called."""
    link = tmp_path / "of_mine.py"
    link.symlink_to(PLUGIN)
    program = tmp_path / "program.py"
    program.write_text("import os\nheld = [bytearray(1000) for _ in range(100)]\nos.ctermid()\n")
    done = any_lldb.batch("-o", "command script import '%s'" % link, "-o", "target create %s" % sources.PYTHON, "-o", "tm record ctermid",
                          "-o", "tm run --nframe 2 %s %s" % (sources.PYTHON, program), "-o", "tm list --format csv", plugin=False)
    assert re.search(r"^1,", done.stdout, re.MULTILINE), done.stdout + done.stderr
