"""A process stopped inside an update of its tables: tm must say that something is missing, never be silently short."""

import os
import re
import shutil
import subprocess

import pytest

import interpreters
from program import Program
from target import LIMIT

GROW = "import os, tracemalloc; tracemalloc.start(); os.getppid(); held = [bytearray(1) for _ in range(20000)]\n"
# GDB stops where a table of many entries is made larger; only the traces become so many after getppid().
STOP = """
set pagination off
catch syscall getppid
run
delete
break hashtable_rehash if ht->{entries} > {least}
continue
printf "stopped with %d entries\\n", ht->{entries}
{step}
generate-core-file {core}
kill
"""
# The new array is filled bucket by bucket from the old one, which is still installed: stop at one in the middle, whose first entry gets
# another successor. GDB steps there, as not every machine has watchpoints that work.
MIDDLE = """
set can-use-hw-watchpoints 0
set $bucket = ht->{buckets} / 2
while ht->buckets[$bucket].head == 0 || *(long *) ht->buckets[$bucket].head == 0
  set $bucket = $bucket + 1
end
watch -l *(long *) ht->buckets[$bucket].head
delete 2
continue
"""
# The old array is freed, the new one not installed yet: at the end of the system call that unmaps it.
FREED = """
set $size = ht->{buckets} * sizeof(void *)
catch syscall munmap
condition $bpnum $rsi >= $size && $rsi < $size + 8192
continue
continue
"""


def pytest_generate_tests(metafunc):
    metafunc.parametrize("interpreter,step", [
        pytest.param(interpreter, step, id="%s-%s" % (interpreter.label, name))
        for interpreter in interpreters.interpreters(metafunc.config)
        if interpreter.label.startswith("pyenv") or interpreter.build == "debug"  # the others have no symbols
        for name, step in (("before", ""), ("middle", MIDDLE), ("freed", FREED))])


def stop_in_rehash(interpreter, step, folder):
    """A core that GDB took inside the rehash."""
    core, commands, program = folder / "core", folder / "commands", folder / "grow.py"
    new = interpreter.number >= (3, 9)
    names = {"entries": "nentries" if new else "entries", "buckets": "nbuckets" if new else "num_buckets"}
    commands.write_text(STOP.format(step=step.format(**names), core=core, least=600 if step == MIDDLE else 10000, **names))
    program.write_text(GROW)
    done = subprocess.run(
        ["gdb", "-nx", "-batch", "-iex", "set debuginfod enabled off", "-x", str(commands), "--args",
         interpreter.path, "-S", str(program)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LIMIT)
    if not re.search(r"^stopped with \d+ entries", done.stdout, re.MULTILINE) or not core.exists():
        pytest.skip("GDB could not stop there: " + " / ".join(done.stdout.strip().splitlines()[-2:]))
    return core


@pytest.mark.skipif(not shutil.which("gdb"), reason="no gdb")
def test_a_stop_in_a_rehash_is_not_complete(tm_path, tmp_path, interpreter, step):
    core = stop_in_rehash(interpreter, step, tmp_path)
    tm = Program(tm_path)
    try:
        answer = tm.json("statistics", core, "--by", "lineno", "-n", 0)
        assert answer["complete"] is False
        assert answer["notes"], "nothing says what is missing"
        if step == FREED and interpreter.number >= (3, 9):  # before that the new one is installed first
            assert answer["total"]["count"] == 0 and any("was being resized" in str(note) for note in answer["notes"]), answer["notes"]
            assert tm.json("status", core)["traced_memory"] > 20000
        assert tm.run("statistics", core, "--strict").returncode == 4
        assert tm.json("status", core)["complete"] is False
        assert any(line.startswith("# ") for line in tm.lines("statistics", core)), "the text says nothing"
    finally:
        os.remove(core)
