"""Compressed files, made by the programs that people use."""

import shutil
import subprocess

import pytest

from conftest import check, truth

PROGRAMS = {"gzip": [], "xz": [], "zstd": ["-q"], "pigz": [], "pzstd": ["-q"]}


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_the_programs_write_is_read(name, sample, tmp_path):
    if not shutil.which(name):
        pytest.skip("skipped: no %s" % name)
    with open(tmp_path / "x", "wb") as file:
        subprocess.run([name, *PROGRAMS[name], "-c", str(sample)], stdout=file, check=True)
    assert truth(tmp_path / "x") == truth(sample)
    data = (tmp_path / "x").read_bytes()
    (tmp_path / "x").write_bytes(data[:len(data) // 2])
    assert "damaged" in check("about", tmp_path / "x", status=1)
