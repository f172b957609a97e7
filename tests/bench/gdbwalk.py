"""Sourced in GDB by gdb.py: a part of tracemalloc's table walked as a script without tm would do it, in two ways.

Takes the table's address from $TM_TABLE and how many traces to walk from $TM_WALK; prints microseconds per trace as JSON.
"""
import json
import os
import struct
import time

import gdb


def values(table, most):
    """With gdb.Value, as CPython's python-gdb.py reads everything."""
    words = gdb.lookup_type("unsigned long").pointer()

    def at(address):
        return gdb.Value(address).cast(words)
    number, buckets = int(at(table)[1]), at(int(at(table)[2]))
    walked = size = 0
    for bucket in range(number):
        entry = int(buckets[bucket])
        while entry:
            fields = at(entry)
            trace = at(int(fields[3]))
            size += int(trace[0])
            traceback = int(trace[1])  # noqa: F841
            key = int(fields[2])  # noqa: F841
            entry = int(fields[0])
            walked += 1
        if walked >= most:
            break
    return walked


def small_reads(table, most):
    """With one read_memory call for each structure."""
    read = gdb.selected_inferior().read_memory

    def words(address, count):
        return struct.unpack("=%dQ" % count, read(address, 8 * count))
    _, number, buckets = words(table, 3)
    walked = size = 0
    for bucket in range(number):
        entry, = words(buckets + 8 * bucket, 1)
        while entry:
            following, _, key, trace = words(entry, 4)
            bytes_, traceback = words(trace, 2)
            size += bytes_
            entry = following
            walked += 1
        if walked >= most:
            break
    return walked


def main():
    table, most = int(os.environ["TM_TABLE"], 0), int(os.environ["TM_WALK"])
    answer = {}
    for walk in (values, small_reads):
        begin = time.perf_counter()
        walked = walk(table, most)
        answer[walk.__name__] = (time.perf_counter() - begin) / walked
    print("walked " + json.dumps(answer))


main()
