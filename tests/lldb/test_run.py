"""tm run in LLDB: the program of the command line or the target's own, tracing; and nothing that stays behind of it."""

import pytest

import sources

PYTHON = sources.PYTHON
REPORT = """
import json, os, sys, tracemalloc
json.dump([sys.argv[1:], tracemalloc.is_tracing(), tracemalloc.get_traceback_limit(), os.environ.get("OTHER")], open("report", "w"))
os.ctermid()
raise SystemExit(3)
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "program.py").write_text(REPORT)
    return tmp_path


def test_the_present_program(any_lldb, folder):
    steps = ["target create " + PYTHON, "settings set target.env-vars OTHER=1 PYTHONTRACEMALLOC=9",
             "settings set -- target.run-args -I program.py 'a b' 'x\\`y\\`'", "settings show target", "tm run --nframe 5", "settings show target"]
    answers = any_lldb.ask(steps, cwd=folder)
    assert (folder / "report").read_text() == '[["a b", "x`y`"], true, 5, "1"]'
    assert "a b" in answers[3].out and answers[3].out == answers[5].out


def test_a_program_and_its_arguments(any_lldb, folder):
    steps = ["tm run --nframe 5 %s program.py 'a b' $WORD --nframe 2" % PYTHON, "settings show target.run-args", "tm run", "target list"]
    answers = any_lldb.ask(steps, cwd=folder)
    assert (folder / "report").read_text() == '[["a b", "$WORD", "--nframe", "2"], true, 1, null]'
    assert not answers[0].error and "tracemalloc" not in answers[1].out and '"a b"' in answers[1].out
    assert answers[3].out.count("target #") == 1 and "status = 3" in answers[0].out


def test_a_process_or_a_core_is_left_alone(any_lldb, folder, core):
    steps = ["breakpoint set --name ctermid", "tm run %s program.py" % PYTHON, "tm status --json", "tm run", "process kill", "tm run nowhere",
             "target create --core %s" % core, "tm run", "tm status --json"]
    answers = any_lldb.ask(steps, cwd=folder)
    assert answers[2].json()["tracing"] and answers[8].json()["tracing"]
    answers[3].refused("a process is there already")
    answers[5].refused("nowhere")
    answers[7].refused("a core is there already")


def test_no_program(any_lldb):
    any_lldb.ask(["tm run"])[0].refused("which program?")


def test_at_a_terminal(any_lldb):
    with any_lldb.terminal("--", PYTHON, "-c", "import os; os.ctermid()") as terminal:
        terminal.do("breakpoint set --name ctermid")
        terminal.send("tm run")
        terminal.child.expect("stop reason = breakpoint")
        terminal.send("tm status")
        terminal.child.expect("tracing: yes")
