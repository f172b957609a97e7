"""tm run: the program traces from its first line, and is all that is left of tm."""

import json
import os
import signal
import subprocess

import pytest

PYTHON = "/usr/bin/python3"
REPORT = """
import json, os, sys, tracemalloc
print(json.dumps([sys.argv[1:], tracemalloc.is_tracing(), tracemalloc.get_traceback_limit(), os.environ["PYTHONTRACEMALLOC"], os.getppid()]))
"""


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(REPORT)
    return path


def report(tm, *words, **options):
    return json.loads(tm.output("run", *words, **options))


@pytest.mark.parametrize("options", [[], ["-E"], ["-I"], ["-X", "utf8"]], ids=str)
@pytest.mark.parametrize("given,limit", [([], 1), (["--nframe", "7"], 7), (["--nframe=65535"], 65535), (["--"], 1)], ids=str)
def test_a_python_traces(tm, program, options, given, limit):
    assert report(tm, *given, PYTHON, *options, program) == [[], True, limit, str(limit), os.getpid()]


def test_all_behind_the_program_is_its_own(tm, program):
    words = ["--nframe", "3", "-n", "--help", "--", "-h", "a b", "", "*", "--json"]
    assert report(tm, "--nframe", "2", PYTHON, program, *words)[:3] == [words, True, 2]
    many = [str(i) for i in range(2000)]
    assert report(tm, PYTHON, program, *many)[0] == many


def test_any_other_program_hands_the_environment_on(tm, program):
    program.write_text("#!/bin/sh\nexec %s -c '%s' \"$@\"\n" % (PYTHON, REPORT))
    program.chmod(0o755)
    assert report(tm, "--nframe", "4", program, "x")[:4] == [["x"], True, 4, "4"]
    config = program.with_name("python3-config")  # no Python: '-X' is not for it
    program.rename(config)
    assert report(tm, config, "x")[:3] == [["x"], True, 1]


@pytest.mark.parametrize("name", ["python", "python3.11", "python3.13d", "python3-dbg"])
def test_what_is_a_python_by_its_name(tm, tmp_path, name):
    (tmp_path / name).write_text("#!/bin/sh\necho \"$@\"\n")
    (tmp_path / name).chmod(0o755)
    assert tm.output("run", "--nframe", "6", tmp_path / name, "x") == "-X tracemalloc=6 x\n"


def test_the_status_is_the_program_s(tm):
    assert tm.run("run", PYTHON, "-c", "raise SystemExit(77)").returncode == 77
    killed = tm.run("run", PYTHON, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGINT)")
    assert killed.returncode == -signal.SIGINT or b"KeyboardInterrupt" in killed.stderr
    assert tm.run("run", "sh", "-c", "kill -TERM $$").returncode == -signal.SIGTERM


def test_input_and_output_are_the_program_s(tm_path):
    done = subprocess.run([tm_path, "run", "cat"], input=b"x\0y", stdout=subprocess.PIPE, timeout=60, check=True)
    assert done.stdout == b"x\0y"


@pytest.mark.parametrize("words,status,says", [
    ([], 2, "which program? usage: tm run PROGRAM"), (["nowhere-at-all"], 1, "nowhere-at-all: No such file or directory"),
    (["/etc"], 1, "/etc: Permission denied"), (["--nframe", "0", "true"], 2, "--nframe is 1 to 65535, not 0"),
    (["--nframe", "65536", "true"], 2, "--nframe is 1 to 65535"), (["--nframe", "x", "true"], 2, "takes a number"),
    (["--frames", "1", "true"], 2, "has no option '--frames'"),
], ids=str)
def test_refused(tm, words, status, says):
    tm.refused(status, "run", *words, says=says)


def test_help_stands_before_the_program(tm):
    assert "Usage: tm run [OPTION]... [PROGRAM [ARG...]]" in tm.output("run", "--help") and tm.output("run", "printf", "%s", "--help") == "--help"
