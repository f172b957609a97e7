"""The rows of tm's tables as GDB's commands, MI commands, settings and functions."""

import json
import re

import gdb
import tm
from .host import host, reported, run, session


class Command(gdb.Command):
    """A row of the table of commands."""

    def __init__(self, name):
        super().__init__(("tm " + name).strip(), gdb.COMMAND_DATA, prefix=not name)
        self.name = name

    def invoke(self, argument, from_tty):
        self.dont_repeat()
        run(self.name + " " + argument)
        if "config".startswith(self.name or argument.split(" ")[0]):
            Setting.refresh()

    def complete(self, text, word):
        line = (self.name + " " + text).lstrip()
        words, start, expression = session.complete(line)
        if not words and expression:
            return gdb.COMPLETE_EXPRESSION
        # GDB breaks words at '-' and '/', too, and wants what follows the last break. (Its own COMPLETE_FILENAME knows one argument only.)
        skip = len(line) - start - len(word or "")
        return [one[skip:] for one in words]


class MiCommand(getattr(gdb, "MICommand", object)):  # GDB 12
    """A row of the table of commands for front ends: what '--json' would print, as MI's own lists and tuples."""

    def __init__(self, row):
        super().__init__("-tm-" + row["name"])
        self.words = [row["name"], *("--json" for option in row["options"] if option["name"] == "json")]

    def invoke(self, arguments):
        host.kept = []
        try:
            run([*self.words, *arguments])
            text = "".join(host.kept).strip()
        finally:
            host.kept = None
        if text.startswith("{"):
            return json.loads(text, object_pairs_hook=self.names)
        return {"message": text} if text else None

    @staticmethod
    def names(pairs):
        """Of letters, digits, '-' and '_', all that MI has; null is left out, and MI makes strings of numbers by itself."""
        return {re.sub("[^A-Za-z0-9_-]", "_", name): str(value).lower() if isinstance(value, bool) else value
                for name, value in pairs if value is not None}


class Setting(gdb.Parameter):
    """A row of 'tm config', as 'set tm NAME'."""

    KINDS = {"flag": gdb.PARAM_BOOLEAN, "number": gdb.PARAM_ZUINTEGER, "choice": gdb.PARAM_ENUM, "string": gdb.PARAM_OPTIONAL_FILENAME}
    every = []

    def __init__(self, row):
        self.set_doc = "Set the default of tm's option --%s." % row["name"]
        self.show_doc = "Show the default of tm's option --%s." % row["name"]
        self.__doc__ = row["help"]
        arguments = ["tm " + row["name"], gdb.COMMAND_DATA, self.KINDS[row["type"]]]
        super().__init__(*arguments, *([row["choices"]] if row["choices"] else []))
        self.name = row["name"]
        self.every.append(self)

    def get_set_string(self):
        value = {True: "on", False: "off"}.get(self.value, self.value) if isinstance(self.value, bool) else self.value
        run(["config", self.name, "" if value is None else str(value)])
        return ""

    def get_show_string(self, value):
        return "The default of tm's option --%s is %s." % (self.name, value or "not set")

    @classmethod
    def refresh(cls):
        values = session.settings()
        for setting in cls.every:
            value = values[setting.name]
            setting.value = min(value, 0x7fffffff) if type(value) is int else value  # GDB has no larger ones


class Prefix(gdb.Command):
    """Defaults of tm's options."""

    def __init__(self, name):
        super().__init__(name, gdb.COMMAND_DATA, prefix=True)
        self.name = name

    def invoke(self, arguments, from_tty):
        if arguments:
            raise gdb.GdbError("Undefined %s command: \"%s\".  Try \"help %s\"." % (self.name, arguments.split()[0], self.name))
        run(["config"])


class Function(gdb.Function):
    def __init__(self, name, get):
        super().__init__(name)
        self.get = get

    def invoke(self, *arguments):
        if arguments:
            raise gdb.GdbError("it takes no arguments")
        try:
            return self.get()
        except (tm.Error, gdb.error) as error:
            raise reported(error) from error
