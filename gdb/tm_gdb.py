"""tm in GDB: `source gdb/tm_gdb.py`, then `help tm`."""

import os
import sys

import gdb


def load_tm_plugin():
    """As modules: what GDB sources lies among the user's own names. Sourced twice, the first ones stay, with their snapshots."""
    folders = [os.path.dirname(path) for path in (os.path.abspath(__file__), os.path.realpath(__file__))]
    sys.path.append(next((folder for folder in folders if os.path.exists(os.path.join(folder, "tm_plugin.py"))), folders[0]))
    try:
        import tm_plugin  # noqa: F401
    except (ImportError, OSError) as error:
        gdb.write("tm: %s\n" % error, gdb.STDERR)
    finally:
        sys.path.pop()


load_tm_plugin()
del load_tm_plugin
