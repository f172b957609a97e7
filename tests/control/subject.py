"""A process that allocates in several threads all the time, says what its own tracemalloc says, and shows that it is well.

    PYTHON subject.py [SECONDS]     # of work to show at the end

reads commands from its standard input: "say" → a line of JSON; "work" → does all kinds of things for so long, then says how many.
"""
import gc
import json
import select
import signal
import sys
import threading
import time
import tracemalloc

signal.alarm(1200)  # it ends by itself, whatever becomes of the test
SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0


def allocate(rounds):
    kept = {}
    for number in range(rounds):
        kept[number % 97] = [bytearray(number % 700), str(number) * 3, {number: (number, number)}]
    return kept


over = threading.Event()
try:  # where an old C library has been unpacked without this one, no thread can end
    import ctypes
    THREADS_END = bool(ctypes.CDLL("libgcc_s.so.1"))
except (ImportError, OSError):
    THREADS_END = False


def forever():
    while True:
        allocate(500)
        time.sleep(1000 if over.is_set() else 0.0005)


def work():
    """Threads, imports, exceptions, collections, and tracemalloc switched by itself."""
    end, rounds = time.monotonic() + SECONDS, 0
    if tracemalloc.is_tracing():
        tracemalloc.stop()
    while time.monotonic() < end:
        tracemalloc.start(rounds % 9 + 1)
        held = allocate(300)
        assert tracemalloc.get_traced_memory()[0] > 0 and tracemalloc.get_traceback_limit() == rounds % 9 + 1
        assert len(tracemalloc.take_snapshot().traces) >= len(held) == 97
        tracemalloc.stop()
        if THREADS_END:
            thread = threading.Thread(target=allocate, args=(200,))
            thread.start()
            thread.join()
        sys.modules.pop("colorsys", None)
        __import__("colorsys")
        try:
            [][rounds]
        except IndexError:
            rounds += 1
        gc.collect()
    return rounds


def main():
    for _ in range(3):
        threading.Thread(target=forever, daemon=True).start()
    print("ready", flush=True)
    while True:
        if not over.is_set():
            allocate(200)
        if not select.select([sys.stdin], [], [], None if over.is_set() else 0.0005)[0]:
            continue
        line = sys.stdin.readline().strip()
        if line == "say":
            answer = {"tracing": tracemalloc.is_tracing(), "limit": tracemalloc.get_traceback_limit()}
            print(json.dumps(answer), flush=True)
        elif line == "work":
            print(json.dumps({"rounds": work(), "threads": threading.active_count()}), flush=True)
            over.set()
        elif not line:
            break


main()
