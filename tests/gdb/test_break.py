"""tm break and tm record in GDB: a real watchpoint on a real Python, against what tracemalloc says there; and MI."""

import json
import re
import subprocess

import pytest

import sources
import watchpoints
from debugger import ROOT

PYTHON = sources.PYTHON
GROWING = """
import os
held = []
os.ctermid()
for number in range(300):
    held.append(bytearray(10000))
    small = [bytearray(3000)] * 10
os.ctermid()
del held[:], small
os.ctermid()
"""
STOP = ["set breakpoint pending on", "break ctermid"]


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "growing.py"
    path.write_text(GROWING)
    return path


@pytest.fixture
def start(program):
    """Stopped before anything grew."""
    return [*STOP, "tm run --nframe 2 %s %s" % (PYTHON, program)]


def ask(gdb, steps):
    """What is seen of each of these commands: of what a process stops for GDB tells the screen alone."""
    lines = [one for step in steps for one in ("-ex", step, "-ex", "echo \\n@@@\\n")]
    done = gdb.batch(*lines, stderr=subprocess.STDOUT)
    found = done.stdout.split("\n@@@\n")[:-1]
    assert len(found) == len(steps) and "Python Exception" not in done.stdout, done.stdout
    return found


def number(text):
    return int(text.replace(",", ""))


def status(text):
    facts = json.loads(text)
    return facts["traced_memory"], facts["peak_traced_memory"]


def rows(text):
    """Of JSON, behind what GDB said on its own."""
    return json.loads(text[text.index('{"schema"'):])["rows"]


def reached(out):
    """Where GDB says that the watchpoint was hit, and what the peak was before and is now."""
    old, new = re.search(r"Old value = (\d+)\nNew value = (\d+)", out).groups()
    return int(old), int(new)


@pytest.mark.usefixtures("hardware_watchpoints")
def test_the_allocation_that_crosses_the_line(any_gdb, start):
    steps = [*start, "tm status --json", "tm break --grow 1M", "tm break --json", "tm list --json", "continue", "tm status --json", "info watchpoints",
             "tm break --json", "tm traceback 1", "continue"]
    answers = ask(any_gdb, steps)
    traced, peak = status(answers[3])
    line = traced + (1 << 20)
    said = re.search(r"# break-1: watchpoint (\d+) stops the process when .* \(([\d,]+) bytes\) are traced; now .* \(([\d,]+) bytes\), peak .* "
                     r"\(([\d,]+) bytes\)\n", answers[4])
    assert [number(one) for one in said.groups()[1:]] == [line, traced, peak]
    assert rows(answers[5]) == [{"name": "break-1", "line": line, "watched_by": "watchpoint " + said.group(1)}]
    assert [row["name"] for row in rows(answers[6])] == ["break-1"]
    old, new = reached(answers[7])
    assert old < line <= new and status(answers[8]) == (new, new)
    assert re.search(r"# Top 10 of .*: \+10\d\d KiB .*, compared with .*\n.*growing.py:6: size=10\d\d KiB \(\+10\d\d KiB\)", answers[7])
    assert "No watchpoints" in answers[9] and rows(answers[10]) == []
    assert "Breakpoint" in answers[12]


@pytest.mark.parametrize("option,line", [("--peak", lambda traced, peak: peak + 100000), ("--traced", lambda traced, peak: peak + 100000),
                                         ("--grow", lambda traced, peak: peak - traced + 100000)], ids=str)
@pytest.mark.usefixtures("hardware_watchpoints")
def test_the_three_lines_are_one(gdb, option, line, start):
    """To the byte: one below is crossed at the same moment, which is when a peak of at least SIZE is written."""
    traced, peak = status(ask(gdb, [*start, "tm status --json"])[3])  # the same in every run, but for a few bytes of its environment
    steps = [*start, "tm status --json", "tm break %s %d --json" % (option, line(traced, peak)), "continue"]
    answers = ask(gdb, steps)
    old, new = reached(answers[5])
    asked = rows(answers[4])[0]["line"]
    assert old < asked <= new
    now = status(answers[3])[0]
    assert asked == line(traced, peak) + (now if option == "--grow" else 0)


def test_lines_that_cannot_be_watched(any_gdb, core, start):
    steps = [*start, "continue", "tm break --traced 100K", "continue", "tm status --json", "tm break --peak 1M", "tm break --grow 1",
             "tm break --grow 2GB", "tm break --grow 1.5M", "tm break --peak 1M --grow 1M", "tm break --grow 99999999999999T", "tm break --grow",
             "tm break 5", "tm list --json", "info watchpoints"]
    answers = any_gdb.ask(steps)
    answers[4].refused("traced memory is 3", "already, which is not below that line")
    traced, peak = status(str(answers[6]))
    for answer in answers[7:9]:
        answer.refused("(%s bytes)" % format(traced, ","), "(%s bytes) at its peak" % format(peak, ","), "'tm reset-peak'")
    for answer in (answers[9], answers[10], answers[12]):
        answer.refused("bytes or a size such as 512K, 10M or 2GiB")
    answers[11].refused("one line, please: --peak or --grow")
    answers[13].refused("needs a value: SIZE")
    answers[14].refused("one word too many")
    assert answers[15].json()["rows"] == [] and "No watchpoints" in answers[16].out
    nothing, on_core = any_gdb.ask(["tm break --grow 1M", "tm break"])
    nothing.refused("no process and no core")
    assert str(on_core).startswith("# nothing is armed")
    any_gdb.ask(["core-file %s" % core, "tm break --grow 1M"])[1].refused("is a core: nothing runs in it")


def test_where_tracing_is_off(gdb):
    with sources.Python(sources.NOT_TRACING) as process:
        gdb.ask(["attach %d" % process.pid, "tm break --grow 1M"])[1].refused("tracemalloc is not tracing")


@pytest.mark.usefixtures("hardware_watchpoints")
def test_without_hardware_watchpoints(any_gdb, start):
    steps = [*start, "set can-use-hw-watchpoints 0", "tm break --grow 1M", "info watchpoints", "tm break", "tm list --json"]
    answers = any_gdb.ask(steps)
    answers[4].refused("no hardware watchpoint")
    assert "No watchpoints" in answers[5].out and "nothing is armed" in answers[6].out and answers[7].json()["rows"] == []


@pytest.mark.usefixtures("hardware_watchpoints")
def test_more_lines_than_registers(gdb, start):
    """They watch the same word: one register is enough for all of them."""
    steps = [*start, *("tm break --grow %dM" % n for n in range(1, 8)), "continue", "info watchpoints", "continue"]
    answers = ask(gdb, steps)
    assert "compared with" in answers[10] and answers[11].count("hw watchpoint") == 6
    assert reached(answers[12])


@pytest.mark.usefixtures("hardware_watchpoints")
def test_deleting_the_watchpoint_disarms(any_gdb, start):
    answers = ask(any_gdb, [*start, "tm break --grow 1M", "tm break --grow 2M", "delete 2", "tm break --json", "disable 3", "continue"])
    assert [row["name"] for row in rows(answers[6])] == ["break-2"]
    assert "Breakpoint 1" in answers[8] and "compared with" not in answers[8]


@pytest.mark.parametrize("end", ["kill", "continue", "detach"])
@pytest.mark.usefixtures("hardware_watchpoints")
def test_nothing_is_stale_when_the_process_is_gone(any_gdb, end, start):
    steps = [*start, "tm break --grow 2G", "delete 1", end, "info watchpoints", "tm break", start[2], "tm list --json"]
    answers = any_gdb.ask(steps)
    assert "No watchpoints" in answers[6].out and "nothing is armed" in answers[7].out
    assert not answers[8].error and "watchpoint" not in answers[8].out
    assert [row["name"] for row in answers[9].json()["rows"]] == ["break-1"]  # what it was is still known


@pytest.mark.usefixtures("hardware_watchpoints")
def test_a_name_that_is_taken(gdb, start):
    answers = ask(gdb, [*start, "tm snapshot --name break-1", "tm break --grow 1M", "tm drop break-2", "tm break --grow 2M", "continue"])
    assert "# break-2:" in answers[4] and "# break-3:" in answers[6]
    assert "no such file or snapshot" in answers[7]


@pytest.mark.usefixtures("hardware_watchpoints")
def test_a_threaded_process(any_gdb, program):
    program.write_text(GROWING.replace("for number", "import threading\nfor thread in [threading.Thread(target=sum, args=(range(10**6),)) for i in range(3)]:\n"
                           "    thread.start()\nfor number", 1))
    answers = ask(any_gdb, [*STOP, "tm run %s %s" % (PYTHON, program), "tm status --json", "tm break --grow 1M", "continue", "tm status --json"])
    old, new = reached(answers[5])
    facts = json.loads(answers[6])
    assert facts["complete"] and old < facts["peak_traced_memory"] == new


def pythons():
    lines = subprocess.run(["sh", str(ROOT / "fixtures" / "pythons.sh"), "--list-only"], check=True, stdout=subprocess.PIPE, text=True).stdout
    of = {}
    for version, build, path, _ in (line.split("\t") for line in lines.splitlines()):
        if build == "release" and int(version.split(".")[1]) >= 8:
            of.setdefault(version, path)
    return of


@pytest.mark.usefixtures("hardware_watchpoints")
def test_every_python(gdb, program):
    """The word that is watched is each one's peak: its own tracemalloc says the same when the process goes on."""
    program.write_text(GROWING.split("for")[0] + "held.append(bytearray(2 << 20))\nimport tracemalloc\nos.ctermid()\n"
                       "print('peak', *tracemalloc.get_traced_memory(), flush=True)\n")
    for version, path in pythons().items():
        answers = ask(gdb, [*STOP, "tm run --nframe 3 %s %s" % (path, program), "tm break --grow 2M --json", "continue", "continue", "tm status --json",
                            "delete", "continue"])
        old, new = reached(answers[4])
        traced, peak = status(answers[6])
        now, most = map(int, re.search(r"peak (\d+) (\d+)", answers[8]).groups())
        assert old < rows(answers[3])[0]["line"] <= new <= peak <= most, version
        assert abs(now - traced) < 5000 and most - peak < 5000, version


@pytest.mark.skipif(watchpoints.WORK, reason="skipped: hardware watchpoints work here")
def test_a_machine_whose_watchpoints_never_stop_anything(any_gdb, start):
    answers = any_gdb.ask([*start, "tm break --grow 1M", "tm break", "tm list --json"])
    answers[3].refused("hardware watchpoints of this machine never stop a process", "'tm record LOCATION'")
    assert "nothing is armed" in answers[4].out and answers[5].json()["rows"] == []


# ---- tm record ----

def test_snapshots_at_a_breakpoint(any_gdb, program):
    steps = ["set breakpoint pending on", "tm record ctermid if $_tm_tracing()", "tm run %s %s" % (PYTHON, program), "tm list --json", "info breakpoints",
             "delete", "tm run", "tm list --json"]
    answers = any_gdb.ask(steps)
    taken = answers[3].json()["rows"]
    assert [row["name"] for row in taken] == ["1", "2", "3"] and all("ctermid" in row["where"] for row in taken)
    assert taken[1]["size_diff"] > 3000000 and taken[2]["size_diff"] < -3000000
    assert "tm snapshot" in answers[4].out and "stop only if $_tm_tracing()" in answers[4].out
    assert len(answers[7].json()["rows"]) == 3


def test_a_snapshot_that_fails_stops_the_target(any_gdb, program):
    answers = any_gdb.ask(["set breakpoint pending on", "tm record ctermid", "file " + PYTHON, "set args %s" % program, "run", "info program"])
    assert "not tracing" in answers[4].error and "stopped" in answers[5].out


@pytest.mark.parametrize("line,says", [("tm record", "where?"), ("tm record no_such_function_anywhere", "no breakpoint was set"),
                                       ("tm record -function x", "unknown option"), ("tm record -- -nonsense x", "nonsense")])
def test_no_such_place(any_gdb, line, says):
    answer, after = any_gdb.ask([line, "info breakpoints"], PYTHON)
    assert says in answer.error and "No breakpoints" in after.out


# ---- MI ----

def records(gdb, lines, *arguments):
    """What MI answers to each of these commands."""
    done = subprocess.run(gdb.line("--interpreter=mi", *arguments), input="".join("%d%s\n" % row for row in enumerate(lines, 1)) + "-gdb-exit\n",
                          env=gdb.settings(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    found = dict(re.findall(r"^(\d+)(\^\S.*)$", done.stdout, re.MULTILINE))
    return [parsed(found[str(i)]) for i in range(1, len(lines) + 1)]


def parsed(record):
    """MI's tuples and lists are JSON but for the names."""
    kind, _, rest = record.partition(",")
    pieces = re.split(r'("(?:[^"\\]|\\.)*")', "{%s}" % rest)
    text = "".join(piece if i % 2 else re.sub(r"([A-Za-z][\w-]*)=", r'"\1":', piece) for i, piece in enumerate(pieces))
    return kind[1:], json.loads(text)


def as_mi(value):
    """What --json says, as MI has it."""
    if isinstance(value, dict):
        return {re.sub(r"[^\w-]", "_", name): as_mi(one) for name, one in value.items() if one is not None}
    if isinstance(value, list):
        return [as_mi(one) for one in value]
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


ROWS = ["status", "statistics -n 0", "statistics --by traceback --cumulative -n 3", "statistics --by filename -n 3", "traces -n 5", "list", "config"]


def test_mi_says_what_json_says(any_gdb, core):
    plain = any_gdb.ask(["core-file %s" % core, *("tm %s --json" % row for row in ROWS if "--cumulative" not in row)])[1:]
    lines = ["-tm-" + row for row in ROWS if "--cumulative" not in row]
    answers = records(any_gdb, ["-interpreter-exec console \"core-file %s\"" % core, *lines])[1:]
    for line, answer, told in zip(lines, answers, plain):
        wanted = as_mi(told.json())
        wanted.pop("time", None), answer[1].pop("time", None)
        assert answer == ("done", wanted), line


def test_mi_keeps_snapshots_and_tells_errors(any_gdb, core):
    lines = ["-tm-snapshot %s" % core, "-tm-snapshot %s --name two" % core, "-tm-list", "-tm-compare 1 two", "-tm-drop 1", "-tm-list",
             "-tm-statistics --by colour", "-tm-status /nowhere", "-tm-nothing", "-tm-version", "-tm-config limit 3"]
    answers = records(any_gdb, lines)
    assert answers[0][1]["message"].startswith("# Snapshot 1: ") and [row["name"] for row in answers[2][1]["rows"]] == ["1", "two"]
    assert answers[3][1]["schema"] == "tm.compare/1" and answers[3][1]["total"]["count_diff"] == "0"
    assert [row["name"] for row in answers[5][1]["rows"]] == ["two"] and answers[4] == ("done", {})
    for answer, says in zip(answers[6:9], ("--by is one of", "/nowhere: No such file", "Undefined MI command")):
        assert answer[0] == "error" and says in answer[1]["msg"]
    assert answers[9][1]["message"].startswith("tm ") and answers[10] == ("done", {})


def test_every_row_but_run_is_there(any_gdb, tm_path):
    rows = [line.split()[0] for line in subprocess.run([tm_path, "help"], stdout=subprocess.PIPE, text=True, check=True).stdout.split(
        "Commands:\n")[1].split("\n\n")[0].splitlines()]
    shell = {"run", "gdb", "lldb", "install-gdb", "install-lldb"}
    answers = records(any_gdb, ["-info-gdb-mi-command tm-" + row for row in rows])
    assert {row for row, answer in zip(rows, answers) if answer[1]["command"]["exists"] == "true"} == set(rows) - shell
