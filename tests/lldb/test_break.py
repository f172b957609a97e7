"""tm break and tm record in LLDB: a real watchpoint on a real Python, against what tracemalloc says there."""

import json
import re
import subprocess

import pytest

import sources
import watchpoints

PYTHON = sources.PYTHON
GROWING = """
import os
held = []
os.ctermid()
for number in range(150):
    held.append(bytearray(20000))
os.ctermid()
del held[:]
os.ctermid()
"""


@pytest.fixture
def start(tmp_path):
    """Stopped before anything grew."""
    (tmp_path / "growing.py").write_text(GROWING)
    return ["breakpoint set --name ctermid", "tm run --nframe 2 %s %s" % (PYTHON, tmp_path / "growing.py")]


def ask(lldb, steps):
    """What is seen of each of these commands, in LLDB's own order; an error ends it."""
    lines = [one for step in steps for one in ("-o", step, "-o", "script print('@@@')")]
    done = lldb.batch(*lines, stderr=subprocess.STDOUT)
    text = re.sub(r"^\(lldb\) script print.*\n", "", done.stdout.split("\n(lldb) %s\n" % steps[0], 1)[1], flags=re.MULTILINE)
    found = text.split("@@@\n")[:-1]
    assert len(found) == len(steps) and "Traceback" not in done.stdout, done.stdout
    return found


def told(text):
    """Of JSON, behind the command."""
    return json.loads(text[text.index('{"schema"'):])


def status(text):
    return told(text)["traced_memory"], told(text)["peak_traced_memory"]


@pytest.mark.usefixtures("hardware_watchpoints")
def test_the_allocation_that_crosses_the_line(any_lldb, start):
    answers = ask(any_lldb, [*start, "tm status --json", "tm break --grow 1M --json", "continue", "tm status --json", "watchpoint list", "tm break",
                             "tm list --json", "tm break --grow 1M", "tm break --grow 1500K", "continue", "tm break --json", "continue", "continue"])
    traced, peak = status(answers[2])
    line = told(answers[3])["rows"][0]["line"]
    assert line == traced + (1 << 20) > peak
    now, most = status(answers[5])
    assert line <= now == most < line + 30000
    assert re.search(r"# Top 10 of .*: \+10\d\d KiB .*, compared with .*\n.*growing.py:6: size=10\d\d KiB \(\+10\d\d KiB\)", answers[4])
    assert "stop reason = watchpoint 1" in answers[4] and "No watchpoints" in answers[6] and "nothing is armed" in answers[7]
    assert [row["name"] for row in told(answers[8])["rows"]] == ["break-1"]
    # Two of them; LLDB may call both by one number, for they watch the same word.
    assert "compared with" in answers[11] and [row["name"] for row in told(answers[12])["rows"]] in (["break-3"], [])


def test_lines_that_cannot_be_watched(any_lldb, start, core):
    steps = [*start, "continue", "tm break --traced 100K", "continue", "tm status --json", "tm break --peak 1M", "tm break --grow 2GB", "tm list --json",
             "watchpoint list", "process kill", "target create --core %s" % core, "tm break --grow 1M"]
    answers = any_lldb.ask(steps)
    answers[3].refused("already, which is not below that line")
    traced, peak = status(str(answers[5]))
    answers[6].refused("(%s bytes)" % format(traced, ","), "(%s bytes) at its peak" % format(peak, ","), "'tm reset-peak'")
    answers[7].refused("bytes or a size such as 512K, 10M or 2GiB")
    assert answers[8].json()["rows"] == [] and "No watchpoints" in answers[9].out
    answers[12].refused("is a core: nothing runs in it")
    with sources.Python(sources.NOT_TRACING) as process:
        any_lldb.ask(["process attach -p %d" % process.pid, "tm break --grow 1M"])[1].refused("tracemalloc is not tracing")


@pytest.mark.usefixtures("hardware_watchpoints")
def test_deleting_the_watchpoint_disarms(any_lldb, start):
    answers = ask(any_lldb, [*start, "tm break --grow 1M", "watchpoint delete 1", "tm break", "continue"])
    assert "nothing is armed" in answers[4] and "breakpoint 1.1" in answers[5] and "compared with" not in answers[5]


@pytest.mark.usefixtures("hardware_watchpoints")
def test_no_register_left(any_lldb, start):
    steps = [*start, *("watchpoint set expression -s 8 -w write -- $rsp - %d" % (1024 * n) for n in range(1, 5)), "tm break --grow 1M", "tm break", "tm list --json"]
    answers = any_lldb.ask(steps)
    answers[6].refused("no hardware watchpoint")
    assert "nothing is armed" in answers[7].out and answers[8].json()["rows"] == []


# LLDB itself learns of an end a moment after the command that made it.
UNTIL_IT_KNOWS = ("script import time; [time.sleep(0.05) for _ in range(200) if lldb.debugger.GetSelectedTarget().GetProcess().GetState() "
                  "not in (lldb.eStateInvalid, lldb.eStateDetached, lldb.eStateExited)]")


@pytest.mark.parametrize("end", ["process kill", "process detach", "continue"])
@pytest.mark.usefixtures("hardware_watchpoints")
def test_nothing_is_stale_when_the_process_is_gone(any_lldb, start, end):
    answers = ask(any_lldb, [*start, "tm break --grow 2G", "breakpoint disable 1", end, UNTIL_IT_KNOWS, "tm break", "breakpoint enable 1", "tm run", "tm break",
                             "continue"])
    assert "nothing is armed" in answers[6] and "nothing is armed" in answers[9]
    assert "breakpoint 1.1" in answers[10] and "atchpoint" not in answers[10]


@pytest.mark.usefixtures("hardware_watchpoints")
def test_at_a_terminal(any_lldb, start):
    with any_lldb.terminal() as terminal:
        for line in start:
            terminal.send(line)
        terminal.child.expect("stop reason = breakpoint")
        terminal.send("tm break --grow 1M")
        terminal.child.expect("watchpoint 1 stops the process")
        terminal.send("continue")
        terminal.child.expect("compared with Python")
        terminal.child.expect("stop reason = watchpoint 1")
        terminal.send("tm break")
        terminal.child.expect("nothing is armed")
        terminal.send("process kill")  # LLDB would leave it behind, stopped
        terminal.child.expect("exited with status")


@pytest.mark.skipif(watchpoints.WORK, reason="skipped: hardware watchpoints work here")
def test_a_machine_whose_watchpoints_never_stop_anything(any_lldb, start):
    answers = any_lldb.ask([*start, "tm break --grow 1M", "tm break", "tm list --json"])
    answers[2].refused("hardware watchpoints of this machine never stop a process", "'tm record LOCATION'")
    assert "nothing is armed" in answers[3].out and answers[4].json()["rows"] == []


# ---- tm record ----

def test_snapshots_at_a_breakpoint(any_lldb, start):
    answers = ask(any_lldb, ["target create " + PYTHON, "tm record ctermid", "settings set target.run-args " + start[1].split()[-1], "tm run", "tm list --json",
                             "breakpoint delete 1", "tm record -- --name ctermid --ignore-count 1", "tm run", "tm list --json"])
    rows = told(answers[4])["rows"]
    assert [row["name"] for row in rows] == ["1", "2", "3"] and all("ctermid" in row["where"] for row in rows)
    assert rows[1]["size_diff"] > 2900000 and rows[2]["size_diff"] < -2900000 and "# Snapshot 3: " in answers[3]
    assert [row["name"] for row in told(answers[8])["rows"]] == ["1", "2", "3", "4", "5"]


def test_a_snapshot_that_fails_stops_the_target(any_lldb, start):
    answers = ask(any_lldb, ["target create " + PYTHON, "tm record ctermid", "settings set target.run-args " + start[1].split()[-1], "process launch",
                             "process status"])
    assert answers[3].count("tracemalloc is not tracing") == 1 and "stop reason = breakpoint" in answers[4]


def test_no_such_place(any_lldb):
    nowhere, none, wrong = any_lldb.ask(["tm record ctermid", "tm record", "tm record --nonsense x"])
    nowhere.refused("no target yet")
    none.refused("where?")
    wrong.refused("unknown option")
