"""CPython's own tests of tracemalloc, with tm in its place."""

import unittest

from module import run, tm

DIFFERENT = {
    "test_get_traces_intern_traceback": "changes a private attribute",
    "test_snapshot_save_attr": "gives a Snapshot attributes of its own",
    "test_snapshot": "expects a certain block to come second; test_snapshot_metadata and our own checks see the same",
}


def tests_in(suite):
    for one in suite:
        if isinstance(one, unittest.TestSuite):
            yield from tests_in(one)
        else:
            yield one


def check_tests_of_tracemalloc():
    try:
        from test import test_tracemalloc
    except ImportError:
        print("good: no tests come with this Python")
        return
    test_tracemalloc.tracemalloc = tm
    suite = unittest.TestSuite(one for one in tests_in(unittest.defaultTestLoader.loadTestsFromModule(test_tracemalloc))
                               if one._testMethodName not in DIFFERENT)
    assert suite.countTestCases() > 30
    result = unittest.TextTestRunner(verbosity=0).run(suite)
    assert result.wasSuccessful()


run(globals())
