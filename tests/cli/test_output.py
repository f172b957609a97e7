"""What tm prints: the formats agree, nothing raw gets through, and help tells the truth."""

import csv
import fcntl
import io
import json
import os
import pathlib
import pty
import re
import select
import shlex
import shutil
import struct
import subprocess
import termios
import tracemalloc

import pytest

import shell
from target import Target, Unavailable

FORMATS = ["text", "table", "json", "csv"]
READERS = ["compare", "dump", "filter", "snapshot", "statistics", "status", "traceback", "traces"]
CONTROL = ["clear-traces", "reset-peak", "start", "stop"]
SESSION = ["break", "config", "drop", "gdb", "lldb", "load", "record"]  # of a debugger's session, or a debugger itself
COMMANDS = sorted([*READERS, *CONTROL, *SESSION, "help", "install-gdb", "install-lldb", "list", "run", "version"])
VIEWS = [
    ["status"], ["statistics", "-n", "0"], ["statistics", "-n", "0", "--by", "filename"],
    ["statistics", "-n", "0", "--by", "traceback"], ["statistics", "-n", "0", "--cumulative"],
    ["statistics", "-n", "0", "--by", "filename", "--cumulative"], ["traces", "-n", "0"]]


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """The core of a target with odd names, huge sizes and many domains; its own name is odd, too."""
    folder = tmp_path_factory.mktemp("odd")
    target = Target("/usr/bin/python3", folder, ["--domains", "--nframe", "3", "--count", "400"])
    try:
        path = target.core()
        named = os.path.join(os.fsencode(folder), b"core \x1b[31m\n\x9b\xff,\"'\xc2\x85")
        os.rename(path, named)
        yield os.fsdecode(named)
    except Unavailable as why:
        pytest.skip(str(why))
    finally:
        target.close()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def odd_file(tm, odd):
    path = odd + ".tm"
    tm.output("snapshot", odd, "-o", path)
    return path


def untimed(text):
    """Without the time at which the target was read: it differs from run to run."""
    return re.sub(r'("time":|^time,)\d+', r"\1", text, flags=re.M)


def unique(pairs):
    assert len(dict(pairs)) == len(pairs), "a key twice"
    return dict(pairs)


def parsed(text):
    """JSON whose every number is an exact integer."""
    return json.loads(text, object_pairs_hook=unique, parse_float=pytest.fail, parse_constant=pytest.fail)


def csv_rows(text):
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def escaped(text):
    short = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return re.sub("[\x00-\x1f\x7f-\x9f\ud800-\udfff]", lambda match: short.get(match[0]) or (
        "\\u%04x" if ord(match[0]) > 0xff else "\\x%02x") % ord(match[0]), text)


def frames(row):
    return [[frame["filename"], frame["lineno"]] for frame in row["traceback"]]


def size(number):
    return tracemalloc._format_size(number, False)


def lines(text):
    assert text.endswith("\n")
    return [line for line in text.split("\n")[:-1]]


@pytest.mark.parametrize("view", VIEWS, ids=" ".join)
def test_the_formats_agree(tm, odd, view):
    outputs = {form: tm.output(*view, odd, "--format", form) for form in FORMATS}
    answer = parsed(outputs["json"])
    assert answer["schema"] == "tm.%s/1" % view[0] and answer["complete"] is True and answer["notes"] == []
    table = csv_rows(outputs["csv"])
    assert {(row["schema"], row["complete"]) for row in table} == {(answer["schema"], "true")}
    if view[0] == "status":
        return status_agrees(answer, table, outputs)
    rows = answer["rows"]
    assert len(rows) == len(table) > 10
    for row, line in zip(rows, table):
        assert int(line["size"]) == row["size"] and json.loads(line["traceback"]) == frames(row)
        for key in "count", "address", "domain", "total_nframe":
            assert (key in row) == (key in line) and str(row.get(key)) == str(line.get(key))
    if view[0] == "traces":
        texts = ["%s:%d: %s" % (escaped(row["traceback"][0]["filename"]), row["traceback"][0]["lineno"], size(row["size"]))
                 for row in rows]
    else:
        assert sum(row["size"] for row in rows) == answer["total"]["size"] or answer["cumulative"]
        assert sum(row["count"] for row in rows) == answer["total"]["count"] or answer["cumulative"]
        assert len(rows) == answer["total"]["rows"]
        texts = ["%s:%d: size=%s, count=%d, average=%s" % (
            escaped(row["traceback"][0]["filename"]), row["traceback"][0]["lineno"], size(row["size"]), row["count"],
            size(row["size"] / row["count"])) for row in rows]
    assert [line for line in lines(outputs["text"]) if not line.startswith("# ") or line in texts] == texts
    shown = [line for line in lines(outputs["table"]) if not line.startswith("# ")][1:]
    assert len(shown) == len(rows)
    for row, line in zip(rows, shown):
        assert line.lstrip().startswith(size(row["size"]) + " ")
        assert "count" not in row or "  %s  " % format(row["count"], ",") in line


def status_agrees(answer, table, outputs):
    flat = {}
    for key, value in answer.items():
        if isinstance(value, dict):
            for name, facts in value.items():
                flat.update(("%s.%s.%s" % (key, name, fact), number) for fact, number in facts.items())
        elif key not in ("schema", "complete", "notes", "time"):
            flat[key] = value
    spelled = {None: "", True: "true", False: "false"}
    said = {row["name"]: row["value"] for row in table}
    assert len(said) == len(table), "a name twice"
    assert abs(int(said.pop("time")) - answer["time"]) < shell.LIMIT
    flat["target"] = re.sub("[\udc80-\udcff]", lambda byte: "\\x%02x" % (ord(byte[0]) & 0xff), flat["target"])
    assert said == {key: spelled[value] if value in (None, True, False) and not type(value) is int else escaped(str(value))
                    for key, value in flat.items()}
    for form in "text", "table":
        text = outputs[form]
        assert format(answer["traced_memory"], ",") + " bytes" in text
        assert format(answer["peak_traced_memory"], ",") + " bytes" in text
        assert format(answer["tracemalloc_memory"], ",") + " bytes" in text
        assert format(answer["traces"], ",") + " blocks" in text
        assert answer["python"] in text and "limit %d" % answer["traceback_limit"] in text
        for facts in list(answer["tables"].values())[:8]:
            assert "at 0x%x: %s of %s entries" % (facts["address"], format(facts["read"], ","), format(facts["entries"], ",")) in text


def test_sums_beyond_64_bits_are_exact(tm, odd):
    total = parsed(tm.output("statistics", odd, "--json"))["total"]
    assert total["size"] > 1 << 64
    assert total["size"] == sum(row["size"] for row in parsed(tm.output("traces", odd, "-n", 0, "--json"))["rows"])


@pytest.mark.parametrize("view", VIEWS, ids=" ".join)
def test_a_snapshot_file_says_the_same(tm, odd, odd_file, view):
    for form in FORMATS:
        core, file = (tm.run(*view, source, "--format", form) for source in (odd, odd_file))
        assert core.returncode == file.returncode == 0
        assert untimed(core.stdout.decode()) == untimed(file.stdout.decode())


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("view", VIEWS, ids=" ".join)
def test_nothing_raw_gets_through(tm, odd, odd_file, view, form):
    for source in odd, odd_file:
        for more in ["--color", "never"], ["--full-paths", "-q"]:
            harmless(tm.run(*view, source, "--format", form, *more))


def harmless(done):
    assert done.returncode == 0
    for stream in done.stdout, done.stderr:
        text = stream.decode("utf-8")  # and no lone surrogate: they do not decode
        raw = shell.CONTROLS.search(text)
        assert not raw, "a raw control character in %r" % text[max(0, raw.start() - 40):raw.end() + 40]


@pytest.mark.parametrize("form", FORMATS)
def test_tracebacks_let_nothing_raw_through(tm, odd, form):
    rows = parsed(tm.output("traces", odd, "-n", 0, "--json"))["rows"]
    names = set()
    for row in rows:
        for frame in row["traceback"]:
            if frame["filename"] not in names and escaped(frame["filename"]) != frame["filename"]:
                names.add(frame["filename"])
                harmless(tm.run("traceback", hex(row["address"]), "--in", odd, "--format", form))
    assert len(names) >= 7


def test_the_message_of_snapshot_is_harmless(tm, odd, tmp_path):
    harmless(tm.run("snapshot", odd, "-o", tmp_path / "a\x1b[31m\n\x9b"))


def test_a_comma_locale_changes_nothing(tm, core, tmp_path):
    if not shutil.which("localedef"):
        pytest.skip("no localedef")
    made = subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8", str(tmp_path / "de_DE.UTF-8")],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=shell.LIMIT)
    if not (tmp_path / "de_DE.UTF-8").exists():
        pytest.skip("localedef: %s" % made.stdout.decode(errors="replace").strip())
    german = {"LOCPATH": str(tmp_path), "LC_ALL": "de_DE.UTF-8", "LANG": "de_DE.UTF-8", "LC_NUMERIC": "de_DE.UTF-8"}
    comma = subprocess.run(["/usr/bin/printf", "%.1f", "0"], env={**os.environ, **german},
                           stdout=subprocess.PIPE, timeout=shell.LIMIT).stdout
    assert comma == b"0,0", "the locale is not in use"
    for view in VIEWS + [["help"], ["help", "--man"]]:
        for form in FORMATS if view[0] != "help" else [None]:
            words = view if form is None else [*view, core, "--format", form]
            assert untimed(tm.output(*words, environment=german)) == untimed(tm.output(*words, environment={"LC_ALL": "C"}))


# ---- colour, the default format ----

def on_a_terminal(tm, *arguments, environment=None):
    """What tm writes to a terminal of 100 columns."""
    master, slave = pty.openpty()
    try:
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 24, 100, 0, 0))
        process = subprocess.Popen([tm.path, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=slave, stderr=slave,
                                   env={**{k: v for k, v in os.environ.items() if k != "NO_COLOR"}, **(environment or {})})
        os.close(slave)
        slave = None
        text = b""
        while select.select([master], [], [], shell.LIMIT)[0]:
            try:
                piece = os.read(master, 65536)
            except OSError:
                break
            if not piece:
                break
            text += piece
        assert process.wait(shell.LIMIT) == 0
        return text.decode("utf-8")
    finally:
        os.close(master)
        if slave is not None:
            os.close(slave)


def test_colour(tm, core):
    table = ["statistics", core, "--format", "table"]
    assert "\x1b[" in on_a_terminal(tm, *table)
    assert "\x1b[" in on_a_terminal(tm, *table, environment={"NO_COLOR": ""})
    assert "\x1b[" not in on_a_terminal(tm, *table, environment={"NO_COLOR": "1"})
    assert "\x1b[" not in on_a_terminal(tm, *table, "--color", "never")
    assert "\x1b[" in on_a_terminal(tm, *table, "--color", "always", environment={"NO_COLOR": "1"})
    assert "\x1b[" not in tm.output(*table)
    assert "\x1b[" not in tm.output(*table, "--color=auto")
    coloured = tm.output(*table, "--color=always")
    assert "\x1b[" in coloured
    assert re.sub("\x1b\\[[0-9;]*m", "", coloured) == tm.output(*table)


@pytest.mark.parametrize("form", ["text", "json", "csv"])
def test_only_tables_are_coloured(tm, core, form):
    assert "\x1b[" not in tm.output("statistics", core, "--format", form, "--color", "always")


def test_the_default_is_text_terminal_or_not(tm, core):
    text = tm.output("statistics", core, "--format", "text")
    assert tm.output("statistics", core) == text
    assert on_a_terminal(tm, "statistics", core).replace("\r\n", "\n") == text


@pytest.mark.parametrize("form", FORMATS)
def test_tm_format(tm, core, form):
    expected = tm.output("statistics", core, "--format", form)
    assert tm.output("statistics", core, environment={"TM_FORMAT": form}) == expected
    for other in FORMATS:
        assert tm.output("statistics", core, "--format", form, environment={"TM_FORMAT": other}) == expected
    assert tm.output("statistics", core, environment={"TM_FORMAT": ""}) == tm.output("statistics", core)
    assert tm.run("snapshot", core, "-o", "/dev/null", environment={"TM_FORMAT": form}).returncode == 0


def test_json_in_three_ways(tm, core):
    expected = tm.output("statistics", core, "--format", "json")
    for words in ["-j"], ["--json"], ["--format=json"], ["--form", "json"], ["-jq"], ["--format", "csv", "--format", "json"]:
        assert tm.output("statistics", core, *words) == expected


def test_output_files_hold_the_same(tm, core, tmp_path):
    for number, view in enumerate(VIEWS):
        for form in FORMATS:
            path = tmp_path / ("%d.%s" % (number, form))
            assert tm.output(*view, core, "--format", form, "-o", path) == ""
            assert untimed(path.read_text()) == untimed(tm.output(*view, core, "--format", form))


def test_quiet(tm, core):
    loud, quiet = tm.output("statistics", core), tm.output("statistics", core, "-q")
    assert lines(loud)[0].startswith("# ") and lines(loud)[1:] == lines(quiet)
    loud, quiet = (lines(tm.output("statistics", core, "--format", "table", *words)) for words in ([], ["-q"]))
    assert loud[2:] == quiet


def test_full_paths(tm, core):
    name = parsed(tm.output("statistics", core, "--by", "filename", "--json"))["rows"][0]["traceback"][0]["filename"]
    assert name in tm.output("statistics", core, "--format", "table", "--full-paths")


# ---- rows ----

def test_how_many_rows(tm, core):
    rows = {n: parsed(tm.output("traces", core, *words, "--json")) for n, words in {
        None: [], 0: ["-n", 0], 1: ["-n1"], 5: ["--limit=5"], 16: ["-n", "0x10"], 1 << 64: ["-n", (1 << 64) - 1]}.items()}
    everything = rows[0]["rows"]
    assert len(everything) > 100 and rows[1 << 64]["rows"] == everything
    for n, answer in rows.items():
        assert answer["rows"] == everything[:{None: 10, 0: None, 1 << 64: None}.get(n, n)]
        assert answer["total"] == rows[0]["total"], "the total is of all rows, shown or not"
    for form in FORMATS:
        assert len(lines(tm.output("traces", core, "-n", 0, "--format", form, "-q"))) >= len(everything)
    assert sum(row["size"] for row in everything) == rows[1]["total"]["size"]


# ---- the words of the command line ----

@pytest.mark.parametrize("short,command", [
    ("stats", "statistics"), ("stati", "statistics"), ("statis", "statistics"), ("statu", "status"), ("traces", "traces"),
    ("tracebac", "traceback"), ("traceb", "traceback"), ("tb", "traceback"), ("sn", "snapshot"), ("v", "version"), ("h", "help")])
def test_prefixes_and_aliases(tm, core, short, command):
    assert tm.output("help", short) == tm.output("help", command)
    assert tm.output(short, "--help") == tm.output(command, "--help")


def test_prefixes_of_options(tm, core):
    assert tm.output("statistics", core, "--cum", "--lim", 3) == tm.output("statistics", core, "--cumulative", "--limit", 3)
    assert tm.output("statistics", "-c", core, "-qn", 2) == tm.output("statistics", "--core", core, "--quiet", "--limit=2")
    assert tm.output("status", "--", core) == tm.output("status", core)


def test_names_that_look_like_something_else(tm, core, tmp_path):
    for name in "1", "-x", "status", "0x10", "--json", "-1":
        shutil.copy(core, tmp_path / name)
    def total(*words):
        return parsed(tm.output("statistics", *words, "--json", cwd=tmp_path))["total"]
    expected = total(core)
    assert total("1") == total("-c", "1") == total("./1") == total("--core=-x") == total("./-x") == expected
    assert total("status") == total("0x10") == total("--core=--json") == total("-1") == expected
    assert parsed(tm.output("statistics", "--json", "--", "-x", cwd=tmp_path))["total"] == expected


# ---- help ----

@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command(tm, command):
    text = tm.output("help", command)
    for words in [command, "--help"], [command, "-h"], [command, "no-such-file", "--help"]:
        if command == "help" and words != ["help", "--help"]:
            continue
        if command in ("record", "run") and "no-such-file" in words:  # what follows is a program's
            continue
        assert tm.output(*words) == text or command == "help"
    assert "Usage: tm %s" % command in text and "Example:" in text
    assert max(map(len, lines(text))) <= 120
    for line in lines(text):
        assert line == line.rstrip(), "blanks at the end of %r" % line


def test_tm_alone_helps(tm):
    text = tm.output()
    assert text == tm.output("help") == tm.output("--help") == tm.output("-h")
    for command in COMMANDS:
        assert "\n  %s " % command in text
    assert re.findall(r"^  ([a-z-]+) ", text, re.M) == COMMANDS


def test_version(tm):
    assert re.match(r"tm \d+\.\d+\.\d+", tm.output("version"))
    assert tm.output("version") == tm.output("--version") == tm.output("-V")


def options(tm, command):
    return re.findall(r"^  (?:-(\w), |    )--([a-z-]+)(?: ([A-Z]+))?", tm.output("help", command), re.M)


@pytest.mark.parametrize("command", READERS)
def test_every_option_of_the_help_is_taken(tm, command, tmp_path):
    """None of them is a usage error; the source does not exist."""
    values = {"by": "filename", "limit": "1", "frames": "1", "in": "missing", "core": "missing", "pid": "0", "format": "csv",
              "color": "never", "output": str(tmp_path / "out"), "domain": "1", "exclude-domain": "1", "read": "direct", "as": "tm", "for-python": "3.8"}
    for letter, name, value in options(tm, command):
        words = [values.get(name, "x")] if value else []
        operand = {"traceback": ["0x1"], "compare": ["./missing", "./missing"]}.get(command, ["./missing"])
        if name in ("core", "pid"):
            operand = {"traceback": ["0x1"], "compare": ["./missing"]}.get(command, [])
        if name == "name":  # of a debugger's session
            continue
        if command == "traceback" and name not in ("in", "core", "pid"):
            operand += ["--in", "./missing"]
        if command in ("dump", "snapshot", "filter") and name != "output":
            operand += ["-o", tmp_path / "out"]
        for spelled in ["--" + name, *["-" + letter] * bool(letter)]:
            done = tm.run(command, *operand, spelled, *words)
            assert done.returncode in (0, 1), (spelled, done.stderr)
    assert not os.listdir(tmp_path)


def examples(text):
    return [line.strip().replace("\\-", "-") for line in text.split("\n") if re.match(r"\s*tm [a-z]", line.replace("\\-", "-"))
            and not line.startswith(("tm reads", "tm \\-"))]


def test_the_examples_work(tm, core, tmp_path):
    found = [line for command in COMMANDS for line in examples(tm.output("help", command).split("Example:")[1])]
    assert len(found) >= len(COMMANDS)
    page = tm.output("help", "--man")
    found += examples(page.split(".SH EXAMPLES")[1].split(".SH")[0])
    os.symlink(core, tmp_path / "core")
    tm.output("snapshot", core, "-o", tmp_path / "before.tm")
    (tmp_path / "job.py").write_text("print('done')")
    for line in found:
        words = shlex.split(line)[1:]
        if words[0] in SESSION or words[0] in CONTROL:  # the PID of an example may be somebody's
            continue
        # A home of its own: examples write into init files.
        done = tm.run(*words, cwd=tmp_path, environment={**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": ""})
        assert done.returncode != 2, (line, done.stderr)
        if "core" in words and words[0] != "traceback":  # a PID or an address of an example need not be there
            assert done.returncode == 0, (line, done.stderr)
        for path in tmp_path.glob("*.tm"):
            if path.name != "before.tm":
                path.unlink()
        for path in tmp_path.glob("*.pickle"):
            path.unlink()


def test_the_manual_page(tm, tmp_path):
    page = tmp_path / "tm.1"
    page.write_text(tm.output("help", "--man"))
    if shutil.which("man"):
        words = ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", str(page)]
    elif shutil.which("groff"):
        words = ["groff", "-man", "-ww", "-Tutf8", str(page)]
    else:
        pytest.skip("neither man nor groff")
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env={**os.environ, "MANWIDTH": "80", "PAGER": "cat"}, timeout=shell.LIMIT)
    if b"No manual entry" in done.stderr or b"minimized" in done.stdout:
        pytest.skip("man does not work here: %s" % done.stderr.decode(errors="replace").strip())
    assert done.returncode == 0 and not done.stderr, done.stderr
    text = re.sub(".\x08|\x1b\\[[0-9;]*m", "", done.stdout.decode("utf-8"))
    for command in COMMANDS:
        assert "tm %s" % command in text
        for _, name, _ in options(tm, command):
            assert "--" + name in text
    for word in "EXIT STATUS", "TM_FORMAT", "NO_COLOR", "EXAMPLES":
        assert word in text


def test_the_readme_names_no_option_that_is_not_there(tm):
    """Every "tm COMMAND ... --option" that the README shows."""
    readme = pathlib.Path(__file__).resolve().parents[2] / "README.md"
    known = {command: {name for _, name, _ in options(tm, command)} for command in COMMANDS}
    for line in re.findall(r"^\s*(?:\$ )?(?:build/bin/)?tm ([a-z].*)$", readme.read_text(), re.M):
        words = line.split("#")[0].split()
        if words[0] in known:
            for option in re.findall(r"--([a-z-]+)", " ".join(words)):
                assert option in known[words[0]], line
