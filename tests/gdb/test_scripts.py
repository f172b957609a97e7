"""Sessions that nobody types: python blocks, scripts, `import tm`, MI, breakpoints' commands; and how the plugin is loaded."""

import json
import os
import shutil
import subprocess

import pytest

import sources
from debugger import PLUGIN, ROOT, Gdb

PYTHON = sources.PYTHON
GROWING = """
import os, tracemalloc
tracemalloc.start()
held = []
for number in range(1, 6):
    held.append([bytearray(1000) for _ in range(100)])
    os.ctermid()
"""
STOP = ["set breakpoint pending on", "break ctermid"]


def python(*lines):
    return "python\n%s\nend" % "\n".join(lines)


# ---- the module ----

def test_the_module_means_the_inferior(any_gdb, tm, tracing):
    status = tm.json("status", tracing.pid)
    rows = tm.json("statistics", tracing.pid, "-n", 0)["rows"]
    block = python("import tm, json", "s = tm.take_snapshot()", "b = s.traces[0]",
                   "print(json.dumps([tm.is_tracing(), tm.get_traced_memory(), tm.get_traceback_limit(), tm.get_tracemalloc_memory(),",
                   "len(s.traces), [(x.size, x.count, str(x.traceback[0])) for x in s.statistics('lineno')]]))")
    _, answer, found, detached, after = any_gdb.ask(["attach %d" % tracing.pid, block, python(
        "gdb.execute('tm snapshot --name one', to_string=True)", "print(len(tm.gdb.snapshot('one').traces) == len(tm.take_snapshot().traces))"),
        "detach", python("tm.take_snapshot()")])
    tracing_now, traced, limit, memory, n, statistics = answer.json()
    assert (tracing_now, traced, limit, memory) == (True, [status["traced_memory"], status["peak_traced_memory"]], 3,
                                                   status["tracemalloc_memory"])
    assert n == sum(row["count"] for row in rows)
    assert statistics == [[row["size"], row["count"], "%s:%d" % (row["traceback"][0]["filename"], row["traceback"][0]["lineno"])]
                          for row in rows]
    assert str(found) == "True\n" and after.error


def test_an_object_of_gdb_s(any_gdb):
    block = python("import tm", "frames = tm.get_object_traceback(gdb.Value(0x1234))", "print(frames)",
                   "top = max(tm.take_snapshot().traces, key=lambda trace: trace.size)", "print(top.traceback)")
    answers = any_gdb.ask([*STOP, "run", block], "--args", PYTHON, "-S", "-c", GROWING)
    assert str(answers[3]).startswith("None\n<string>:")


@pytest.mark.parametrize("call", ["start()", "start(5)", "stop()", "clear_traces()", "reset_peak()"])
def test_recording_is_never_that_of_gdb_s_own_python(any_gdb, core, call):
    block = python("import tm, tracemalloc", "try:", "    tm." + call, "except RuntimeError as error:", "    print('refused:', error)",
                   "print(tracemalloc.is_tracing())")
    bare, _, of_core = any_gdb.ask([block, "core-file %s" % core, block])
    for answer in (bare, of_core):
        said, own = str(answer).splitlines()
        assert said.startswith("refused: ") and own == "False"


def test_recording_is_the_target_s(any_gdb):
    """And GDB's own Python is left alone."""
    with sources.Python(sources.TRACING) as process:
        said = any_gdb.ask(["attach %d" % process.pid, python(
            "import tm, tracemalloc", "tm.clear_traces()", "print(tm.get_traced_memory()[0])", "tm.stop()", "print(tm.is_tracing())", "tm.start(9)",
            "print(tm.is_tracing(), tm.get_traceback_limit())", "tm.reset_peak()", "print(tracemalloc.is_tracing())")])[1]
        assert process.process.poll() is None
    freed, *others = str(said).splitlines()
    assert int(freed) < 10000 and others == ["False", "True 9", "False"]


def test_events_leave_no_stale_answer(any_gdb):
    block = python("import tm", "print(sum(trace.size == 1001 for trace in tm.take_snapshot().traces))")
    answers = any_gdb.ask([*STOP, "run", block, "continue", block, "kill", block, "run", block], "--args", PYTHON, "-S", "-c", GROWING)
    assert [str(answers[i]).strip() for i in (3, 5, 9)] == ["100", "200", "100"]
    assert answers[7].error


# ---- scripts ----

def test_a_python_script_for_ci(any_gdb, core, tmp_path):
    script = tmp_path / "check.py"
    script.write_text("import gdb, tm\n"
                      "snapshot = tm.take_snapshot()\n"
                      "total = sum(trace.size for trace in snapshot.traces)\n"
                      "print('bytes', total)\n"
                      "gdb.execute('quit %d' % (3 if total > 1000 else 0))\n")
    done = any_gdb.batch("-c", core, "-x", script)
    assert done.returncode == 3 and "bytes " in done.stdout and done.stderr.strip().count("\n") <= 2


def test_growth_from_stop_to_stop(any_gdb):
    """Snapshots at a breakpoint as a way of working."""
    with_commands = "python\nbreakpoint = gdb.Breakpoint('ctermid')\nbreakpoint.commands = 'silent\\ntm snapshot\\ncontinue'\nend"
    answers = any_gdb.ask(["set breakpoint pending on", with_commands, "run", "tm list --json", "tm list", "tm statistics 1 --json -n 0",
                           "tm statistics 5 --json -n 0"], "--args", PYTHON, "-S", "-c", GROWING)
    rows = answers[3].json()["rows"]
    assert [row["name"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert rows[0]["count_diff"] is None
    assert all(row["count_diff"] >= 100 and row["size_diff"] >= 100 * 1001 for row in rows[1:])
    assert all("ctermid" in row["where"] for row in rows)
    assert "Growth" in str(answers[4]) or "+" in str(answers[4])
    sizes = [sum(row["size"] for row in answers[i].json()["rows"]) for i in (5, 6)]
    assert sizes[1] - sizes[0] >= 400 * 1001


def test_a_script_with_breakpoint_commands(any_gdb, tmp_path):
    script = tmp_path / "watch.gdb"
    script.write_text("set breakpoint pending on\nbreak ctermid\ncommands\n  silent\n  tm snapshot\n  continue\nend\nrun\ntm list --json -o %s\n"
                      % (tmp_path / "list"))
    done = any_gdb.batch("-x", script, "--args", PYTHON, "-S", "-c", GROWING)
    assert done.returncode == 0, done.stderr
    assert len(json.loads((tmp_path / "list").read_text())["rows"]) == 5 and done.stdout.count("# Snapshot ") == 5


def test_machine_interface(any_gdb, core):
    commands = '1-interpreter-exec console "tm status"\n2-interpreter-exec console "tm statistics --by nothing"\n3-gdb-exit\n'
    done = subprocess.run(any_gdb.line("--interpreter=mi3", "-c", core), input=commands, env=any_gdb.settings(), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=60)
    lines = done.stdout.splitlines()
    assert any(line.startswith("1^done") for line in lines), done.stdout[-1500:]
    console = "".join(json.loads(line[1:]) for line in lines if line.startswith('~"'))
    assert "tracing: yes" in console
    refused, = [line for line in lines if line.startswith("2^error")]
    assert "filename" in refused and "Traceback" not in done.stdout


# ---- loading ----

def test_it_loads_without_a_word(any_gdb):
    done = any_gdb.batch()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_sourced_twice_the_snapshots_stay(any_gdb, core):
    answers = any_gdb.ask(["core-file %s" % core, "tm snapshot --name mine", "tm config limit 3", "source %s" % PLUGIN, "tm list --json",
                           "show tm limit", "tm statistics mine"])
    assert [row["name"] for row in answers[4].json()["rows"]] == ["mine"] and "3" in str(answers[5])
    assert answers[3].out == ""


def test_the_user_s_names_are_the_user_s(any_gdb, core):
    names = "tm host session run told stands file_names Host Command Setting core_path is_ours reported load_tm_plugin"
    answers = any_gdb.ask(["python print([n for n in '%s'.split() if n in globals()])" % names, "core-file %s" % core,
                           "python " + " = ".join(names.split()) + " = None", "tm status --json", "set tm limit 2", "complete tm status /tm",
                           "tm traceback 1"])
    assert str(answers[0]) == "[]\n" and answers[3].json()["tracing"] is True
    assert answers[5].error is None
    answers[6].refused("no traced block")


def test_a_wrong_build_folder_is_one_sentence(any_gdb, tmp_path):
    done = any_gdb.batch("-ix", PLUGIN, plugin=False, environment={"TM_BUILD": str(tmp_path)})
    assert done.stderr.strip().count("\n") == 0 and str(tmp_path) in done.stderr and "TM_BUILD" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_finds_the_build_tree_by_itself(any_gdb, tmp_path):
    """From the source tree, through the link in the build folder, and as it is installed."""
    build = any_gdb.environment["TM_BUILD"]
    installed = tmp_path / "lib" / "tm"
    (installed / "gdb").mkdir(parents=True)
    (installed / "python").mkdir()
    for file in PLUGIN.parent.glob("*.py"):
        shutil.copy(file, installed / "gdb")
    shutil.copy(os.path.join(build, "python", "tm.abi3.so"), installed / "python")
    places = [os.path.join(build, "gdb", "tm_gdb.py"), installed / "gdb" / "tm_gdb.py"]
    if os.path.samefile(build, ROOT / "build"):
        places += [PLUGIN, ROOT / "build" / ".." / "gdb" / "tm_gdb.py"]
    for place in places:
        done = any_gdb.batch("-ix", place, "-ex", "python import tm; print(tm.__file__)", plugin=False, environment={"TM_BUILD": ""})
        expected = installed if str(place).startswith(str(tmp_path)) else build
        assert os.path.samefile(done.stdout.strip(), os.path.join(expected, "python", "tm.abi3.so")), done.stderr


def test_the_shell_starts_it(tm_path, core, tracing, tmp_path):
    """tm gdb, with no init file touched."""
    environment = Gdb("gdb").settings({"TM_BUILD": "", "HOME": str(tmp_path)})  # without the user's own init file
    for operands in ([core], [PYTHON, core], [str(tracing.pid)]):
        done = subprocess.run([tm_path, "gdb", *operands], input="tm status\nquit\ny\n", env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=60)
        assert done.returncode == 0 and "tracing: yes" in done.stdout, (operands, done.stdout[-500:], done.stderr[-500:])
