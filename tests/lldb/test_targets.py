"""Whatever LLDB shows as its target now is what tm reads: running or stopped, remote, one of several, a core whose file changed."""

import json
import os
import re
import shutil
import subprocess

import pytest

import sources
from sources import Python
from target import Unavailable

SHOWN = "tm statistics --by traceback -n 0"


def shown(tm, source):
    return tm.output("statistics", "--by", "traceback", "-n", 0, source)


def rows(text):
    """Without the heading, which names the source."""
    return text.split("\n", 1)[1]


# ---- processes ----

def test_who_holds_it(any_lldb, tracing):
    for road in ("direct", "debugger"):
        status, = any_lldb.ask(["tm status --json --read " + road], "-p", tracing.pid)
        assert status.json()["stopped_by"] == "the debugger"


def test_a_running_target_is_refused(any_lldb):
    with Python(sources.TRACING) as process:
        sources.until(lambda: sources.state(process.pid) == "S")
        before = sources.states(process.pid)
        with any_lldb.terminal("-p", process.pid) as terminal:
            for command, said in (("continue", "resuming"), (SHOWN, "the target is running: 'process interrupt' stops it"),
                                  ("process interrupt", "stop reason"), (SHOWN, " blocks; Python"), ("detach", "detached")):
                terminal.send(command)
                terminal.child.expect_exact(said)
        sources.until(lambda: sources.states(process.pid) == before)


def test_after_detaching_there_is_no_target(any_lldb, tracing):
    done = any_lldb.batch("-p", tracing.pid, "-o", SHOWN, "-o", "detach", "-o", SHOWN)
    assert done.returncode == 1 and done.stdout.count(" blocks; Python") == 1
    assert "no process and no core" in done.stderr


def test_a_step_changes_what_is_read(any_lldb, tmp_path):
    """Nothing of an earlier stop is kept, on either road."""
    code = """
import tracemalloc, os
tracemalloc.start()
held = []
for number in range(1, 9):
    held.append([bytearray(1000) for _ in range(100)])
    os.ctermid()
"""
    program = tmp_path / "growing.py"
    program.write_text(code)
    steps = ["breakpoint set -n ctermid", "process launch -- '%s'" % program]
    for _ in range(3):
        steps += ["tm traces -n 0 --json --read direct", "tm traces -n 0 --json --read debugger", "continue"]
    answers = any_lldb.ask(steps, sources.PYTHON)
    counts = [sum(row["size"] in (1000, 1001) for row in answers[i].json()["rows"]) for i in (2, 3, 5, 6, 8, 9)]
    assert counts == [100, 100, 200, 200, 300, 300]


class Server:
    """lldb-server on a port of this machine."""

    def __init__(self, lldb, *arguments):
        self.process = subprocess.Popen([lldb.server, "gdbserver", "--pipe", "1", "127.0.0.1:0", *map(str, arguments)],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def __enter__(self):
        said = b""
        while not said.endswith(b"\0"):
            piece = self.process.stdout.read1(64)
            assert piece, "lldb-server ended"
            said += piece
        self.address = "connect://127.0.0.1:%d" % int(said[:-1])
        return self

    def __exit__(self, *ignored):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def test_remote(any_lldb, tm):
    with Python(sources.TRACING) as process:
        expected = shown(tm, process.pid)
        with Server(any_lldb, "--attach", process.pid) as server:
            _, auto, debugger, direct = any_lldb.ask(["process connect " + server.address, SHOWN, SHOWN + " --read debugger",
                                                      SHOWN + " --read direct"])
    assert str(auto) == str(debugger) == expected
    direct.refused("through the debugger only")


def test_remote_of_a_stripped_program(any_lldb, tm, tmp_path):
    path = shutil.copy(sources.PYTHON, tmp_path / "python")
    subprocess.run(["strip", "-s", path], check=True)
    with Python(sources.TRACING, command=(path,)) as process:
        expected = shown(tm, process.pid)
        with Server(any_lldb, "--attach", process.pid) as server:
            _, answer = any_lldb.ask(["process connect " + server.address, SHOWN])
    assert str(answer) == expected


# ---- several ----

@pytest.fixture
def cores(tmp_path):
    """Of three processes of the same program that hold different things."""
    found = []
    for i in range(3):
        folder = tmp_path / str(i)
        folder.mkdir()
        with Python(sources.TRACING + "more = [bytearray(%d) for i in range(10)]\n" % (5000 + i), folder) as process:
            try:
                found.append(process.core())
            except Unavailable as why:
                pytest.skip(str(why))
    return found


def test_the_selected_target_is_meant(any_lldb, tm, cores):
    expected = [shown(tm, core) for core in cores]
    steps = ["target create -c '%s'" % core for core in cores]
    for road in ("auto", "debugger"):
        steps += ["tm config read " + road] + [step for i in (0, 1, 2) for step in ("target select %d" % i, SHOWN)]
    answers = any_lldb.ask(steps)
    found = [str(answer) for answer in answers if " blocks; " in answer.out]
    if any_lldb.major < 19:  # which cannot tell which of the cores that it has open is whose
        found, expected = [rows(text) for text in found], [rows(text) for text in expected]
    assert found == expected * 2


def test_the_commands_own_target_is_meant(any_lldb, tm, cores):
    """Which need not be the selected one."""
    expected = shown(tm, cores[0])
    script = ("script r = lldb.SBCommandReturnObject(); t = lldb.debugger.GetTargetAtIndex(0); lldb.debugger.GetCommandInterpreter()"
              ".HandleCommand(%r, lldb.SBExecutionContext(t), r); open(%r, 'w').write(r.GetOutput())")
    file = os.path.join(os.path.dirname(cores[0]), "out")
    for answer in any_lldb.ask(["target create -c '%s'" % core for core in cores[:2]] + [script % (SHOWN, file)]):
        str(answer)
    with open(file) as text:
        assert rows(text.read()) == rows(expected)


# ---- cores ----

def test_a_core_without_its_program(any_lldb, tm, tmp_path):
    path = shutil.copy(sources.PYTHON, tmp_path / "python")
    with Python(sources.TRACING, tmp_path, command=(path,)) as process:
        try:
            core = process.core()
        except Unavailable as why:
            pytest.skip(str(why))
    os.unlink(path)
    expected = shown(tm, core)
    answers = any_lldb.ask([SHOWN + " --read " + road for road in ("auto", "direct", "debugger")], "-c", core)
    assert [str(answer) for answer in answers] == [expected] * 3


@pytest.mark.parametrize("fate", ["removed", "replaced", "removed with its folder", "renamed", "renamed and replaced", "reached by a link"])
def test_a_core_whose_file_is(any_lldb, tm, cores, fate, tmp_path):
    """LLDB has it in its memory, and that is read."""
    expected = rows(shown(tm, cores[0]))
    folder = tmp_path / "folder"
    folder.mkdir()
    core, link = str(folder / "core"), str(tmp_path / "link")
    shutil.copy(cores[0], core)
    os.symlink(core, link)
    change = {"removed": "os.unlink(%r)" % core, "replaced": "os.rename(%r, %r)" % (cores[1], core),
              "removed with its folder": "os.unlink(%r); os.rmdir(%r)" % (core, str(folder)), "renamed": "os.rename(%r, %r)" % (core, core + "-was"),
              "renamed and replaced": "os.rename(%r, %r); os.rename(%r, %r)" % (core, core + "-was", cores[1], core),
              "reached by a link": "os.unlink(%r)" % core}[fate]
    _, answer, direct = any_lldb.ask(["script import os; " + change, SHOWN, SHOWN + " --read direct"], "-c", link if "link" in fate else core)
    assert rows(str(answer)) == expected
    if "renamed" in fate and any_lldb.major < 19:  # which does not tell the name: it is found among what is mapped
        assert str(direct) == str(answer)
    else:
        direct.refused()


def test_a_core_cut_off(any_lldb, tm, cores):
    """The same is missing on either road."""
    size = os.path.getsize(cores[0])
    for part in (0.3, 0.7):
        os.truncate(cores[0], int(size * part))
        done = tm.run("statistics", "--json", "-n", 0, cores[0])
        for road in ("direct", "debugger"):
            answer, = any_lldb.ask(["tm statistics --json -n 0 --read " + road], "-c", cores[0])
            if done.returncode:
                answer.refused()
                assert answer.status == done.returncode
            else:
                assert {**json.loads(str(answer)), "notes": 0} == {**json.loads(done.stdout), "notes": 0}


# ---- expressions ----

def test_expressions_about_a_core(any_lldb, core):
    """Nothing can run there, so LLDB interprets them."""
    answers = any_lldb.ask(["tm traceback " + one for one in ("(long)$rsp * 1", "*(long *)$rsp", "(long)getpid()", "nosuch(")], "-c", core)
    for answer in answers[:2]:
        answer.refused("no traced block at 0x")
    for answer in answers[2:]:
        assert "no traced block" not in answer.refused()


LIBRARY = """
#include <unistd.h>
#include <stdint.h>
struct pair { void *object; long number; };
void *global;
struct pair box, *to_box = &box;
void wait_with(void *object)
{
	struct pair pair = { object, 7 };
	struct pair *pointer = &pair;
	intptr_t number = (intptr_t)object;
	global = box.object = object;
	write(1, "ready\\n", 6);
	for (;;)
		pause();
	*(volatile long *)(pointer->number + number + (char *)pair.object) = 0;
}
"""
WAITING = """
import ctypes, signal, tracemalloc, sys
signal.alarm(120)
tracemalloc.start(3)
held = [bytearray(1000 + i) for i in range(300)]
ctypes.CDLL(%r).wait_with(ctypes.py_object(held[7]))
"""


def test_expressions(any_lldb, tm, tmp_path):
    source, library = tmp_path / "waiting.c", tmp_path / "waiting.so"
    source.write_text(LIBRARY)
    subprocess.run(["cc", "-g", "-O0", "-shared", "-fPIC", "-w", str(source), "-o", str(library)], check=True)
    with Python(WAITING % str(library), wait="#%d\n%s") as process:
        steps = ["script t = lldb.debugger.GetSelectedTarget().process.GetSelectedThread(); t.SetSelectedFrame("
                 "next(f.idx for f in t if f.name == 'wait_with'))",
                 "script import re; open(%r, 'w').write(str(t.GetSelectedFrame().FindVariable('object').GetValueAsUnsigned()))" % str(tmp_path / "a")]
        good = ["object", "pair.object", "pointer->object", "number", "global", "box.object", "to_box->object"]
        without_a_block = ["pair", "&pair"]
        bad = ["box.nosuch", "box.", "getpid()", "(int)getpid()", "nosuch", "'", "1.5 + x", "object = 0", "$nosuch", "pair.nosuch"]
        maps = open("/proc/%d/maps" % process.pid).read()
        answers = any_lldb.ask(steps + ["tm traceback " + one for one in good + without_a_block + bad] +
                               ["tm traceback --frames 1 -- object", "tm tb object --json", "tm traceback -q object"], "-p", process.pid)
        address = int((tmp_path / "a").read_text())
        expected = tm.output("traceback", address, "--in", process.pid)
        assert open("/proc/%d/maps" % process.pid).read() == maps, "something ran in the process"
        answers = answers[2:]
        for expression, answer in zip(good, answers):
            assert str(answer) == expected, expression
        for answer in answers[len(good):len(good) + len(without_a_block)]:
            answer.refused("no traced block at 0x7ff")
        for answer in answers[len(good) + len(without_a_block):-3]:
            answer.refused("is no variable")
        assert str(answers[-3]) == tm.output("traceback", address, "--in", process.pid, "--frames", 1)
        assert answers[-2].json() and str(answers[-1]) == tm.output("traceback", address, "--in", process.pid, "-q")
        kept = any_lldb.ask([*steps, "expression -l c -- (void *)object", "tm traceback $0"], "-p", process.pid)[-1]
        assert str(kept) == expected
        assert process.alive()


def test_registers(any_lldb, tm, core):
    number, answer, whole = any_lldb.ask(["register read rsp", "tm traceback $rsp", "tm traceback $rsp + 8"], "-c", core)
    address = int(re.search(r"0x[0-9a-f]+", str(number)).group(), 16)
    answer.refused(hex(address))
    whole.refused(hex(address + 8))
