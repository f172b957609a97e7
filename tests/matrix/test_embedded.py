"""A program of its own that embeds Debian's libpython, which is stripped, and whose link-time optimization scatters the tables."""

import glob
import subprocess

import pytest

import truths
from program import Program
from target import Target, Unavailable

LIBRARIES = sorted(glob.glob("/usr/lib/*/libpython3.*.so.1.0"))


@pytest.mark.parametrize("library", LIBRARIES or [None])
def test_a_program_that_embeds_python(tm_path, tmp_path, library):
    if not library:
        pytest.skip("skipped: no libpython3.*.so of the system")
    program = tmp_path / "service"
    (tmp_path / "service.c").write_text("int Py_BytesMain(int, char **);\nint main(int n, char **words) { return Py_BytesMain(n, words); }\n")
    subprocess.run(["gcc", "-o", str(program), str(tmp_path / "service.c"), library], check=True)
    tm = Program(tm_path)
    target = Target(str(program), tmp_path, ["--domains", "--nframe", "3"])
    try:
        for source in (target.process.pid, target.core):
            source = source() if callable(source) else source
            for key in "lineno", "traceback":
                truths.statistics_json(tm, source, target.truth, key, False)
            truths.status(tm, source, target.truth, unknown=("peak_traced_memory",))  # 2⁶³ is out of a pointer's range: it could be anything
            truths.traces(tm, source, target.truth)
    except Unavailable as why:
        pytest.skip(str(why))
    finally:
        target.close()
