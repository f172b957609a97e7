"""tm as a user runs it in a shell, with a limit on the time that it may take."""

import json
import os
import re
import subprocess
import time

LIMIT = 60  # seconds; what takes so long hangs
PROMPT = 2  # seconds within which a refusal must come
CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f]")


class Shell:
    def __init__(self, path):
        self.path = path

    def run(self, *arguments, prefix=(), environment=None, **options):
        settings = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": LIMIT,
                    **options}
        start = time.monotonic()
        done = subprocess.run([*prefix, self.path, *map(os.fsdecode, map(as_path, arguments))],
                              env={**os.environ, **(environment or {})}, **settings)
        done.seconds = time.monotonic() - start
        return done

    def output(self, *arguments, **options):
        done = self.run(*arguments, **options)
        assert done.returncode == 0, "tm %s: status %d: %s" % (
            " ".join(map(str, arguments)), done.returncode, done.stderr.decode(errors="replace"))
        assert done.stderr == b""
        return done.stdout.decode("utf-8")

    def json(self, *arguments, **options):
        return json.loads(self.output(*arguments, "--format", "json", **options))

    def refused(self, status, *arguments, says=(), **options):
        """tm ends with this status and one clear line that holds these words; returns the line."""
        return refusal(self.run(*arguments, **options), status, says)


def as_path(argument):
    return argument if isinstance(argument, (bytes, str)) else str(argument)


def refusal(done, status, says=()):
    text = done.stderr.decode("utf-8")  # an undecodable message fails here
    assert done.returncode == status, (done.returncode, text)
    assert text.startswith("tm: ") and text.endswith("\n") and text.count("\n") == 1, text
    assert len(text) > len("tm: x\n") and not CONTROLS.search(text), text
    for word in (says,) if isinstance(says, str) else says:
        assert word in text, text
    assert not done.stdout, done.stdout
    assert done.seconds < PROMPT, "%.1f s to say: %s" % (done.seconds, text)
    return text
