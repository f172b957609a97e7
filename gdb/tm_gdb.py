"""tm in GDB: `source gdb/tm_gdb.py`, then `help tm`.

What GDB sources shares its names with the user, so the plugin is a module of its own, tm_plugin beside this file.
"""

import os
import sys

if "tm_plugin" not in sys.modules:
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tm_plugin

tm_plugin.load()
