"""A row of the table of commands as LLDB's commands."""

import re

import lldb
import tm
from .host import run


class Command:
    """A row of the table of commands. It takes its line as it is; the module splits it."""

    row = {}

    def __init__(self, debugger, unused):
        self.debugger = debugger

    def __call__(self, debugger, arguments, context, result):
        run(debugger, self.row["name"] + " " + arguments, context, result)

    def get_short_help(self):
        return self.row["summary"]

    def get_long_help(self):
        return self.row["help"]

    def get_repeat_command(self, arguments):
        return ""  # Enter repeats nothing that may take long


class Parsed(Command):
    """The same where LLDB splits the line and lets us complete its words (LLDB 20 and later)."""

    TYPES = {"N": lldb.eArgTypeCount, "FILE": lldb.eArgTypeFilename, "DIR": lldb.eArgTypeDirectoryName}
    LETTERS = [chr(c) for c in range(1, 32) if c not in range(7, 16) and c != 27]  # that nobody types and no screen minds

    def __init__(self, debugger, unused):
        super().__init__(debugger, unused)
        self.words = []

    def __call__(self, debugger, arguments, context, result):
        arguments = [arguments.GetItemAtIndex(i).GetStringValue(1 << 16) for i in range(arguments.GetSize())]
        run(debugger, [self.row["name"], *self.words, "--", *arguments], context, result)

    def get_long_help(self):
        return re.sub(r"(?s)\nOptions:.*?\n\n", "\n", self.row["help"])  # which LLDB lists by itself

    def get_flags(self):
        return 0

    def get_options_definition(self):
        # LLDB numbers the options without a letter from 0 on, which ends its list of letters
        letters = iter(self.LETTERS)
        return {option["name"]: self.option_definition(option, option["letter"] or next(letters)) for option in self.row["options"]}

    def option_definition(self, option, letter):
        definition = {"short_option": letter, "required": False, "help": option["help"]}
        if option["value"]:
            kind = self.TYPES.get(option["value"], lldb.eArgTypeName)
            definition.update(value_type=kind, completion_type=lldb.eNoCompletion, dest=option["name"], default="")
        return definition

    def get_args_definition(self):
        return [[{"arg_type": lldb.eArgTypePath, "repeat": "optional"}]] if self.row["operands"] else []

    def option_parsing_started(self):
        self.words = []

    def set_option_value(self, context, name, value):
        takes_value = any(option["name"] == name and option["value"] for option in self.row["options"])
        self.words += ["--" + name, value] if takes_value else ["--" + name]
        return True

    def handle_option_argument_completion(self, name, position):
        value = self.words[-1][:position]
        return self.completed([value] if value.startswith("--") else ["--" + name, value])

    def handle_argument_completion(self, arguments, index, position):
        return self.completed([*arguments[:index], arguments[index][:position]])

    def completed(self, words):
        _, session = tm.lldb[self.debugger.GetID()]
        values, _, _ = session.complete([self.row["name"], *words])
        if len(values) == 1:
            return {"completion": values[0], "mode": "partial" if values[0].endswith("/") else "complete"}
        return {"values": values} if values else True


def kind_of(row):
    """Which class, and its options of 'command script add'. Expressions stay as they are typed."""
    try:
        from lldb.plugins.parsed_cmd import LLDBOptionValueParser
    except ImportError:
        return Command, ""
    if row["name"] not in ("traceback", "run", "record") and hasattr(LLDBOptionValueParser, "dest_for_option"):
        return Parsed, "-p"
    return Command, "-C %s" % ("variable-path" if row["name"] == "traceback" else "disk-file")
