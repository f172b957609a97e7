"""tm run in GDB: the program of the command line or GDB's own, tracing; and nothing that stays behind of it."""

import pytest

import sources

PYTHON = sources.PYTHON
REPORT = """
import json, os, sys, tracemalloc
json.dump([sys.argv[1:], tracemalloc.is_tracing(), tracemalloc.get_traceback_limit()], open("report", "w"))
os.ctermid()
raise SystemExit(3)
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "program.py").write_text(REPORT)
    return tmp_path


def shown(text):
    return text.split('is "')[1].rsplit('"', 1)[0]


def test_the_present_program(any_gdb, folder):
    steps = ["set environment PYTHONTRACEMALLOC = 9", "tm run --nframe 5", "shell cat report", "show args", "show environment PYTHONTRACEMALLOC",
             "print $_exitcode", "unset environment PYTHONTRACEMALLOC", "tm run", "show environment PYTHONTRACEMALLOC"]
    answers = any_gdb.ask(steps, "--args", PYTHON, "-I", "program.py", "a b", "$x", cwd=folder)
    assert (folder / "report").read_text() == '[["a b", "$x"], true, 1]'
    assert shown(answers[3].out) == shown(any_gdb.ask(["show args"], "--args", PYTHON, "-I", "program.py", "a b", "$x")[0].out)
    assert "PYTHONTRACEMALLOC = 9" in answers[4].out and "= 3" in answers[5].out and "not defined" in answers[8].out


def test_a_program_and_its_arguments(any_gdb, folder):
    """As they are typed: GDB's shell sees quotes, variables and redirections."""
    answers = any_gdb.ask(["tm run --nframe 5 %s program.py 'a b' $WORD --nframe 2 > printed" % PYTHON, "show args"], cwd=folder,
                          environment={"WORD": "word"})
    assert (folder / "report").read_text() == '[["a b", "word", "--nframe", "2"], true, 5]'
    assert (folder / "printed").exists() and not answers[0].error
    assert shown(answers[1].out) == "program.py 'a b' $WORD --nframe 2 > printed"


def test_words_of_a_list_are_one_each(gdb, folder):
    gdb.ask(["python tm_session = __import__('tm').gdb; tm_session.run(['run', '%s', 'program.py', 'a  b', '', \"it's\", '$x'])" % PYTHON], cwd=folder)
    assert (folder / "report").read_text() == '[["a  b", "", "it\'s", "$x"], true, 1]'


def test_a_breakpoint_s_commands_while_it_runs(any_gdb, folder):
    """Commands of tm, too, though the one that runs the program is not over yet."""
    steps = ["set breakpoint pending on", "break ctermid", "python gdb.breakpoints()[0].commands = 'tm snapshot'", "tm run %s program.py" % PYTHON,
             "tm list --json", "tm run", "kill", "tm run nowhere"]
    answers = any_gdb.ask(steps, cwd=folder)
    assert len(answers[4].json()["rows"]) == 1 and "ctermid" in answers[4].out
    answers[5].refused("a process is there already")
    answers[7].refused("nowhere")


def test_no_program(any_gdb, core):
    any_gdb.ask(["tm run"])[0].refused("which program?")
    program, ran, traced = any_gdb.ask(["core-file %s" % core, "tm run --nframe 2 %s -c 1" % PYTHON, "print $_exitcode"])
    assert not ran.error and "= 0" in traced.out


def test_a_process_that_was_attached_to_is_left_alone(any_gdb, tracing):
    attached, refused, still = any_gdb.ask(["attach %d" % tracing.pid, "tm run", "tm status --json"])
    refused.refused("a process is there already")
    assert still.json()["pid"] == tracing.pid
