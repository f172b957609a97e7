"""What tm reads out of the recorded cores is what the processes wrote down of themselves before they died."""

import json
import pathlib

import pytest

import truths
from program import Program

RECORDED = pathlib.Path(__file__).resolve().parent.parent.parent / "fixtures" / "recorded"
STATISTICS = [("lineno", False), ("filename", False), ("traceback", False), ("lineno", True), ("filename", True)]


@pytest.fixture(params=sorted(path.stem for path in RECORDED.glob("*.json")))
def recorded(request, folder, tm_path):
    truth = json.loads((RECORDED / (request.param + ".json")).read_text())
    return Program(tm_path), str(folder / (request.param + ".core")), truth


def test_status_and_traces(recorded):
    truths.status(*recorded, unknown={"build"})
    truths.traces(*recorded)
    truths.objects(*recorded)


@pytest.mark.parametrize("key,cumulative", STATISTICS)
def test_statistics(recorded, key, cumulative):
    truths.statistics_json(*recorded, key, cumulative)
    truths.statistics_csv(*recorded, key, cumulative)
    truths.statistics_text(*recorded, key, cumulative)
