"""What tm has to say, made from what a target wrote down of itself."""

import collections
import csv
import io
import json
import linecache
import re

WORD = 1 << 64
# Controls, and surrogates, which stand alone in a Python string.
ODD = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def escaped(text):
    def escape(match):
        character = match.group()
        return SHORT.get(character) or ("\\u%04x" if ord(character) > 0xff else "\\x%02x") % ord(character)
    return ODD.sub(escape, text)


def frames(traceback):
    """The frames of a JSON row, as the truth has them."""
    return [[frame["filename"], frame["lineno"]] for frame in traceback]


def differences(found, expected, limit=5):
    """Nothing when the two lists are equal; else the first places where they are not, readable."""
    if found == expected:
        return []
    result = ["%d rows, expected %d" % (len(found), len(expected))]
    for number, (one, other) in enumerate(zip(found, expected)):
        if one != other and len(result) <= limit:
            result.append("row %d: %.300r, expected %.300r" % (number, one, other))
    for text, rows in (("only tm has", found[len(expected):]), ("tm lacks", expected[len(found):])):
        result += ["%s %.300r" % (text, row) for row in rows[:limit]]
    return result


def bag_differences(found, expected, limit=5):
    found, expected = collections.Counter(found), collections.Counter(expected)
    return (["tm has %d x %.300r too many" % (count, row) for row, count in (found - expected).most_common(limit)] +
            ["tm lacks %d x %.300r" % (count, row) for row, count in (expected - found).most_common(limit)])


def same(found, expected):
    wrong = differences(found, expected)
    assert not wrong, "\n".join(wrong)


def statistics_json(tm, source, truth, key, cumulative):
    answer = tm.json("statistics", source, "--by", key, *["--cumulative"] * cumulative, "-n", 0)
    assert answer["schema"] == "tm.statistics/1"
    assert (answer["by"], answer["cumulative"], answer["complete"]) == (key, cumulative, True), answer["notes"]
    expected = truth["statistics"][key + " cumulative" * cumulative]
    same([[row["size"], row["count"], frames(row["traceback"])] for row in answer["rows"]],
         [row[1:] for row in expected])
    assert answer["total"]["rows"] == len(expected)
    if not cumulative:
        assert answer["total"]["size"] == sum(row[1] for row in expected)
        assert answer["total"]["count"] == sum(row[2] for row in expected)


def statistics_csv(tm, source, truth, key, cumulative):
    text = tm.output("statistics", source, "--by", key, *["--cumulative"] * cumulative, "-n", 0, "--format", "csv")
    same([[int(row["size"]), int(row["count"]), json.loads(row["traceback"])]
          for row in csv.DictReader(io.StringIO(text, newline=""))],
         [row[1:] for row in truth["statistics"][key + " cumulative" * cumulative]])


def statistics_text(tm, source, truth, key, cumulative):
    expected = [escaped(row[0]) for row in truth["statistics"][key + " cumulative" * cumulative]]
    lines = tm.lines("statistics", source, "--by", key, *["--cumulative"] * cumulative, "-n", 0)
    known = set(expected)  # a name may look like a line of tm's own
    same([line for line in lines if line in known or not line.startswith("# ")], expected)


def traces(tm, source, truth):
    answer = tm.json("traces", source, "-n", 0)
    assert answer["schema"] == "tm.traces/1" and answer["complete"] is True, answer["notes"]
    rows = answer["rows"]

    def row(domain, size, total, names):
        return domain, size, total, tuple(map(tuple, names))
    wrong = bag_differences(
        [row(one["domain"], one["size"], one["total_nframe"], frames(one["traceback"])) for one in rows],
        [row(domain, size, total, reversed(names)) for domain, size, total, names in truth["traces"]])
    assert not wrong, "\n".join(wrong)
    sizes = [one["size"] for one in rows]
    assert sizes == sorted(sizes, reverse=True), "not the biggest first"
    keys = {(one["domain"], one["address"]): one["size"] for one in rows}
    assert len(keys) == len(rows), "an address twice in a domain"
    for domain, key, size in truth["tracked"]:
        assert keys.get((domain, key)) == size
    assert keys.get((0, truth["foreign"])) == 4321
    for one in truth["objects"]:
        assert ((0, one["block"]) in keys) == (one["correct"] is not None), one


STATUS = ("tracing", "traceback_limit", "traced_memory", "peak_traced_memory", "tracemalloc_memory", "build")


def status(tm, source, truth, unknown=()):
    """UNKNOWN: what need not be known from this source; a wrong answer is wrong all the same."""
    answer = tm.json("status", source)
    assert answer["schema"] == "tm.status/1"
    assert answer["complete"] is True, answer.get("notes")
    assert answer["python"] == truth["version"]
    keys = [key for key in STATUS if not (key in unknown and answer[key] is None)]
    assert {key: answer[key] for key in keys} == {key: truth[key] for key in keys}


def formatted(names):
    """As Traceback.format() does it."""
    lines = []
    for name, number in names:
        lines.append('  File "%s", line %d' % (escaped(name), number))
        source = linecache.getline(name, number).strip()
        if source:
            lines.append("    " + source)
    return lines


def objects(tm, source, truth):
    """An object's address leads to its block, which may begin before it; on 3.11 better than CPython's own answer."""
    for one in truth["objects"]:
        done = tm.run("traceback", hex(one["address"]), "--in", source, "--format", "json")
        rows = [row for row in json.loads(done.stdout)["rows"] if row["domain"] == 0] if done.returncode == 0 else []
        if one["correct"] is None:
            assert not rows, (one, rows)
            continue
        assert rows, (one, done.returncode, done.stderr)
        assert rows[0]["address"] == one["block"], one
        assert rows[0]["offset"] == one["address"] - one["block"], one
        assert frames(rows[0]["traceback"]) == one["correct"][::-1], one
    expected = formatted(truth["objects"][0]["correct"][::-1])
    lines = [line for line in tm.lines("traceback", hex(truth["objects"][0]["address"]), "--in", source)
             if not line.startswith("# ")]
    same(lines[:len(expected)], expected)
