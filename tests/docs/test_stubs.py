"""The types that editors and checkers read (tm.pyi), the docstrings, docs/python.md and tracemalloc say the same."""

import ast
import inspect
import pathlib
import re
import sys
import tracemalloc

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
STUB = ROOT / "core" / "python" / "tm.pyi"
PAGE = ROOT / "docs" / "python.md"
NOT_OURS = {"linecache"}  # there so that tests can put another one in its place, as tracemalloc has it
TREE = ast.parse(STUB.read_text())


@pytest.fixture(scope="module")
def tm(build):
    sys.path.insert(0, str(pathlib.Path(build) / "python"))
    return pytest.importorskip("tm", reason="built without Python")


def public(name):
    return not name.startswith("_")


def named(body):
    """Public name → its definition."""
    found = {}
    for node in body:
        name = node.target.id if isinstance(node, ast.AnnAssign) else getattr(node, "name", None)
        if name:
            found[name] = node
    return found


CLASSES = {node.name: node for node in TREE.body if isinstance(node, ast.ClassDef) and public(node.name)}
FUNCTIONS = [(None, node) for node in TREE.body if isinstance(node, ast.FunctionDef)] + [
    (name, node) for name, one in CLASSES.items() for node in one.body if isinstance(node, ast.FunctionDef)]
CALLED = [(owner, node) for owner, node in FUNCTIONS if all(ast.unparse(one) == "classmethod" for one in node.decorator_list)]


def identity(value):
    return "%s.%s" % (value[0] or "tm", value[1].name)


def signature(node):
    """[(name, keyword only?, default)] without self and cls."""
    a = node.args
    positional = a.posonlyargs + a.args
    defaults = [None] * (len(positional) - len(a.defaults)) + [ast.unparse(one) for one in a.defaults]
    found = [(one.arg, False, default) for one, default in zip(positional, defaults)]
    found += [(one.arg, True, default and ast.unparse(default)) for one, default in zip(a.kwonlyargs, a.kw_defaults)]
    return [one for one in found if one[0] not in ("self", "cls")]


def documented(text):
    """The name, signature and result of "name(arguments) -> result" at the start of a docstring; None without one."""
    head = " ".join((text or "").split("\n\n")[0].split())
    found = re.match(r"(\w+)(\(.*?\))(?: -> (.*))?$", head)
    return found and (found[1], signature(ast.parse("def f%s: ..." % found[2]).body[0]), found[3])


def result(words):
    """How a stub writes what a docstring says."""
    words = re.sub(r"list of (\w+)", r"list[\1]", words).replace(" or None", " | None")
    return re.sub(r"^\((.*)\)$", r"tuple[\1]", words)


def found(tm, owner, name):
    thing = getattr(tm, owner) if owner else tm
    return thing if name == "__init__" else getattr(thing, name)


def test_the_names_of_the_module(tm):
    assert {name for name in named(TREE.body) if public(name)} == {name for name in vars(tm) if public(name)} - NOT_OURS


@pytest.mark.parametrize("name", CLASSES)
def test_the_names_of_a_class(tm, name):
    mine = named(CLASSES[name].body)
    real = getattr(tm, name)
    if name != "Error":  # its status is each error's own
        assert {one for one in mine if public(one)} == {one for one in vars(real) if public(one)}
    assert all(hasattr(real, one) for one in mine if not public(one))
    bases = [ast.unparse(one) for one in CLASSES[name].bases]
    if "Sequence[Frame]" not in bases:  # registered, not inherited
        assert [one.__name__ for one in real.__bases__] == (bases or ["object"])


@pytest.mark.parametrize("name", CLASSES)
def test_what_can_have_subclasses(tm, name):
    final = "final" in map(ast.unparse, CLASSES[name].decorator_list)
    if final:
        with pytest.raises(TypeError):
            type("Sub", (getattr(tm, name),), {})
    else:
        type("Sub", (getattr(tm, name),), {})


@pytest.mark.parametrize("value", [one for one in CALLED if not one[1].name.startswith("__") or one[1].name == "__init__"], ids=identity)
def test_a_signature_is_that_of_the_docstring(tm, value):
    owner, node = value
    said = documented(found(tm, owner, node.name).__doc__)
    if not said and node.name == "__init__":
        assert hasattr(tracemalloc, owner), "no docstring tells the arguments"
        return
    assert said, "its docstring does not begin with a signature"
    name, arguments, what = said
    assert name == (owner if node.name == "__init__" else node.name)
    assert arguments == signature(node)
    if node.name in ("index", "count", "complete") or node.name == "__init__":
        return  # words that are no type
    if what == "list of dict":
        assert ast.unparse(node.returns).startswith("list[dict")
    elif what == "dict":
        assert ast.unparse(node.returns).startswith("dict")
    else:
        assert (result(what) if what else "None") == ast.unparse(node.returns)


def original(value):
    """Its signature in tracemalloc; None where there is none to see."""
    owner, node = value
    there = getattr(tracemalloc, owner, None) if owner else tracemalloc
    try:
        return inspect.signature(there if node.name == "__init__" else vars(there)[node.name])
    except (ValueError, KeyError, TypeError):
        return None


@pytest.mark.parametrize("value", [one for one in CALLED if original(one)], ids=identity)
def test_a_signature_is_that_of_tracemalloc(value):
    mine = signature(value[1])
    expected = [one for one in original(value).parameters.values() if one.name not in ("self", "cls")]
    for one in expected:
        if one.kind == one.POSITIONAL_ONLY:  # the name says nothing
            expected = [one.replace(name=name) for one, (name, _, _) in zip(expected, mine)]
    assert [(name, default) for name, _, default in mine] == [
        (one.name, None if one.default is one.empty else repr(one.default)) for one in expected]


def test_nothing_of_tracemalloc_is_missing(tm):
    wanted = {name for name in vars(tracemalloc) if public(name) and getattr(getattr(tracemalloc, name), "__module__", "") in
              ("tracemalloc", "_tracemalloc")}
    assert wanted <= set(named(TREE.body))


# ---- docs/python.md ----

def test_the_page_names_everything():
    text = PAGE.read_text()
    for name in [*named(TREE.body), *(one for node in CLASSES.values() for one in named(node.body))]:
        assert not public(name) or re.search(r"`[^`\n]*\b%s\b[^`\n]*`" % name, text), name


def test_the_pages_signatures_are_right():
    """Each `name(arguments)` in the first column of its tables, but those of what a host has."""
    known = {}
    for owner, node in CALLED:
        known.setdefault(owner if node.name == "__init__" else node.name, []).append(signature(node))
    seen = 0
    text = re.sub(r"## Hosts.*?\n## ", "## ", PAGE.read_text(), flags=re.S)
    for line in text.splitlines():
        first = line.split(" | ")[0] if line.startswith("| ") else ""
        for name, arguments in re.findall(r"`(?:\w+\.)?(\w+)(\([^`]*\))`", first):
            assert name in known, line
            mine = signature(ast.parse("def f%s: ..." % arguments).body[0])
            assert mine in known[name], line
            seen += 1
    assert seen > 15


def test_the_stub_lies_beside_the_module(tm):
    assert pathlib.Path(tm.__file__).with_name("tm.pyi").read_text() == STUB.read_text()
