"""The module tm in the interpreter that runs this, and what the checks share. No pytest here: any Python from 3.8 on."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.environ["TM_BUILD"], "python"))
import tm


def raises(kind, function, *arguments, says=None):
    """The exception, which must be of this very type."""
    try:
        value = function(*arguments)
    except BaseException as error:
        assert type(error) is kind, (kind, error)
        assert says is None or str(error) == says, str(error)
        return error
    raise AssertionError("%r instead of %s" % (value, kind.__name__))


def run(checks):
    """All functions check_* of the caller, by name; a reader sees how far it came."""
    for name, function in list(checks.items()):
        if name.startswith("check_"):
            start = time.monotonic()
            function()
            print("good: %s, %.1f s" % (name, time.monotonic() - start), flush=True)
