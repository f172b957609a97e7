"""tm in GDB: `source gdb/tm_gdb.py`, then `help tm`."""

import importlib.util
import os
import sys

import gdb


def load_tm_plugin():
    """As a package: what GDB sources lies among the user's own names. Sourced twice, the first one stays, with its snapshots."""
    folders = [os.path.dirname(path) for path in (os.path.abspath(__file__), os.path.realpath(__file__))]
    folder = next((folder for folder in folders if os.path.exists(os.path.join(folder, "tm_plugin.py"))), folders[0])
    spec = importlib.util.spec_from_file_location("tm_plugin", os.path.join(folder, "tm_plugin.py"), submodule_search_locations=[folder])
    if spec.name in sys.modules:
        return
    sys.modules[spec.name] = module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (ImportError, OSError) as error:
        del sys.modules[spec.name]
        gdb.write("tm: %s\n" % error, gdb.STDERR)


load_tm_plugin()
del load_tm_plugin
