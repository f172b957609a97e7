"""Tables so large that several threads read them: the same numbers as ever."""

import pytest

import interpreters
import truths
from program import Program
from target import Target, Unavailable

LINES = 18000  # each is a traceback and about a dozen blocks
LEAST = 200000, 16384  # blocks and tracebacks from which on there are threads


def pytest_generate_tests(metafunc):
    chosen = [one for one in interpreters.interpreters(metafunc.config)
              if one.label.startswith(interpreters.QUICK) and one.build == "release"]
    metafunc.parametrize("one", chosen, ids=[one.label for one in chosen])


def test_large_tables(one, tm_path, tmp_path):
    options = ["--debug-dir", one.debug_directory] if one.debug_directory else []
    tm = Program(tm_path, *options)
    target = Target(one.path, tmp_path, ["--domains", "--nframe", "3", "--lines", str(LINES)])
    try:
        truth = target.truth
        assert len(truth["traces"]) > LEAST[0] and len(truth["statistics"]["traceback"]) > LEAST[1]
        for source in (target.process.pid, target.core):
            source = source() if callable(source) else source
            for key in "lineno", "traceback":
                truths.statistics_json(tm, source, truth, key, False)
            truths.status(tm, source, truth)
        truths.traces(tm, source, truth)
    except Unavailable as why:
        pytest.skip(str(why))
    finally:
        target.close()
