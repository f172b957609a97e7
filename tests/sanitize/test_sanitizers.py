"""Every command with the address, leak and undefined behaviour sanitizers: they find nothing, also where tm fails."""

import json
import os
import subprocess

import pytest

import cases
import conftest

UNITS = sorted(path.stem.replace("test_", "unit_") for path in (conftest.HERE.parent / "unit").glob("test_*.c"))
MISTAKES = {
    "out of bounds": "char *p = malloc(n); p[n] = 1; free(p);",
    "leak": "p = malloc(n); p = 0;",
    "overflow": "n += 2147483647;",
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_sanitizers_find_what_they_are_for(tmp_path, asan_environment, mistake):
    """The checks below would notice: these settings and this machine's compiler do report."""
    if mistake == "leak" and "detect_leaks=0" in asan_environment["ASAN_OPTIONS"]:
        pytest.skip("no LeakSanitizer in a process that is traced")
    source = tmp_path / "mistake.c"
    source.write_text("#include <stdlib.h>\nchar *volatile p;\nint main(int n, char **v)\n{\n\t%s\n\treturn n == 0;\n}\n"
                      % MISTAKES[mistake])
    program = str(tmp_path / "mistake")
    subprocess.run(["cc", "-g", "-fsanitize=" + conftest.SANITIZERS, "-fno-sanitize-recover=all", str(source), "-o", program],
                   check=True)
    done = subprocess.run([program], stderr=subprocess.PIPE, env={**os.environ, **asan_environment})
    with pytest.raises(AssertionError):
        cases.checked(done, (0,))


@pytest.mark.parametrize("unit", UNITS)
def test_unit(asan_folder, asan_environment, unit):
    done = subprocess.run([str(asan_folder / unit)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=120, env={**os.environ, **asan_environment})
    cases.checked(done, (0,))


def biggest(run, source):
    """The biggest block of domain 0 that has more than one byte."""
    rows = json.loads(run("traces", source, "-n", 0, "--json").stdout)["rows"]
    return next(row["address"] for row in rows if row["domain"] == 0)


def test_commands(asan, place):
    block = biggest(asan, place.source)
    for line in cases.COMMANDS:
        done = asan(*cases.words(line, place.source, block, place.object))
        assert done.stdout and not done.stderr, line
        if "--json" in line:
            answer = json.loads(done.stdout)
            assert answer["complete"], (line, answer["notes"])
            assert "traceback {object}" not in line or (answer["object"] and answer["rows"])


def test_a_snapshot_and_back(asan, place, tmp_path):
    path = tmp_path / "file.tm"
    asan("snapshot", place.source, "-o", path)
    block = biggest(asan, path)
    for line in cases.COMMANDS:
        if "{object}" not in line:  # needs memory, which a snapshot file does not have
            asan(*cases.words(line, path, block, place.object))
    for words in (["statistics", "--by", "traceback"], ["statistics", "--cumulative"], ["traces"]):
        there, back = (asan(*words, "-n", 0, "--json", source).stdout for source in (place.source, path))
        assert json.loads(there) == json.loads(back)


def test_options_that_say_where_files_are(asan, core, tmp_path):
    asan("statistics", core.source, "--exe", "/usr/bin/python3", "--debug-dir", tmp_path)
    asan("statistics", core.source, "--sysroot", tmp_path, status=(0, 1))
    asan("statistics", core.source, "-o", tmp_path / "file")
    asan("statistics", core.source, "-o", tmp_path / "file", "--force", "-q", "--full-paths")


def test_help(asan):
    asan("help")
    asan("version")
    for name in "help snapshot statistics status traceback traces version".split():
        asan("help", name)


def all_refused(asan, many):
    for name, words, status in many:
        done = asan(*words, status=status)
        assert done.returncode == 0 or done.stderr.startswith(b"tm: "), (name, done.stderr)


def test_what_cannot_be_done(asan, core, snapshot, tmp_path):
    all_refused(asan, cases.of_no_source(tmp_path, core.source, snapshot))


def test_damaged_snapshots(asan, snapshot, tmp_path):
    all_refused(asan, cases.of_damaged_snapshots(tmp_path, snapshot))


def test_cores_that_are_cut_off(asan, core, tmp_path):
    all_refused(asan, cases.of_cut_cores(tmp_path, core.source, (0.00001, 0.0001, 0.001, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9)))


def test_processes_that_do_not_trace(asan):
    all_refused(asan, cases.of_processes())


@pytest.mark.parametrize("variable", ["TM_FORMAT", "NO_COLOR", "COLUMNS"])
def test_odd_environment(asan_path, asan_environment, core, variable):
    for value in ("", "1", "json", "-5", "x" * 5000):
        done = subprocess.run([asan_path, "statistics", core.source], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=60, env={**os.environ, **asan_environment, variable: value})
        cases.checked(done, (0, cases.USAGE))
