"""The program under test, as a user runs it."""

import json
import subprocess

LIMIT = 120  # seconds


class Program:
    """tm, with the options that tell it where a source's files are."""

    def __init__(self, path, *options):
        self.path = path
        self.options = options

    def run(self, *arguments):
        return subprocess.run([self.path, *map(str, arguments), *self.options], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LIMIT)

    def output(self, *arguments):
        done = self.run(*arguments)
        assert done.returncode == 0, "tm %s: status %d: %s" % (
            " ".join(map(str, arguments)), done.returncode, done.stderr.decode(errors="replace").strip())
        return done.stdout.decode("utf-8")

    def json(self, *arguments):
        return json.loads(self.output(*arguments, "--format", "json"))

    def lines(self, *arguments):
        text = self.output(*arguments, "--format", "text")
        assert text.endswith("\n") or not text
        return text.split("\n")[:-1]  # a name may hold other line separators
