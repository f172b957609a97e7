"""Each case in each front end: the same bytes, the same status, the same message."""

import difflib
import json
import pathlib
import re

import pytest

import fronts
from case import Case, Step
from truths import escaped

HERE = pathlib.Path(__file__).resolve().parent
RECORDED = HERE.parent.parent / "fixtures" / "recorded"
CASES = [Case(path) for path in sorted((HERE / "cases").glob("*.txt"))]
COMMA = ("shell", "module", "gdb", *(name for name in fronts.FRONTS if name.startswith("lldb") and "present" not in name))  # the front ends that also run under a comma locale
QUICK = ("shell", "module", "gdb-present")


def pytest_generate_tests(metafunc):
    quick = metafunc.config.getoption("--quick")
    rows = [(case, front) for case in CASES for front, kind in fronts.FRONTS.items()
            if case.runs_in(kind.name) and (case.present or not kind.present) and not (quick and front not in QUICK)]
    if metafunc.function is test_comma_locale:
        rows = [(case, front) for case, front in rows if front in COMMA and re.search("statistics|comma", case.name)]
    metafunc.parametrize("case,front", [pytest.param(*row, id="%s-%s" % (row[0].name, row[1])) for row in rows])


def places(folder, live):
    """What a {NAME} in a case means."""
    names = {"pid": str(live), "folder": str(folder), "escape": "\x1b"}
    for path in RECORDED.glob("*.json"):
        for one in json.loads(path.read_text())["objects"]:
            names["%s:%s" % (path.stem, escaped(one["kind"]))] = one["address"]
    return names


def filled(line, names):
    """{cookie:list} is an address, {cookie:list+8} one eight bytes further."""
    def value(match):
        name, plus = match.group(1), match.group(2)
        return str(names[name]) if isinstance(names[name], str) else hex(names[name] + int(plus or 0))
    return re.sub(r"\{([^{}+]+)(\+\d+)?\}", value, line)


def transcript(case, front, names):
    """What FRONT says to the case, with names in the place of what differs from run to run."""
    kind = type(front)
    present = case.present and filled(case.present, names)
    lines = [filled(step.line, names) for step in case.steps]
    if kind.present:
        lines = [re.sub(r" (--in |-c |--core |-p |--pid )?%s(?= |$)" % re.escape(present), "", line) for line in lines]
    result = []
    for step, (output, status, message) in zip(case.steps, front.run(lines, present)):
        assert output == "" or output.endswith("\n"), "%r does not end its line" % output
        text = [part.replace(names["folder"] + "/", "") for part in (output, message)]
        if "{pid}" in step.line:  # a small number may be anything else
            text = [re.sub(r"\b%s\b" % names["pid"], "{pid}", part) for part in text]
        result.append(Step(step.line, case.masked(text[0]).split("\n")[:-1],
                           "%d %s" % (status, case.masked(text[1])) if status or message else "").text())
    return "".join(result)


def check(case, front, names, update=False):
    found = transcript(case, front, names)
    if update:
        case.update(found)
        return
    expected = case.expected()
    if found != expected:
        pytest.fail("\n".join(difflib.unified_diff(expected.split("\n"), found.split("\n"), "expected", "found", lineterm="", n=2)),
                    pytrace=False)


def made(front, tm_path, folder, more):
    kind = fronts.FRONTS[front]
    if kind.missing():
        pytest.skip(kind.missing())
    return kind(tm_path, folder, more)


def test_says_the_same(case, front, tm_path, folder, live, request):
    first = next(name for name, kind in fronts.FRONTS.items() if case.runs_in(kind.name))
    for made_here in folder.glob("out*"):
        made_here.unlink()
    check(case, made(front, tm_path, folder, {}), places(folder, live), request.config.getoption("--update") and front == first)


def test_comma_locale(case, front, tm_path, folder, live, comma_locale):
    for made_here in folder.glob("out*"):
        made_here.unlink()
    check(case, made(front, tm_path, folder, comma_locale), places(folder, live))
