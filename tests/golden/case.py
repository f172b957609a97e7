"""Case files: command lines and what they print.

    # words about the case
    @ only module gdb          the front ends that can run it; all of them otherwise
    @ present cookie.core      a front end with a target of its own is also tried without this SOURCE, which then is its target
    @ mask numbers             what is hidden of both sides, see MASKS
    $ statistics cookie.core   a command line of tm
    ...                        its output
    ! 2 the message            its exit status and message, when it fails

In a command line {NAME} is a file or a number that the run knows; in the output it stands where that was printed.
"""

import re
from dataclasses import dataclass, field

MASKS = {
    "numbers": (re.compile(r"0x[0-9a-f]+|\d+([.,]\d+)*"), "N"),
    "times": (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|\b1[6-9]\d{8}\b"), "TIME"),
}


@dataclass
class Step:
    line: str
    output: list = field(default_factory=list)
    failure: str = ""

    def text(self):
        return "\n".join(["$ " + self.line, *self.output, *(["! " + self.failure] if self.failure else [])]) + "\n"


class Case:
    def __init__(self, path):
        self.path = path
        self.name = path.stem
        self.head, self.steps = [], []
        self.settings = {}
        for line in path.read_text().split("\n")[:-1]:
            if line.startswith("$ "):
                self.steps.append(Step(line[2:]))
            elif not self.steps:
                self.head.append(line)
                if line.startswith("@ "):
                    key, *words = line[2:].split()
                    self.settings[key] = words
            elif line.startswith("! "):
                self.steps[-1].failure = line[2:]
            else:
                self.steps[-1].output.append(line)

    @property
    def present(self):
        return (self.settings.get("present") or [None])[0]

    def runs_in(self, front):
        return front in self.settings.get("only", [front])

    def masked(self, text):
        for name in self.settings.get("mask", ()):
            pattern, instead = MASKS[name]
            text = pattern.sub(instead, text)
        return text

    def expected(self):
        return "".join(step.text() for step in self.steps)

    def update(self, found):
        self.path.write_text("".join(line + "\n" for line in self.head) + found)
        self.__init__(self.path)
