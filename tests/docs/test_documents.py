"""What the documents show is what happens."""

import pathlib

import pytest

from documents import COMMANDS, SESSIONS, agree, blocks
import watchpoints
from world import World, newest_lldb

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCKS = [block for path in DOCUMENTS for block in blocks(path.name, path.read_text())]
# Run by something else, which is named.
ELSEWHERE = {
    "sh fixtures/demo.sh": "the demo: a way to see tm work that installs and builds",
    "sh tests/run.sh": "the run that this test is a part of",
    "python3 tests/bench/bench.py": "measures for a long time: TM_LONG",
    "python3 tests/bench/module.py": "measures for a long time: TM_LONG",
    "python3 tests/bench/files.py": "measures for a long time: TM_LONG",
    "python3 tests/bench/gdb.py": "measures for a long time: TM_LONG",
    "python3 tests/bench/lldb.py": "measures for a long time: TM_LONG",
    "python3 tests/bench/break.py": "measures for a long time: TM_LONG",
}


def runs(block):
    return block.kind in SESSIONS or block.kind == "sh" and not all(line in ELSEWHERE for line in block.lines)


@pytest.fixture(scope="module")
def worlds(tm_path, build, tmp_path_factory):
    found = {}

    def of(document):
        if document not in found:
            found[document] = World(tm_path, build, tmp_path_factory.mktemp(document.replace(".", "_")))
        return found[document]
    yield of
    for world in found.values():
        world.close()


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.name or runs(block)], ids=str)
def test_a_block(worlds, block):
    if block.document == "lldb.md" and not newest_lldb():
        pytest.skip("no LLDB: fixtures/lldbs.sh --fetch gets some")
    if not watchpoints.WORK and any("tm break --" in line for line in block.lines):
        pytest.skip("skipped: " + watchpoints.WHY)
    world = worlds(block.document)
    if block.name:
        (world.folder / block.name).write_text("\n".join(block.lines) + "\n")
    elif block.kind == "sh":
        world.sh("\n".join(block.lines))
    else:
        steps = block.steps()
        printed = getattr(world, block.kind.replace("-", "_"))([command for command, _ in steps])
        for (command, expected), text in zip(steps, printed):
            assert agree(expected, text.split("\n")), "%s:\n%s\nprints\n%s\ninstead of\n%s" % (
                block, "\n".join(command), text, "\n".join(expected))
        assert len(printed) == len(steps), "%s ends early" % block


def test_every_command_line_is_run():
    left = ["%s: %s" % (block, line) for block in BLOCKS for line in block.lines
            if not block.name and not runs(block) and COMMANDS.match(line + " ") and line.strip() not in ELSEWHERE]
    assert not left


def test_nothing_is_excused_that_is_not_there():
    lines = {line for block in BLOCKS for line in block.lines}
    assert not set(ELSEWHERE) - lines


# ---- the checker itself ----

@pytest.mark.parametrize("expected,printed,same", [
    (["a"], ["a"], True), (["a"], ["b"], False), (["a"], ["a", "b"], False), (["a", "b"], ["a"], False),
    (["a…c"], ["abc"], True), (["a…c"], ["ac"], True), (["a…c"], ["ab"], False), (["a.c"], ["abc"], False),
    (["…"], [], True), (["a", "…"], ["a", "b", "c"], True), (["…", "c"], ["a", "b"], False),
    (["a…"], ["a", "b"], False), (["a", "", "b "], ["a ", "b", ""], True), ([], ["a"], False), ([], [""], True),
], ids=str)
def test_agreement(expected, printed, same):
    assert agree(expected, printed) == same


def test_blocks():
    text = "x\n\n    tm status\n\n    tm list\n\n    no command\n\n```sh-session\n$ a\nb\n```\n\n```gdb f.gdb\nrun\n```\n<!-- run: c\nd -->\n"
    found = [(block.kind, block.name, block.lines) for block in blocks("d", text)]
    assert found == [("sh", "", ["tm status", "tm list", "no command"]), ("sh-session", "", ["$ a", "b"]), ("gdb", "f.gdb", ["run"]),
                     ("sh", "", ["c", "d"])]
