"""What the tests of the documents share."""

import os
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
for folder in HERE, HERE.parent / "cli", HERE.parent / "matrix":  # sources.py makes processes, target.py cores
    sys.path.insert(0, str(folder))


@pytest.fixture(scope="session")
def build():
    return os.environ.get("TM_BUILD") or str(HERE.parents[1] / "build")
