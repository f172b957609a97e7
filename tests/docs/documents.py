"""The blocks of commands in a Markdown file.

    ```sh-session       "$ COMMAND", then what it prints; all in one shell
    ```gdb-session      "$ COMMAND" starts GDB; then "(gdb) COMMAND" or ">LINE", and what GDB prints
    ```lldb-session     "$ COMMAND" starts LLDB; then "(lldb) COMMAND", and what LLDB prints
    ```python-session   ">>> STATEMENT" ("... LINE"), then what it prints; the module tm is there
    ```sh               commands alone, a line each: all must succeed
    ```KIND NAME        the text of a file NAME, which later blocks use
    <!-- run: ... -->   commands alone that the reader does not see

A block indented by four blanks is taken as "sh" when its first word is a command's. In what is printed, "…" stands for
anything on its line, and a line "…" for any lines; blank lines do not count. PID, ADDRESS and PORT stand for a process that
traces, for a block in the core file "core", and for a free port; "core" is there when a document begins.
"""

import re
from dataclasses import dataclass

SESSIONS = {"sh-session": ("$ ", "> "), "gdb-session": ("(gdb) ", ">"), "lldb-session": ("(lldb) ", "\0"), "python-session": (">>> ", "... ")}
COMMANDS = re.compile(r"\$ |\(gdb\) |\(lldb\) |(?:\w+=\S* )*(?:(?:/usr/bin/|build/bin/)?(?:tm|lldb|gdb|gdbserver|gcore|python3)|sh|cmake|pip|cp|rm)\s")


@dataclass
class Block:
    document: str
    number: int  # of its first line
    kind: str
    name: str
    lines: list

    def __str__(self):
        return "%s:%d" % (self.document, self.number)

    def steps(self):
        """(command, what it prints): both lists of lines."""
        first, more = SESSIONS[self.kind]
        steps = []
        for line in self.lines:
            start = first if steps or self.kind not in ("gdb-session", "lldb-session") else "$ "
            if (line + " ").startswith(start):
                steps.append(([line[len(start):]], []))
            elif steps and (line + " ").startswith(more):
                steps[-1][0].append(line[len(more):])
            else:
                assert steps, "%s does not begin with a command" % self
                steps[-1][1].append(line)
        return steps


def blocks(document, text):
    """All of them, in order."""
    found, lines, i = [], text.split("\n"), 0
    while i < len(lines):
        start, fence, hidden = i, re.match(r"( *)```([\w-]*) ?(\S*)$", lines[i]), re.match(r"<!-- run:(.*)", lines[i])
        if fence:
            i += 1
            while lines[i].strip() != "```":
                i += 1
            body = [line[len(fence.group(1)):] for line in lines[start + 1:i]]
            found.append(Block(document, start + 2, fence.group(2), fence.group(3), body))
        elif hidden:
            while "-->" not in lines[i]:
                i += 1
            body = "\n".join(lines[start:i + 1])[len("<!-- run:"):].split("-->")[0].strip().split("\n")
            found.append(Block(document, start + 1, "sh", "", body))
        elif lines[i].startswith("    ") and (not i or not lines[i - 1].strip()):
            while i + 1 < len(lines) and (lines[i + 1].startswith("    ") or not lines[i + 1].strip()):
                i += 1
            body = [line[4:] for line in lines[start:i + 1] if line.strip()]
            found.append(Block(document, start + 1, "sh" if COMMANDS.match(body[0]) else "", "", body))
        i += 1
    return found


def agree(expected, printed):
    """Whether these lines are those that the document shows."""
    expected = [line.rstrip() for line in expected if line.strip()]
    pattern = "".join("(?:.*\n)*" if line.strip() == "…" else ".*".join(map(re.escape, line.split("…"))) + "\n" for line in expected)
    return re.fullmatch(pattern, "".join(line.rstrip() + "\n" for line in printed if line.strip())) is not None
