"""A threaded Python that has something to do: says when tracemalloc traces, and after a line on its input what became of it."""

import ctypes
import gc
import os
import signal
import sys
import threading
import time
import tracemalloc

kind = sys.argv[1]
received = []
over = threading.Event()
rounds = 0  # of the main thread


def tell():
    while not tracemalloc.is_tracing():
        time.sleep(0.01)
    os.write(1, b"tracing %d\n" % tracemalloc.get_traceback_limit())


def come_and_go():
    while True:
        thread = threading.Thread(target=str)
        thread.start()
        thread.join()
        time.sleep(0.002)


def allocate():
    while True:
        [str(n) for n in range(1000)]


def main_allocates():
    global rounds
    while True:
        held = [str(n) for n in range(1000)]
        rounds += 1
        del held


def listen():
    sys.stdin.readline()
    held = [[str(n)] for n in range(50000)]
    gc.collect()
    time.sleep(0.05)  # for what is still to come
    before = rounds
    while rounds == before and kind != "asleep":
        time.sleep(0.01)
    traced = tracemalloc.is_tracing() and tracemalloc.get_traced_memory()[0] > 1000000
    os.write(1, ("worked %d %r %r\n" % (len(held), received, traced)).encode())
    os._exit(0)


def main():
    global rounds
    if kind == "allocate":
        main_allocates()
    elif kind == "waiting":
        while not over.wait(0.5):
            rounds += 1
    elif kind == "asleep":
        while True:
            time.sleep(1000)
    elif kind == "long":
        start = time.perf_counter()
        sum(range(1000000))
        sum(range(int(12e6 / (time.perf_counter() - start))))  # one call, of some ten seconds on any machine
        main_allocates()
    while "TracerPid:\t0\n" in open("/proc/self/status").read():
        time.sleep(0.01)
    time.sleep(0.5)
    if kind == "exit":
        os._exit(3)
    elif kind == "killed":
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
        main_allocates()
    elif kind == "fault":
        ctypes.string_at(0)


# SIGCONT: LLDB sends one whenever it detaches
for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT, signal.SIGALRM, signal.SIGSEGV, signal.SIGABRT}:
    signal.signal(number, lambda number, frame: received.append(int(number)))
signal.alarm(120)
for one in tell, listen, allocate, come_and_go:
    threading.Thread(target=one, daemon=True).start()
os.write(1, b"ready\n")
main()
