"""tm in GDB: `source gdb/tm_gdb.py`, then `help tm`."""

import importlib.util
import os
import sys

import gdb


def load_tm_plugin():
    """As modules: what GDB sources lies among the user's own names. Sourced twice, the first ones stay, with their snapshots."""
    for name in () if "tm_plugin" in sys.modules else ("tm_control", "tm_plugin"):
        beside = [os.path.join(os.path.dirname(path), name + ".py") for path in (os.path.abspath(__file__), os.path.realpath(__file__))]
        spec = importlib.util.spec_from_file_location(name, next(filter(os.path.exists, beside), beside[0]))
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except (ImportError, OSError) as error:
            del sys.modules[name]
            gdb.write("tm: %s\n" % error, gdb.STDERR)
            return


load_tm_plugin()
del load_tm_plugin
