"""tm in GDB: `source gdb/tm_gdb.py`, then `help tm`."""

import importlib.util
import os
import sys

import gdb


def load_tm_plugin():
    """As a module: what GDB sources lies among the user's own names. Sourced twice, the first one stays, with its snapshots."""
    if "tm_plugin" in sys.modules:
        return
    beside = [os.path.join(os.path.dirname(path), "tm_plugin.py") for path in (os.path.abspath(__file__), os.path.realpath(__file__))]
    spec = importlib.util.spec_from_file_location("tm_plugin", next(filter(os.path.exists, beside), beside[0]))
    sys.modules["tm_plugin"] = plugin = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(plugin)
    except (ImportError, OSError) as error:
        del sys.modules["tm_plugin"]
        gdb.write("tm: %s\n" % error, gdb.STDERR)


load_tm_plugin()
del load_tm_plugin
