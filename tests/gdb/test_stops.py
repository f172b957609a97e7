"""A threaded process that allocates all the time, stopped at random moments: every snapshot is exact, or says that it is torn."""

import json
import os
import random
import signal
import time

import pytest

import sources

# Every thread keeps lists of known length at lines of its own, so an exact snapshot can be told from a short one.
BUSY = """
import threading, tracemalloc
tracemalloc.start(3)
def work(number):
    held = []
    while True:
        held.append([bytearray(100 + number) for _ in range(50)])
        held.append({i: str(i) * 3 for i in range(40)})
        if len(held) > 400:
            del held[:100]
threads = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(4)]
for thread in threads:
    thread.start()
"""
READY = "import signal, time\nsignal.alarm(%d)\n%s\nprint('ready', flush=True)\ntime.sleep(600)"
STOPS = 20 if os.environ.get("TM_QUICK") else 200
STEP = """
import json, tm
answer = {}
try:
    snapshot = tm.take_snapshot()
    status = json.loads(gdb.execute('tm status --json', to_string=True))
    answer = {'complete': status['complete'], 'notes': [str(note) for note in status['notes'] or ()], 'walked': len(snapshot.traces),
              'sum': sum(trace.size for trace in snapshot.traces), 'traced': status['traced_memory'],
              'counted': status['tables']['traces']['entries']}
except (gdb.error, tm.Error, RuntimeError) as error:
    answer = {'error': str(error)}
print(json.dumps(answer))
"""


def test_random_stops(gdb, tmp_path):
    """The numbers of the target itself, its counts and sums, are the measure: a snapshot that calls itself complete has them all."""
    script = tmp_path / "step.py"
    script.write_text(STEP)
    rng = random.Random(7)
    torn, refused = 0, []
    with sources.Python(BUSY, wait=READY) as busy:
        with gdb.terminal("-p", busy.pid) as terminal:
            terminal.do("set pagination off")
            for number in range(STOPS):
                terminal.send("continue")
                terminal.child.expect("Continuing")
                time.sleep(rng.random() * 0.05)
                os.kill(busy.pid, signal.SIGINT)
                terminal.prompt()
                said = terminal.do("source %s" % script)
                answer = json.loads(next(line for line in said.splitlines() if line.startswith("{")))
                if "error" in answer:
                    refused.append(answer["error"])
                elif not answer["complete"]:
                    torn += 1
                    assert answer["notes"], "nothing says what is missing"
                else:
                    assert answer["sum"] == answer["traced"] and answer["walked"] == answer["counted"], answer
                if number % 10 == 0:  # the same from both roads, whatever it is
                    roads = [terminal.do("tm statistics --json -n 0 --read " + road) for road in ("direct", "debugger")]
                    assert roads[0] == roads[1]
                assert busy.alive()
            assert "= 42" in terminal.do("print 6 * 7")
            terminal.do("handle SIGINT nopass")
            terminal.do("detach")
        assert busy.alive()
    print("%d stops: %d torn, %d refused: %s" % (STOPS, torn, len(refused), refused[:2]))
    assert len(refused) + torn < STOPS / 2, refused
    assert not any("not tracing" in error for error in refused), refused
