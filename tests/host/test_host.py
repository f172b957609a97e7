"""A target behind callbacks gives what the process itself gives, with its map lent or with nothing but memory."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CHECK = pathlib.Path(os.environ.get("TM_BUILD", ROOT / "build")) / "bin" / "host_check"
PROGRAM = """
import time
keep = [bytearray(i % 500) for i in range(30000)] + [{i: str(i)} for i in range(5000)]
print("ready", flush=True)
time.sleep(120)
"""


def interpreters():
    lines = subprocess.run(["sh", str(ROOT / "fixtures" / "pythons.sh")], stdout=subprocess.PIPE, check=True, text=True).stdout
    rows = [line.split("\t") for line in lines.splitlines()]
    return [row for row in rows if row[1] == "release"]


@pytest.fixture(params=interpreters(), ids=lambda row: row[3])
def stopped(request):
    with subprocess.Popen([request.param[2], "-X", "tracemalloc=4", "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            process.send_signal(signal.SIGSTOP)
            until = time.monotonic() + 10
            while "T (" not in open("/proc/%d/status" % process.pid).read():
                assert time.monotonic() < until
                time.sleep(0.01)
            yield process.pid
        finally:
            process.kill()


@pytest.mark.parametrize("lent", ["regions", "none"])
def test_the_same_answer_through_callbacks(tm_path, stopped, lent):
    command = ["statistics", "--by", "traceback", "-n", "0", "--json"]
    own = subprocess.run([tm_path, *command, str(stopped)], stdout=subprocess.PIPE, check=True, timeout=60).stdout
    done = subprocess.run([str(CHECK), str(stopped), lent, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(own)["complete"] and json.loads(own)["total"]["count"] > 30000
    assert done.stdout == own
    reads = int(done.stderr.split()[-2])
    assert reads < 3000, "memory is read in large pieces"
