"""tm traceback EXPR: the address is GDB's to evaluate, in the language of the frame it shows."""

import glob
import re

import pytest

import interpreters
import sources

SOURCE = """
import os, tracemalloc
tracemalloc.start(5)
def made():
    return [object() for _ in range(3)] + ["".join(["no such", " folder"])]
held = made()
os.rmdir(held[3])
"""


@pytest.fixture(scope="module")
def python(request):
    """An interpreter with debug info."""
    for one in reversed(interpreters.interpreters(request.config)):
        if one.label.startswith("pyenv-3.1") and interpreters.library(one.path):
            return one
    pytest.skip("no interpreter with debug info")


@pytest.fixture(scope="module")
def program(python, tmp_path_factory):
    path = tmp_path_factory.mktemp("program") / "program.py"
    path.write_text(SOURCE)
    return ["--args", python.path, "-S", str(path)]


STOP = ["set breakpoint pending on", "break os_rmdir", "run"]
WHERE = re.compile(r'File ".*program\.py", line \d+')


def ask(gdb, program, expressions):
    answers = gdb.ask([*STOP, *expressions], *program)
    assert answers[2].error is None, answers[2].error
    return answers[len(STOP):]


def test_a_variable_of_a_c_frame(any_gdb, program):
    by_name, by_number, register, indirect, member = ask(any_gdb, program, [
        "tm traceback args[0]", "python gdb.execute('tm traceback %d' % int(gdb.parse_and_eval('args[0]')))",
        "python gdb.execute('set $mine = args[0]'); gdb.execute('tm tb $mine')", "tm traceback *args", "tm traceback args[0]->ob_refcnt"])
    for answer in (by_name, by_number, register, indirect):
        assert WHERE.search(str(answer)), answer
        assert str(answer) == str(by_name)
    assert member.error or "block" in member.out  # a number is an address, whatever it counts


def test_registers_addresses_and_values_in_memory(any_gdb, program):
    """On entry the third argument is in a register; what is in memory means its address."""
    _, entry, register, lvalue, pointer, inside = ask(any_gdb, program, [
        "break *os_rmdir", "output/x args[0]", "python gdb.execute('set $reg = (long)args[0]'); gdb.execute('tm traceback $reg')",
        "tm traceback *args[0]", "tm traceback args[0]", "tm traceback (char *)args[0] + 4"])
    assert WHERE.search(str(lvalue)) and str(lvalue) == str(pointer) == str(register)
    assert WHERE.search(str(inside)) and str(entry).strip() in str(pointer) or "block" in str(inside)


def test_the_program_counter_is_no_block(any_gdb, program):
    ask(any_gdb, program, ["tm traceback $pc"])[0].refused("no traced block at 0x")


def test_quotes_blanks_and_dashes(any_gdb, program):
    plain, *others = ask(any_gdb, program, [
        "tm traceback args[0]", "tm traceback ( PyObject * ) args [ 0 ]", "tm traceback --most-recent-first -- args[0]", "tm traceback -- args[1 - 1]",
        "tm traceback -- 0 - -(long)args[0]", "tm traceback (long)args[0] + sizeof(\"\") - 1", "tm traceback (long)args[0] + 'a' - 'a'",
        "tm traceback (args[0]) --full-paths", "tm traceback args[0] --json"])
    for answer in (others[0], *others[2:6]):
        assert str(answer) == str(plain)
    assert WHERE.search(str(others[1])) and WHERE.search(str(others[6]))
    assert others[7].json()["rows"][0]["traceback"]


@pytest.mark.parametrize("expression", ["nothing", "args[", "args[0] ? 1", "os_rmdir_impl", "(double)1 / 0.", "$nothing", "\"text\"", "{char}0", "sizeof(int", "--"])
def test_what_is_no_address_is_refused(any_gdb, program, expression):
    ask(any_gdb, program, ["tm traceback " + expression])[0].refused()


def test_in_a_snapshot_of_the_session(any_gdb, program):
    _, live, kept = ask(any_gdb, program, ["tm snapshot --name now", "tm traceback args[0]", "tm traceback args[0] --in now"])
    assert WHERE.search(str(live)) and WHERE.search(str(kept))


def test_beside_python_gdb(any_gdb, python, program):
    """CPython's own extension prints objects in its way; values stay values."""
    found = glob.glob(python.path.rsplit("/", 1)[0] + "/python*-gdb.py")
    if not found:
        pytest.skip("no python-gdb.py beside %s" % python.path)
    plain, = ask(any_gdb, program, ["tm traceback args[0]"])
    _, printed, same, stack, status = ask(any_gdb, program, ["source " + found[0], "output args[0]", "tm traceback args[0]", "py-bt", "tm status"])
    assert "no such folder" in str(printed)
    assert str(same) == str(plain)
    assert status.error is None and stack.error is None and "program.py" in str(stack)
