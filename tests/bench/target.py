"""A process with many traced blocks, for the benchmark.

    python target.py --traces N --nframe F

holds about N traces, made at a few thousand lines of a few hundred made-up files, with a third of the blocks freed
again on the way as in a real service. It prints one line of JSON when it is ready and then answers one line of JSON
to each line it reads:

    core DIR            a forked child, which has the very same tables, dumps core in DIR
    measure [KEY ...]   times its own take_snapshot() and statistics(KEY); the default is lineno
    quit

Runs on every Python from 3.6 and needs nothing but the standard library.
"""
import argparse
import ctypes
import gc
import json
import os
import random
import resource
import signal
import sys
import time
import tracemalloc
import warnings

MADV_POPULATE_WRITE = 23  # Linux 5.14; before, it fails and changes nothing
libc = ctypes.CDLL(None)

FILES = 250
FUNCTIONS_PER_FILE = 10
CHAINS = 40000
DEPTH = (11, 16)  # more than the 10 frames that are kept

# Each function allocates one kind of object: (expression, traces per object).
KINDS = (
    ("bytes({size})", 1),
    ("str(i + {size}000)", 1),
    ("i * 1.5 + {size}", 1),
    ("(i + {size}000, 'key')", 2),
    ("[i, None, {size}]", 2),
    ("bytearray({size})", 2),
    ("{{'id': i, 'size': {size}}}", 2),
)

FUNCTION = """\
def work{number}(chain, depth, count):
    if depth:
        return chain[depth](chain, depth - 1, count)
    batch = []
    for i in range(count):
        batch.append({expression})
    return batch

"""


def make_functions(rng):
    """Returns [(function, traces per object), ...], each at its own lines of a made-up file."""
    functions = []
    for f in range(FILES):
        filename = "/srv/shop/package%02d/module%03d.py" % (f % 30, f)
        source, weights = "", []
        for number in range(FUNCTIONS_PER_FILE):
            expression, weight = rng.choice(KINDS)
            source += FUNCTION.format(number=number, expression=expression.format(size=rng.randrange(1, 80)))
            weights.append(weight)
        names = {}
        exec(compile(source, filename, "exec"), names)
        functions += [(names["work%d" % number], weight) for number, weight in enumerate(weights)]
    return functions


def make_chains(rng, functions):
    """Random walks over a call graph: [(functions, innermost first; traces per object), ...]."""
    callees = [rng.sample(range(len(functions)), 4) for _ in functions]
    chains = []
    for _ in range(CHAINS):
        walk = [rng.randrange(20)]  # few entry points, as in a service
        while len(walk) < rng.randint(*DEPTH):
            walk.append(rng.choice(callees[walk[-1]]))
        walk.reverse()
        chains.append(([functions[w][0] for w in walk], functions[walk[0]][1]))
    return chains


def allocate(rng, chains, traces):
    """Calls chains, the first ones more often, until about that many traces are held."""
    held, total = [], 0
    weight, weights = 0.0, []
    for rank in range(len(chains)):
        weight += 1 / (rank + 100)
        weights.append(weight)
    while total < traces:
        for chain, per_object in rng.choices(chains, cum_weights=weights, k=100):
            count = rng.randint(1, 19)
            depth = len(chain) - 1
            batch = chain[depth](chain, depth - 1, count)
            held.append((batch, per_object * count + 3))
            total += per_object * count + 3
        for _ in range(33):
            victim = rng.randrange(len(held))
            held[victim], held[-1] = held[-1], held[victim]
            total -= held.pop()[1]
    return held, total


def memory(field):
    """A field of /proc/self/status in bytes."""
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    return 0


def reset_peak():
    """Makes VmHWM start again at the memory of now, where the kernel lets us."""
    try:
        with open("/proc/self/clear_refs", "w") as clear:
            clear.write("5")
    except OSError:
        pass


def measure(keys):
    """What a program does without tm: take_snapshot() and statistics(), in itself."""
    reset_peak()
    answer = {"rss_before": memory("VmRSS")}
    start = time.perf_counter()
    snapshot = tracemalloc.take_snapshot()
    answer["take_snapshot"] = time.perf_counter() - start
    blocks = snapshot.traces._traces
    answer["traces"] = len(blocks)
    answer["tracebacks"] = len({id(block[2]) for block in blocks})  # equal ones are one object
    for key in keys:
        start = time.perf_counter()
        snapshot.statistics(key)
        answer[key] = time.perf_counter() - start
    answer["rss_after"] = memory("VmRSS")
    answer["rss_peak"] = memory("VmHWM")
    return answer


def unshare_memory():
    """Takes the page faults now that fork left behind; else they would count as time of our own take_snapshot()."""
    with open("/proc/self/maps") as maps:
        regions = [line.split() for line in maps]
    for region in regions:
        start, end = (int(address, 16) for address in region[0].split("-"))
        if region[1] == "rw-p" and region[-1] != "[stack]":
            libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), MADV_POPULATE_WRITE)


def dump_core(folder):
    """Forks a child that aborts in the folder; whether the kernel wrote a core there is the caller's to see."""
    pid = os.fork()
    if pid == 0:
        try:
            hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
            resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
            os.chdir(folder)
            os.abort()
        finally:
            os._exit(1)
    status = os.waitpid(pid, 0)[1]
    unshare_memory()
    return {"dumped": os.WIFSIGNALED(status) and os.WCOREDUMP(status)}


def say(answer):
    print(json.dumps(answer), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--traces", type=int, default=100000)
    parser.add_argument("--nframe", type=int, default=1)
    parser.add_argument("--lifetime", type=int, default=1800, help="seconds after which it ends by itself")
    options = parser.parse_args()
    signal.alarm(options.lifetime)
    warnings.simplefilter("ignore")  # fork beside the thread of pause_probe.c

    rng = random.Random(1)
    chains = make_chains(rng, make_functions(rng))
    gc.disable()
    tracemalloc.start(options.nframe)
    held, total = allocate(rng, chains, options.traces)
    gc.enable()

    say({"ready": True, "traces": total, "python": "%d.%d.%d" % sys.version_info[:3],
         "traced": tracemalloc.get_traced_memory()[0], "rss": memory("VmRSS")})
    for line in sys.stdin:
        command, *arguments = line.split()
        if command == "core":
            say(dump_core(arguments[0]))
        elif command == "measure":
            say(measure(arguments or ["lineno"]))
        elif command == "quit":
            break
    os._exit(0)  # freeing millions of blocks one by one takes seconds


if __name__ == "__main__":
    main()
