"""tm's commands are GDB's own: help, completion, settings, errors, pager, styles."""

import re

import pytest

import sources
from debugger import plain

PYTHON = sources.PYTHON
COMMANDS = ["config", "drop", "help", "list", "snapshot", "statistics", "status", "traceback", "traces", "version"]


def complete(gdb, *lines, steps=(), arguments=(), **options):
    """What GDB offers for each line, without the line's own beginning."""
    answers = gdb.ask([*steps, *("complete " + line for line in lines)], *arguments, **options)[len(steps):]
    return [str(answer).splitlines() for answer in answers]


# ---- help ----

def test_help(any_gdb, tm):
    overview, *each = any_gdb.ask(["help tm", *("help tm " + name for name in COMMANDS)])
    for name in COMMANDS:
        assert re.search(r"^tm %s(, tm \w+)* -- [A-Z].*\.$" % name, str(overview), re.MULTILINE), name
    assert "Traceback" not in str(overview) and "tm gdb" not in str(overview)
    for name, answer in zip(COMMANDS, each):
        text = str(answer)
        assert tm.output("help", name).strip() in text, name
        assert "Usage: tm " + name in text or "usage: tm " + name in text.lower(), text


def test_apropos(any_gdb):
    found = str(any_gdb.ask(["apropos tracemalloc"])[0]).splitlines()
    assert any(line.startswith("tm --") for line in found) and any(line.startswith("tm status --") for line in found)


def test_abbreviations_and_aliases(any_gdb, core):
    full, short, alias, ambiguous, unknown, own, defined = any_gdb.ask(
        ["core-file %s" % core, "tm statistics -n 3", "tm stati -n 3", "tm stats -n 3", "tm stat", "tm statsi", "alias tms = tm statistics",
         "tms -n 3"])[1:]
    assert str(full) == str(short) == str(alias) == str(defined)
    assert ambiguous.error and unknown.error and own.error is None
    assert "mbiguous" in ambiguous.error
    assert "Undefined tm command" in unknown.error or "did you mean" in unknown.error


def test_the_shell_s_own_commands_are_not_here(any_gdb):
    any_gdb.ask(["tm gdb 1"])[0].refused()


# ---- completion ----

def test_completes_words_of_the_tables(any_gdb):
    offered = complete(any_gdb, "tm s", "tm statistics --b", "tm statistics --by=", "tm statistics --by=f", "tm statistics --by f",
                       "tm stats --cum", "tm help stati", "tm config li", "tm config format j", "tm config most", "tm status --nothing",
                       "tm traces --most-")
    assert offered[0] == ["tm snapshot", "tm start", "tm statistics", "tm stats", "tm status", "tm stop"]
    assert offered[1] == ["tm statistics --by"]
    assert offered[2] == ["tm statistics --by=filename", "tm statistics --by=lineno", "tm statistics --by=traceback"]
    assert offered[3] == ["tm statistics --by=filename"] and offered[4] == ["tm statistics --by filename"]
    assert offered[5] == ["tm stats --cumulative"]
    assert offered[6] == ["tm help statistics"]
    assert offered[7] == ["tm config limit"]
    assert offered[8] == ["tm config format json"]
    assert offered[9] == ["tm config most-recent-first"]
    assert offered[10] == offered[11] == []


def test_completes_on_a_terminal(any_gdb, core):
    """Behind a blank, which 'complete' does not see."""
    with any_gdb.terminal("-c", core) as terminal:
        terminal.do("tm snapshot --name before")
        for line, offered in (("tm statistics --by ", ["filename", "lineno", "traceback"]), ("tm config format ", ["csv", "json", "table", "text"]),
                              ("tm config quiet o", ["off", "on"]), ("tm list --color ", ["always", "auto", "never"])):
            terminal.child.send(line + "\t\t")
            for word in offered:
                terminal.child.expect_exact(word)
            terminal.child.send("\x15")
            terminal.do("")
        terminal.do("tm drop \t")
        assert "no snapshots yet" in terminal.do("tm list")


def test_completes_snapshots_of_the_session(any_gdb, core):
    steps = ["core-file %s" % core, "tm snapshot --name before", "tm snapshot --name before-after", "tm snapshot"]
    offered = complete(any_gdb, "tm drop b", "tm drop before-", "tm statistics before-a", "tm statistics --by lineno be", steps=steps)
    assert offered[0] == ["tm drop before", "tm drop before-after"]
    assert offered[1] == ["tm drop before-after"] and offered[2] == ["tm statistics before-after"]
    # Files may stand there, too.
    assert {"tm statistics --by lineno before", "tm statistics --by lineno before-after"} <= set(offered[3])


def test_completes_files(any_gdb, tmp_path):
    for name in ("a-core", "a-file", "other"):
        (tmp_path / name).touch()
    lines = ["tm statistics %s/a-", "tm status --core %s/oth", "tm snapshot -o %s/a-c"]
    offered = complete(any_gdb, *(line % tmp_path for line in lines))
    # GDB 13 gives what follows the last of its word breaks.
    found = [[line.rsplit("/", 1)[-1] for line in one] for one in offered]
    assert found[0] == ["a-core", "a-file"] and found[1] == ["other"] and found[2] == ["a-core"]


def test_completes_expressions(any_gdb):
    for line in ("tm traceback (long)PyList_Ne", "tm traceback -- PyList_Ne", "tm traceback --in core PyList_Ne"):
        assert line + "w" in complete(any_gdb, line, arguments=[PYTHON])[0]


def test_completes_settings(any_gdb):
    offered = complete(any_gdb, "set tm form", "set tm format j", "set tm quiet o", "show tm li", "set tm re")
    assert offered == [["set tm format"], ["set tm format json"], ["set tm quiet off", "set tm quiet on"], ["show tm limit"],
                       ["set tm read"]]


# ---- settings ----

def test_set_and_config_are_the_same(any_gdb, core):
    steps = ["core-file %s" % core, "set tm limit 3", "tm config limit --json", "python print(gdb.parameter('tm limit'))", "tm config limit 4",
             "show tm limit", "python print(gdb.parameter('tm limit'))", "set tm format json", "tm config format", "tm config format text",
             "show tm format", "set tm quiet on", "tm config quiet --json", "tm config quiet off", "python print(gdb.parameter('tm quiet'))",
             "set tm exe /some where/python", "tm config exe --json", "tm conf exe ''", "show tm exe", "set tm full-paths",
             "tm config full-paths --json", "set tm exe", "tm config exe --json", "tm config limit 4", "tm traces --quiet", "set tm limit 0", "tm traces --quiet"]
    answers = any_gdb.ask(steps)
    rows = {i: answers[i].json()["rows"][0]["value"] for i in (2, 12, 16, 20, 22)}
    assert rows[2] == 3 and str(answers[3]) == "3\n"
    assert "4" in str(answers[5]) and str(answers[6]) == "4\n"
    assert answers[8].json()["rows"][0]["value"] == "json" and "text" in str(answers[10])
    assert rows[12] is True and str(answers[14]) == "False\n"
    assert rows[16] == "/some where/python" and "not set" in str(answers[18])
    assert rows[20] is True and rows[22] is None
    assert str(answers[24]).count("\n") == 4 and str(answers[26]).count("\n") > 500


@pytest.mark.parametrize("setting", ["limit -5", "limit many", "format purple", "by nothing", "quiet perhaps", "read sideways", "nothing 1"])
def test_a_bad_value_is_refused_and_the_old_one_kept(any_gdb, setting):
    name, bad = setting.split()
    good = {"limit": "7", "format": "csv", "by": "filename", "quiet": "on", "read": "direct", "nothing": ""}[name]
    answers = any_gdb.ask(["set tm %s %s" % (name, good), "show tm " + name, "set tm " + setting, "show tm " + name, "tm config " + setting,
                           "show tm " + name])
    assert answers[2].error and answers[4].error and "Traceback" not in answers[2].error
    answers[4].refused()
    if name != "nothing":
        assert str(answers[1]) == str(answers[3]) == str(answers[5]) and good in str(answers[1])


# ---- values and errors ----

def test_functions_in_expressions(any_gdb, tm, tracing):
    status = tm.json("status", tracing.pid)
    answers = any_gdb.ask(["print $_tm_traced()", "attach %d" % tracing.pid, "output $_tm_traced()", "output $_tm_peak()",
                           "print $_tm_tracing() && $_tm_peak() >= $_tm_traced()", "detach", "print $_tm_peak()"])
    assert [int(str(answers[i])) for i in (2, 3)] == [status["traced_memory"], status["peak_traced_memory"]]
    assert "= 1" in str(answers[4])
    answers[0].refused("no process and no core")
    answers[6].refused("no process and no core")


GROWING = """
import os, tracemalloc
tracemalloc.start()
held = []
for number in range(1, 30):
    held.append(bytearray(100000))
    os.ctermid()
"""


THREADS = """
import threading, time
for _ in range(3):
    threading.Thread(target=lambda: [time.sleep(0.0001) for _ in iter(int, 1)], daemon=True).start()
"""


@pytest.mark.parametrize("before", ["", THREADS], ids=["alone", "threads"])
def test_a_breakpoint_condition(any_gdb, before):
    """While it is tested, the other threads run on."""
    answers = any_gdb.ask(["set breakpoint pending on", "break ctermid if $_tm_traced() > 1000000", "run", "output $_tm_traced()", "tm status --json"],
                          "--args", PYTHON, "-S", "-c", before + GROWING)
    assert 1000000 < int(str(answers[3])) < 1300000
    assert answers[4].json()["complete"] and answers[4].json()["stopped_by"] == "the debugger"


def test_the_status_is_left_in_a_variable(any_gdb, core):
    steps = ["tm status", "output $_tm_status", "core-file %s" % core, "tm status", "output $_tm_status", "tm statistics --by nothing",
             "output $_tm_status", "tm traceback 1", "output $_tm_status", "tm statistics /nowhere/core", "output $_tm_status", "tm version",
             "output $_tm_status"]
    answers = any_gdb.ask(steps)
    assert [str(answers[i]) for i in (1, 4, 6, 8, 10, 12)] == ["1", "0", "2", "1", "1", "0"]


@pytest.mark.parametrize("command", ["tm statistics --by nothing", "tm statistics -n", "tm traceback", "tm traceback 1 +", "tm traceback nothing",
                                     "tm statistics 'unclosed", "tm snapshot --name 7", "tm drop nothing", "tm status /dev/null",
                                     "tm status --read direct --core /", "tm config nothing", "tm list extra", "tm traceback (char)0 ++ 1"])
def test_an_error_is_one_sentence(any_gdb, core, command):
    _, refused, again = any_gdb.ask(["core-file %s" % core, command, "tm status"])
    refused.refused()
    assert again.error is None
    shown = any_gdb.batch("-c", core, "-ex", command)
    assert shown.returncode == 1 and "Traceback" not in shown.stderr and "Python" not in shown.stderr
    assert refused.error.strip() in shown.stderr


def test_a_full_traceback_where_it_is_asked_for(any_gdb):
    shown = any_gdb.batch("-ex", "set python print-stack full", "-ex", "tm status")
    assert "Traceback (most recent call last)" in shown.stderr and "no process and no core" in shown.stderr
    for setting in ("message", "none"):
        shown = any_gdb.batch("-ex", "set python print-stack " + setting, "-ex", "tm status")
        assert "Traceback" not in shown.stderr


def test_scripts_stop_at_an_error(any_gdb, tmp_path):
    script = tmp_path / "script.gdb"
    script.write_text("echo before\\n\ntm status\necho after\\n\n")
    done = any_gdb.batch("-x", script)
    assert done.returncode == 1 and "before" in done.stdout and "after" not in done.stdout
    script = tmp_path / "script.py"
    script.write_text("import gdb\ntry:\n    gdb.execute('tm status')\nexcept gdb.error as error:\n    print('caught', type(error), error)\n")
    assert "caught <class 'gdb.error'> " in any_gdb.batch("-x", script).stdout


def test_names_that_are_no_text(any_gdb, tmp_path):
    any_gdb.ask(["tm status /tmp/\u4e16"])[0].refused("/tmp/\u4e16", "o such file")
    done = any_gdb.batch("-ex", b"tm status /tmp/\xff".decode(errors="surrogateescape"))
    assert done.returncode == 1 and done.stderr.count("\n") <= 2 and "Traceback" not in done.stderr


# ---- the screen ----

def test_pipe(any_gdb, core, tm):
    shown = any_gdb.batch("-c", core, "-ex", "pipe tm statistics | head -2")
    assert "\n".join(shown.stdout.splitlines()[-2:]) == "\n".join(tm.output("statistics", core).splitlines()[:2])


def test_what_goes_to_a_file(any_gdb, core, tm, tmp_path):
    out = tmp_path / "out"
    any_gdb.ask(["core-file %s" % core, "tm statistics --json -n 0 -o %s" % out, "set logging file %s.log" % out,
                 "set logging redirect on", "set logging enabled on", "tm traces", "set logging enabled off"])
    assert out.read_text() == tm.output("statistics", core, "--json", "-n", 0)


def test_enter_repeats_nothing(any_gdb, core):
    with any_gdb.terminal("-c", core) as terminal:
        first = terminal.do("tm snapshot")
        assert "Snapshot 1:" in first
        assert "Snapshot" not in terminal.do("")
        assert "Snapshot 2:" in terminal.do("tm snapshot")


def test_the_pager(any_gdb, core):
    with any_gdb.terminal("-c", core, height=10) as terminal:
        terminal.do("set width 200")
        for command in ("tm traces -n 0", "tm help", "tm traces -n 0 --json"):
            terminal.send(command)
            terminal.child.expect_exact("--Type <RET> for more, q to quit, c to continue without paging--")
            terminal.send("q")
            said = terminal.prompt()
            assert "Traceback" not in said and "Python" not in said.replace("Python 3", ""), said
            assert "= 42" in terminal.do("print 6 * 7")
        terminal.send("tm traces -n 40")
        terminal.child.expect_exact("to continue without paging--")
        terminal.send("c")
        assert terminal.prompt().count(" B\n") > 20
        terminal.do("set height 0")
        assert "tracing: yes" in terminal.do("tm status")


def test_styles(any_gdb, core):
    environment = {"TERM": "xterm-256color"}
    with any_gdb.terminal("-c", core, environment=environment) as terminal:
        terminal.do("set style enabled on")
        assert "\x1b[" in terminal.do("tm statistics --format table").replace("\x1b[?2004", "").replace("\x1b[K", "")
        colored = terminal.do("tm statistics --format table")
        assert re.search(r"\x1b\[[0-9;]*m", colored)
        terminal.do("set style enabled off")
        bare = terminal.do("tm statistics --format table")
        assert not re.search(r"\x1b\[[0-9;]*m", bare)
        assert re.search(r"\x1b\[[0-9;]*m", terminal.do("tm statistics --format table --color always"))
        terminal.do("set style enabled on")
        assert not re.search(r"\x1b\[[0-9;]*m", terminal.do("tm statistics --format table --color never"))
    shown = any_gdb.batch("-c", core, "-ex", "tm statistics --format table")
    assert "\x1b[" not in shown.stdout.split("Size", 1)[-1]


def test_tables_are_as_wide_as_the_screen(any_gdb, core):
    with any_gdb.terminal("-c", core) as terminal:
        for width in (80, 120):
            terminal.do("set width %d" % width)
            lines = plain(terminal.do("tm statistics --by traceback --format table")).splitlines()
            assert max(len(line) for line in lines if not line.startswith("# ")) <= width


def test_functions_say_why_and_no_more(any_gdb, core):
    """Without the names of Python's classes (ask() sees to that), and on one line."""
    answers = any_gdb.ask(["print $_tm_traced()", "core-file %s" % core, "print $_tm_traced(1)", "output $_tm_traced()"])
    answers[0].refused("no process and no core")
    answers[2].refused("it takes no arguments")
    assert answers[3].out.isdigit()


def test_defaults_that_gdb_has_no_room_for(any_gdb):
    answers = any_gdb.ask(["tm config limit 99999999999", "tm config limit --json", "tm config quiet on", "show tm quiet", "set tm limit 7", "tm config limit --json"])
    assert not any(answer.error for answer in answers)
    assert answers[1].json()["rows"][0]["value"] == 99999999999 and "is on" in answers[3].out and answers[5].json()["rows"][0]["value"] == 7


def test_any_text_is_a_default(any_gdb):
    answers = any_gdb.ask(["set tm exe /it's \"one\" \\ more", "tm config exe --json", "show tm exe"])
    assert answers[1].json()["rows"][0]["value"] == "/it's \"one\" \\ more" and "/it's" in answers[2].out


def test_all_defaults_at_once(any_gdb):
    answers = any_gdb.ask(["tm config", "show tm", "set tm", "set tm nonsense", "show tm nonsense 1"])
    assert "limit" in str(answers[0]) and str(answers[0]) == str(answers[1]) == str(answers[2])
    answers[3].refused('Undefined set tm command: "nonsense"')
    answers[4].refused('Undefined show tm command: "nonsense"')


def test_the_home_folder(gdb, core, tmp_path):
    steps = ["tm snapshot %s -o ~/one.tm" % core, "tm statistics ~/one.tm -n 1", "tm statistics %s -n 1" % core, "tm statistics '~/one.tm'"]
    answers = gdb.ask(steps, environment={"HOME": str(tmp_path)})
    assert (tmp_path / "one.tm").exists() and str(answers[1]).split("\n")[1:] == str(answers[2]).split("\n")[1:]
    answers[3].refused("~/one.tm", "No such file")
    assert complete(gdb, "tm status ~/one", environment={"HOME": str(tmp_path)}) == [["tm status ~/one.tm"]]
