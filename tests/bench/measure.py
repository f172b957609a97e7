"""Runs commands and measures them from outside: output, wall time, peak memory.

Knows nothing of tm.
"""
import subprocess
import time

from subject import BenchError

COMMAND_SECONDS = 300


def start(command):
    try:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except OSError as error:
        raise BenchError("%s: %s" % (command[0], error.strerror))


def finish(command, process):
    try:
        output, errors = process.communicate(timeout=COMMAND_SECONDS)
    except subprocess.TimeoutExpired:
        raise BenchError("`%s` did not end in %d s" % (" ".join(command), COMMAND_SECONDS))
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    if process.returncode != 0:
        line = errors.decode(errors="replace").strip().split("\n")[-1]
        raise BenchError("`%s` ended with %d: %s" % (" ".join(command), process.returncode, line))
    return output


def run(command):
    return finish(command, start(command))


def wall(command):
    """Seconds from before fork to after wait: the whole process, its start, its output and its end."""
    begin = time.perf_counter()
    run(command)
    return time.perf_counter() - begin


def peak_memory(command):
    """The most memory that the process had for itself, in bytes, the largest of three runs.

    That is RssAnon + RssShmem of /proc/PID/status, looked at about every half millisecond: the pages of the mapped
    core and of libraries are not in it (RssFile), nor are pages of an output file that it maps. The kernel counts in
    batches, which may hide a few 100 KB. The output is small, so nobody needs to drain the pipes meanwhile."""
    peak, deadline = 0, time.monotonic() + COMMAND_SECONDS
    for _ in range(3):
        process = start(command)
        try:
            with open("/proc/%d/status" % process.pid, "rb", 0) as status:
                while process.poll() is None and time.monotonic() < deadline:
                    peak = max(peak, own_memory(status))
                    time.sleep(0.0005)
        except BaseException:
            process.kill()
            raise
        finally:
            finish(command, process)
    return peak


def own_memory(status):
    try:
        status.seek(0)
        text = status.read(4096)
    except ProcessLookupError:
        return 0
    total = 0
    for line in text.split(b"\n"):
        if line.startswith((b"RssAnon:", b"RssShmem:")):
            total += int(line.split()[1]) * 1024
    return total
