"""tracemalloc's own pickles, against every interpreter at hand: what one wrote the other reads, down to the last block."""

from conftest import check, comparable, oracle, truth


def test_every_dump_is_read_as_it_was_meant(python, made):
    files = sorted(made.glob("*.pickle"))
    assert len(files) >= 8 * 6
    for file in files:
        wanted = (made / (file.name.split("-")[0] + ".truth")).read_text().splitlines()
        assert comparable(truth(file), python.version) == comparable(wanted, python.version), file.name


def test_what_is_known_of_its_python_is_what_the_shape_says(python, made):
    about = check("about", made / "made1000-dump.pickle")
    new = python.version >= (3, 9)
    assert ("python=3.9 or newer" if new else "python=3.8 or older") in about
    assert ("depths=1" if new else "depths=0") in about
    assert "addresses=0" in about and "complete=1" in about
    time = int(about.split("\ntime=")[1].split()[0])
    assert time == int((made / "made1000-dump.pickle").stat().st_mtime)


def test_what_tm_writes_loads_and_works(python, made, tmp_path):
    """Pickles from pickles, and through tm's own format, where the shape must survive, too."""
    names = ("made0", "made1", "made1001", "made2500", "long", "real")
    written = []
    for name in names:
        check("dump", made / (name + "-dump.pickle"), tmp_path / (name + ".pickle"), "auto")
        check("save", made / (name + "-dump.pickle"), tmp_path / (name + ".tm"))
        check("dump", tmp_path / (name + ".tm"), tmp_path / (name + ".again"), "auto")
        assert (tmp_path / (name + ".pickle")).read_bytes() == (tmp_path / (name + ".again")).read_bytes()
        written.append(tmp_path / (name + ".pickle"))
    if python.version < (3, 9):  # an empty list does not tell its shape; either one is right
        check("dump", made / "made0-dump.pickle", written[0], "3")
    told = oracle(python.path, "tell", *written).split("file\n")[1:]
    assert len(told) == len(names)
    for name, text in zip(names, told):
        wanted = (made / (name + ".truth")).read_text().splitlines()
        assert comparable(text.splitlines(), python.version) == comparable(wanted, python.version), name


def test_the_other_shape_loads_in_the_others_interpreters(python, made, tmp_path):
    """Old snapshots for new interpreters, and the other way round: only the depths are made up, or gone."""
    old = python.version < (3, 9)
    check("dump", made / "made1001-dump.pickle", tmp_path / "other.pickle", "4" if old else "3")
    got = check("traces", tmp_path / "other.pickle").splitlines()
    wanted = [line.split(" ") for line in check("traces", made / "made1001-dump.pickle").splitlines()]
    for fields in wanted:
        fields[2] = str(len(fields) - 3) if old else "0"
    assert got == [" ".join(fields) for fields in wanted]


def test_written_twice_it_is_the_same_file(python, made, tmp_path):
    check("dump", made / "made2500-dump.pickle", tmp_path / "a", "auto")
    check("dump", tmp_path / "a", tmp_path / "b", "auto")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_cut_file_is_refused(python, made, tmp_path):
    data = (made / "real-dump.pickle").read_bytes()
    for length in (1, 2, 10, 100, len(data) // 2, len(data) - 1):
        (tmp_path / "cut").write_bytes(data[:length])
        assert len(check("about", tmp_path / "cut", status=1).splitlines()) == 1
