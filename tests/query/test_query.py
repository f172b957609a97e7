"""Filters, statistics and comparisons against every interpreter's own tracemalloc, on random snapshots."""

import itertools
import os
import pathlib
import random
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HERE = pathlib.Path(__file__).resolve().parent
CHECK = pathlib.Path(os.environ.get("TM_BUILD", ROOT / "build")) / "bin" / "query_check"
LETTERS = ["a", "b", "c", "a", "b", ".", "/", "-", "!", "^", "[", "]", "\\", "*", "?", "\n", "&", "~", "|", " ", "\xe9", "\udc80",
           "\ud83d", "\ude00", "\U0001f600", "\uffff"]
SETS = ["[ab]", "[!ab]", "[a-c]", "[c-a]", "[!c-a]", "[]a]", "[!]a]", "[", "[!", "[]", "[a", "[-a]", "[a-]", "[^a]",
        "[a-b--c]", "[--c]", "[\\]", "[\\a-c]", "[c-a!b]", "[c-a!-b]", "[c-a!]", "[[a]", "[&&a]", "[a||b]", "[a~~b]",
        "[\xe0-\xff]", "[\udc00-\udfff]", "[\U0001f000-\U0001ffff]", "[!\ud83d]", "[*]", "[?]", "[.-/]", "[!-]", "[--]",
        "[!--]", "[a-c-b]", "[c-b-ax]", "[a-a]"]


def hexed(text):
    return "x" + text.encode("utf-8", "surrogatepass").hex()


def name(rng):
    kind = rng.random()
    if kind < 0.03:
        return ""
    if kind < 0.06:
        return "".join(rng.choice("ab") for i in range(rng.choice([60, 150])))
    stem = "".join(rng.choice(LETTERS) for i in range(rng.randrange(5)))
    return stem + rng.choice(["", ".py", ".py", ".pyc", ".pycc", "pyc"])


def pattern(rng, names):
    """Mostly one that has something to do with the names; few stars, as old versions take exponential time."""
    stars = itertools.chain(["*"] * rng.randrange(4), itertools.repeat("b"))
    parts = list(rng.choice(names) if rng.random() < 0.8 else name(rng))[:40]
    for i in range(len(parts)):
        kind = rng.random()
        if kind < 0.1:
            parts[i] = "?"
        elif kind < 0.2:
            parts[i] = rng.choice(SETS)
        elif kind < 0.4 or parts[i] == "*":
            parts[i] = next(stars)
    if rng.random() < 0.3:
        parts[rng.randrange(len(parts) + 1):] = next(stars)
    return "".join(parts) + (".pyc" if rng.random() < 0.1 else "")


def case(rng):
    """One snapshot or two, and filters. Few names, lines and sizes, so that much is equal."""
    names = [name(rng) for i in range(rng.randrange(1, 8))]
    lines = rng.sample([0, 1, 2, 3, 10, 0xffffffff], 3)
    domains = rng.sample([0, 0, 1, 7, 0xffffffff], 3)
    sizes = rng.choice([[0, 1, 2], [100, 200, 300, 10239, 10240, 102349], [1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, 512 << 10]])
    stacks = [[(rng.choice(names), rng.choice(lines)) for i in range(rng.choice([1, 1, 2, 3, 6]))] for i in range(8)]
    for which in "new", "old":
        yield which
        for i in range(rng.choice([0, 1, 10, 30])):
            stack = rng.choice(stacks)
            yield "t %d %d %d %s" % (rng.choice(domains), rng.choice(sizes), len(stack) + rng.choice([0, 0, 5]),
                                     " ".join("%s:%d" % (hexed(file), line) for file, line in stack))
    for i in range(rng.choice([0, 1, 1, 2, 2, 3, 6])):
        sign = rng.choice("+-")
        if rng.random() < 0.2:
            yield "f %s . . first %d" % (sign, rng.choice(domains))
        else:
            line = "." if rng.random() < 0.7 else rng.choice(lines)
            domain = "." if rng.random() < 0.7 else rng.choice(domains + [1 << 40])
            yield "f %s %s %s %s %s" % (sign, hexed(pattern(rng, names)), line, rng.choice(["all", "first"]), domain)
    yield "run"


def cases(seed, n):
    rng = random.Random(seed)
    for i in range(n):
        yield "\n".join(case(rng))


def answers(command, asked):
    """What is printed, case by case: each answer ends with a line "end"."""
    done = subprocess.run(command, input="\n".join(asked) + "\n", stdout=subprocess.PIPE, timeout=250, check=True, text=True)
    *ret, rest = done.stdout.split("end\n")
    assert not rest
    return [answer.splitlines() for answer in ret]


def interpreters():
    lines = subprocess.run(["sh", str(ROOT / "fixtures" / "pythons.sh")], stdout=subprocess.PIPE, check=True, text=True).stdout
    rows = [line.split("\t") for line in lines.splitlines()]
    return [row for row in rows if row[1] == "release"]


@pytest.fixture(scope="module")
def asked(request):
    return list(cases(20, 300 if request.config.getoption("--quick") else 5000))


@pytest.fixture(scope="module")
def ours(asked):
    return answers([str(CHECK)], asked)


@pytest.mark.parametrize("version,path", [(row[0], row[2]) for row in interpreters()], ids=[row[3] for row in interpreters()])
def test_as_its_own_tracemalloc(asked, ours, version, path):
    theirs = answers([path, "-I", "-S", "-W", "ignore", str(HERE / "oracle.py")], asked)
    assert len(asked) == len(ours) == len(theirs)
    refused = 0
    for question, mine, wanted in zip(asked, ours, theirs):
        if wanted == ["refused"]:
            refused += 1
        elif version.startswith("3.6."):  # orders tracebacks otherwise
            assert mine[:2] == wanted[:2], question
        else:
            assert mine == wanted, question
    assert refused < len(asked) / 4
