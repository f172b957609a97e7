"""The commands of the table in LLDB: what they are called, what they say, what goes wrong, what is completed, what is coloured."""

import re
import time

import pytest

import sources
from debugger import PLUGIN



# ---- errors ----

@pytest.mark.parametrize("line,status", [
    ("statistics /nonexistent", 1), ("statistics %s" % PLUGIN, 1), ("statistics --by size", 2), ("statistics a b", 2),
    ("statistics -n many", 2), ("drop nothing", None), ("config format xml", 2), ("traceback 0x10 --in {core}", None),
])
def test_an_error_is_the_shells(any_lldb, tm, core, line, status):
    answer, = any_lldb.ask(["tm " + line.format(core=core)])
    said = answer.refused()
    done = tm.run(*line.format(core=core).split())
    assert answer.status == (done.returncode if status is None else status)
    if not line.startswith(("drop", "config")):  # for which the shell has no session
        assert said.replace("error: ", "", 1).strip() == done.stderr.decode().replace("tm: ", "", 1).strip()


@pytest.mark.parametrize("line", ["nosuch", "statistics --nosuch", "statistics 'open", "statistics /nonexistent", "statistics", "lldb"])
def test_a_script_stops_at_an_error(any_lldb, line):
    done = any_lldb.batch("-o", "tm " + line, "-o", "script print('went on')")
    assert done.returncode == 1 and "went on\n" not in done.stdout
    assert re.search("error: |invalid command", done.stdout + done.stderr) and "Traceback" not in done.stderr


def test_an_error_cannot_write_on_the_screen(any_lldb, tmp_path):
    path = tmp_path / "a\x1b[31mb"
    path.write_text("no core")
    answer, = any_lldb.ask(["tm statistics '%s'" % path])
    assert "\\x1b[31m" in answer.refused()


def test_without_a_target(any_lldb):
    answer, = any_lldb.ask(["tm statistics"])
    answer.refused("no process and no core", "SOURCE")


def test_not_tracing(any_lldb):
    with sources.Python(sources.NOT_TRACING) as process:
        answer, status = any_lldb.ask(["tm statistics", "tm status"], "-p", process.pid)
    answer.refused("not tracing", "PYTHONTRACEMALLOC")
    assert answer.status == 3 and status.status == 0


# ---- names and help ----

def test_every_command_is_there(any_lldb, tm, tm_commands):
    names = [row["name"] for row in tm_commands if not row["shell"]]
    answers = any_lldb.ask([*("help tm " + name for name in names), *("tm help " + name for name in names), "help tm"])
    words = [re.sub(r"\s+", " ", answer.out) for answer in answers]
    for i, name in enumerate(names):
        row = next(row for row in tm_commands if row["name"] == name)
        assert row["summary"] in words[i] and "Usage: tm " + name in words[i] and "Example:" in words[i]
        assert all("--" + option["name"] in words[i] for option in row["options"])
        assert str(answers[len(names) + i]) == tm.output("help", name)
        assert "%s -- " % name in words[-1]


@pytest.mark.parametrize("short,whole", [("tm stati -n 3", "tm statistics -n 3"), ("tm stats -n 3", "tm statistics -n 3"),
                                         ("tm comp", "tm compare"), ("tm diff", "tm compare"), ("tm tb 1", "tm traceback 1")])
def test_short_names(any_lldb, core, short, whole):
    one, other = any_lldb.ask([short, whole], "-c", core)
    assert (one.out, one.error) == (other.out, other.error)


def test_options_in_every_form(any_lldb, tm, core):
    lines = ["-n3 --by filename", "-n 3 --by=filename", "--limit=3 --by 'filename'", "--lim 3 --by \"filename\""]
    answers = any_lldb.ask(["tm statistics " + line for line in lines] +
                           ["tm statistics -jqn0", "tm statistics -n 0 --include '*a b*' --include * --domain 0", "tm statistics --exclude=* -n 0"],
                           "-c", core)
    assert [str(answer) for answer in answers[:4]] == [tm.output("statistics", core, "-n", 3, "--by", "filename")] * 4
    assert str(answers[4]) == tm.output("statistics", core, "-jqn0")
    assert str(answers[5]) == tm.output("statistics", core, "-n", 0, "--include", "*a b*", "--include", "*", "--domain", 0)
    assert str(answers[6]) == tm.output("statistics", core, "--exclude=*", "-n", 0)


# ---- the session ----

def test_snapshots_are_kept(any_lldb, core, tmp_path):
    file = tmp_path / "kept.tm"
    answers = any_lldb.ask(["tm snapshot", "tm snapshot --name second", "tm list --json", "tm statistics second -n 0", "tm statistics -n 0",
                            "tm compare", "command script import '%s'" % PLUGIN, "tm list --json", "tm drop 1", "tm list --json",
                            "tm snapshot -o '%s'" % file, "tm statistics '%s' -n 0" % file], "-c", core)
    names = [[row["name"] for row in answers[i].json()["rows"]] for i in (2, 7, 9)]
    assert names == [["1", "second"], ["1", "second"], ["second"]]
    assert str(answers[3]).split("\n", 1)[1] == str(answers[4]).split("\n", 1)[1] == str(answers[11]).split("\n", 1)[1]
    assert "+0 B" in str(answers[5]).split("\n")[0]


def test_defaults_last(any_lldb, tm, core):
    answers = any_lldb.ask(["tm config format json", "tm config limit 2", "tm statistics", "command script import '%s'" % PLUGIN,
                            "tm statistics", "tm config limit"], "-c", core)
    expected = tm.output("statistics", core, "-n", 2, "--json")
    assert str(answers[2]) == str(answers[4]) == expected
    assert '"2"' in str(answers[5]) or "2" in str(answers[5])


@pytest.mark.parametrize("locale", ["C", "de_DE.UTF-8"])
def test_a_locale_changes_nothing(any_lldb, tm, tmp_path, locale):
    name = tmp_path / "é \x1b[1m,\u2028.py"
    name.write_text(sources.TRACING)
    code = "exec(compile(open(%r).read(), %r, 'exec'))" % (str(name), str(name))
    commands = ["statistics -n 0", "statistics -n 0 --json", "statistics --format table", "statistics --format csv"]
    with sources.Python(code) as process:
        expected = [tm.output(*command.split(), process.pid) for command in commands]
        answers = any_lldb.ask(["script import locale; print(locale.localeconv()['decimal_point'])"] +
                               ["tm " + command for command in commands], "-p", process.pid, environment={"LC_ALL": locale})
    assert [str(answer) for answer in answers[1:]] == expected and "é" in expected[0]


def test_output_reaches_a_pipe_in_the_c_locale(any_lldb, core):
    done = any_lldb.batch("-c", core, "-o", "tm help statistics", "-o", "tm statistics --format table", environment={"LC_ALL": "C"})
    assert done.returncode == 0 and "█" in done.stdout


# ---- at a terminal ----

BLUE = "\x1b[34m"
SHOWN = " blocks; Python "


def test_colour_is_lldbs_setting(any_lldb, core):
    with any_lldb.terminal("-c", core) as terminal:
        assert BLUE not in terminal.do("tm statistics --format table")
        assert BLUE in terminal.do("tm statistics --format table --color always")
        terminal.send("settings set use-color true")  # which may colour the prompt, too
        terminal.send("tm statistics --format table")
        terminal.child.expect_exact(BLUE)


def test_enter_repeats_nothing(any_lldb, core):
    if any_lldb.major < 19:
        pytest.skip("LLDB %s asks nobody before it repeats a line" % any_lldb.version)
    with any_lldb.terminal("-c", core) as terminal:
        assert SHOWN in terminal.do("tm statistics")
        assert SHOWN not in terminal.do("")


SLOW = """
import tracemalloc
tracemalloc.start()
held = [bytearray(i % 90) for i in range(600000)]
"""


@pytest.fixture(scope="module")
def large():
    with sources.Python(SLOW) as process:
        yield process


def test_interrupted(any_lldb, large):
    """Through LLDB's server that takes long."""
    with any_lldb.terminal("-p", large.pid) as terminal:
        for _ in range(2):
            terminal.send("tm statistics --read debugger")
            time.sleep(0.7)
            start = time.monotonic()
            terminal.child.sendintr()
            said = terminal.prompt()
            assert time.monotonic() - start < 0.5
            assert SHOWN not in said and "Traceback" not in said
        assert SHOWN in terminal.do("tm statistics --read direct")


def test_progress_is_lldbs(any_lldb, large, tmp_path):
    if any_lldb.major < 20:
        pytest.skip("LLDB %s lets nobody report progress" % any_lldb.version)
    file = tmp_path / "titles"
    steps = ["script lldb.tm_listener = lldb.SBListener('tm')",
             "script lldb.debugger.GetBroadcaster().AddListener(lldb.tm_listener, lldb.SBDebugger.eBroadcastBitProgress | "
             "lldb.SBDebugger.eBroadcastBitExternalProgress)",
             "tm statistics --read debugger",
             "script event = lldb.SBEvent(); file = open(%r, 'w')" % str(file),
             "script while lldb.tm_listener.GetNextEvent(event): print(lldb.SBDebugger.GetProgressDataFromEvent(event)"
             ".GetValueForKey('title').GetStringValue(99), file=file, flush=True)"]
    for answer in any_lldb.ask(steps, "-p", large.pid):
        str(answer)
    assert "tm" in file.read_text().splitlines()


# ---- completion ----

COMPLETE = ("script m = lldb.SBStringList(); lldb.debugger.GetCommandInterpreter().HandleCompletion(%r, %d, 0, -1, m); "
            "open(%r, 'a').write(repr(sorted(set(m)))+chr(10))")


def completed(lldb, tmp_path, lines, *arguments, before=()):
    file = tmp_path / "completed"
    file.unlink(missing_ok=True)
    lldb.ask([*before, *(COMPLETE % (line, len(line), str(file)) for line in lines)], *arguments, cwd=tmp_path)
    return [set(eval(line)) - {""} for line in file.read_text().splitlines()]


def test_names_are_completed(any_lldb, tmp_path):
    commands, = completed(any_lldb, tmp_path, ["tm sta"])
    assert {"statistics", "stats", "status"} <= commands


def test_words_are_completed(any_lldb, core, tmp_path):
    if any_lldb.major < 20:
        pytest.skip("LLDB %s completes file names only" % any_lldb.version)
    (tmp_path / "some.core").write_text("")
    (tmp_path / "some folder").mkdir()
    lines = ["tm statistics --b", "tm statistics --by ", "tm statistics --by=f", "tm statistics --format table --by f", "tm statistics ",
             "tm config format ", "tm drop ", "tm statistics -c some", "tm statistics --nosuch ", "tm help st"]
    by, keys, key, again, found, formats, drop, files, nothing, commands = completed(
        any_lldb, tmp_path, lines, before=["tm snapshot '%s' --name nightly" % core])
    assert "--by" in by and keys == {"filename", "lineno", "traceback"} and "--by=filename" in key and "filename" in again
    assert {"nightly", "some.core"} <= found and formats == {"csv", "json", "table", "text"} and "nightly" in drop
    assert files == {"some.core", "some folder/"} and not {"statistics"} & nothing and commands >= {"statistics", "status"}


def test_the_home_folder(any_lldb, core, tmp_path):
    steps = ["tm snapshot '%s' -o ~/one.tm" % core, "tm snapshot '%s' --output=~/two.tm" % core, "tm statistics ~/one.tm -n 1", "tm statistics '%s' -n 1" % core]
    answers = any_lldb.ask(steps, environment={"HOME": str(tmp_path)})
    assert (tmp_path / "one.tm").exists() and not any(answer.error for answer in answers if answer is not answers[1])
    assert str(answers[2]).split("\n")[1:] == str(answers[3]).split("\n")[1:]
    assert answers[1].error is None if any_lldb.major >= 20 else answers[1].error  # a shell does not look behind '=' either
