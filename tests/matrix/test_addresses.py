"""tm traceback: which block an address lies in, and the order when several contain it."""

import json

import pytest

import truths
from program import Program
from target import Target


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    target = Target("/usr/bin/python3", tmp_path_factory.mktemp("addresses"), ["--domains", "--nframe", "9"])
    yield target
    target.close()


def found(tm, target, address):
    done = tm.run("traceback", hex(address), "--in", target.process.pid, "--format", "json")
    return json.loads(done.stdout)["rows"] if done.returncode == 0 else []


def test_an_address_in_a_block(tm_path, target):
    tm = Program(tm_path)
    blocks = [row for row in tm.json("traces", target.process.pid, "-n", 0)["rows"]
              if row["domain"] == 0 and row["size"] > 1]
    for block in blocks[1:400:40]:
        for offset in (0, 1, block["size"] - 1):
            row = found(tm, target, block["address"] + offset)[0]
            assert row == {**row, "address": block["address"], "size": block["size"], "domain": 0,
                           "offset": offset, "traceback": block["traceback"]}
        behind = [row for row in found(tm, target, block["address"] + block["size"])
                  if row["address"] == block["address"]]
        assert not behind, "the block does not hold the byte behind it"


def test_exact_starts_come_first_then_domain_0_then_the_smallest(tm_path, target):
    rows = found(Program(tm_path), target, 0x1234567)
    given = {(row["domain"], row["address"], row["size"]) for row in rows}
    tracked = [tuple(row) for row in target.truth["tracked"]]
    assert given >= {(domain, key, size) for domain, key, size in tracked if key <= 0x1234567 < key + size}
    # A size may reach around the end of the address space, and the heap may happen to lie there.
    assert all((0x1234567 - key) % truths.WORD < size for domain, key, size in given)
    assert all(row in tracked for row in given if row[0] != 0)
    order = [(row["offset"] != 0, row["domain"] != 0, row["size"]) for row in rows]
    assert order == sorted(order) and order[0][:2] == (False, False)


def test_an_address_in_no_block(tm_path, target):
    tm = Program(tm_path)
    assert [row for row in found(tm, target, 0x7ffffffffff0) if row["domain"] == 0] == []
    done = tm.run("traceback", "0x7ffffffffff0", "--in", target.process.pid)
    assert done.stdout.strip() or done.stderr.strip(), "no word about an address that is in no block"
