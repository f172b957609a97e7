"""Hosts that behave badly: what their callbacks raise comes through unchanged, and nothing crashes.  Arguments: a PID, a core."""

import array
import gc
import os
import struct
import sys
import tempfile
import threading
import time
import weakref

from module import raises, run, tm

PID, CORE = int(sys.argv[1]), sys.argv[2]
LINE = "statistics"

with open(CORE, "rb") as file:
    core = file.read()


def segments():
    start, = struct.unpack_from("<Q", core, 32)
    size, count = struct.unpack_from("<HH", core, 54)
    for i in range(count):
        kind, _, offset, address, _, length = struct.unpack_from("<IIQQQQ", core, start + i * size)
        if kind == 1:
            yield address, length, offset


SEGMENTS = list(segments())


def read(address, length):
    for start, size, offset in SEGMENTS:
        if start <= address < start + size:
            return core[offset + address - start:offset + min(address - start + length, size)]
    return None


class Host:
    """A good one; the tests replace a function of it."""

    def __init__(self, reader=read, **description):
        self.text = ""
        self.reader = reader
        self.description = description or {"core": CORE}

    def write(self, text):
        self.text += text

    def target(self):
        return tm.Target(self.reader, **self.description)


def through(reader):
    return Host(reader), LINE + " --read debugger"


def answer(host=None, line=LINE):
    host = host or Host()
    tm.Session(host).run(line)
    return host.text


GOOD = answer()


class Own(BaseException):
    pass


RAISED = [ValueError("words"), KeyError(1), MemoryError(), RecursionError(), KeyboardInterrupt("by hand"), SystemExit(7), GeneratorExit(),
          StopIteration(3), Own("a", 2), OSError(2, "no such", "file"), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad")]


def check_what_they_raise():
    for error in RAISED:
        def fails(*arguments, **more):
            raise error

        def passed_on(host, line=LINE):
            session = tm.Session(host)
            try:
                session.run(line)
            except BaseException as caught:
                assert caught is error, (caught, error)
            else:
                raise AssertionError("%r got lost" % error)
            del host.write, host.target, host.poll, host.where
            host.text, host.reader = "", read
            session.run(LINE)  # and the session is as before
            assert host.text == GOOD

        class Failing(Host):
            def __init__(self, *names):
                super().__init__()
                for name in ("write", "target", "poll", "where"):
                    setattr(self, name, fails if name in names else getattr(self, name, lambda *ignored: False))
                if "read" in names:
                    self.reader = fails

        passed_on(Failing("write"))
        passed_on(Failing("target"))
        passed_on(Failing("poll"))
        passed_on(Failing("where"), "snapshot")
        host = Failing("where")
        session = tm.Session(host)
        assert raises(type(error), session.run, "snapshot") is error
        session.run("list --json")  # and nothing is kept
        assert host.text == '{"schema":"tm.list/1","rows":[]}\n', host.text
        passed_on(Failing("read"), LINE + " --read debugger")
        passed_on(Failing("read", "write", "poll"), LINE + " --read debugger")
        host = Failing()
        host.evaluate = fails
        passed_on(host, "traceback some + where")
        tm.bind(Failing("target"))
        for function in tm.take_snapshot, tm.is_tracing, tm.get_traced_memory, tm.get_traceback_limit, tm.get_tracemalloc_memory:
            assert raises(type(error), function) is error
        assert raises(type(error), tm.get_object_traceback, 5) is error
        tm.bind(None)


def check_the_first_of_two_exceptions_is_raised():
    first, later = [], KeyError("later")

    def reader(address, length):
        first.append(ValueError(address))
        raise first[-1]

    class Second(Host):
        def poll(self, *ignored):
            if first:
                raise later
            return False
    host = Second(reader)
    assert raises(ValueError, tm.Session(host).run, LINE + " --read debugger") is first[0]
    assert len(first) == 1


def check_what_read_returns():
    class Long(bytes):
        def __len__(self):
            return 1 << 40

    class Short(bytes):
        def __len__(self):
            return 1

    class Odd:
        def __len__(self):
            return 5

        def __getitem__(self, index):
            return "x"

    def padded(make):
        return lambda address, length: (lambda got: None if got is None else make(got))(read(address, length))
    for same in (bytes, bytearray, memoryview, lambda got: memoryview(bytearray(got)), lambda got: got + b"more than was asked" * 9,
                 Long, Short, lambda got: array.array("B", got)):
        assert answer(*through(padded(same))) == GOOD, same
    for first_bytes in 1, 100, 4096:
        assert answer(*through(lambda address, length: read(address, min(length, first_bytes)) if first_bytes > 1 or address % 512 else
                               read(address, length))) == GOOD
    assert answer(*through(lambda address, length: read(address, length) if length <= 4096 else None)) == GOOD
    for nothing in (lambda address, length: None, lambda address, length: b"", lambda address, length: b"\0" * length):
        raises(tm.Error, answer, *through(nothing))
    for wrong in (5, "text", 1.5, [1, 2, 3], Odd(), array.array("I", [1, 2, 3]), object()):
        error = raises_one_of((TypeError, ValueError), answer, *through(lambda address, length: wrong))
        assert str(error)
    raises(TypeError, answer, *through(lambda address: b""))


def raises_one_of(kinds, function, *arguments):
    try:
        function(*arguments)
    except kinds as error:
        return error
    raise AssertionError("no error")


def check_what_the_others_return():
    for wrong in (None, 5, "target", tm.Target, Host):
        host = Host()
        host.target = lambda: wrong
        raises(TypeError, answer, host)
        tm.bind(host)
        raises(TypeError, tm.take_snapshot)
    tm.bind(None)
    for wrong in ("x", None, []):
        host = Host()
        host.evaluate = lambda expression: wrong
        raises(TypeError, answer, host, "traceback x")
    host = Host()
    asked = []
    host.evaluate = lambda expression: asked.append(expression) or (-1 << 62)
    for line, expression in (("traceback  a  +  'b c' ", "a + 'b c'"), ("traceback \udcff", "\udcff"), ("traceback -- -x", "-x")):
        assert raises(tm.Error, answer, host, line).status == 1
        assert asked.pop() == expression
    for stop in (True, 1, "yes"):
        host = Host()
        host.poll = lambda *arguments: stop
        raises(KeyboardInterrupt, answer, host)
    polled = []
    host = Host()
    host.poll = lambda *arguments: polled.append(arguments)
    assert answer(host) == GOOD and polled and all(type(what) is str and done >= 0 and total >= 0 for what, done, total in polled)
    for place in (None, 5, "here\n\x1b[31m\ud800", "\0", "x" * 100000, b"bytes"):
        host = Host()
        host.where = lambda: place
        session = tm.Session(host)
        session.run("snapshot")
        session.run("list --json")
    for terminal, width in ((1, 80), (None, 0), ("", -5), (False, 1 << 40), (0, 3)):
        host = Host()
        host.terminal, host.width = terminal, width
        assert answer(host) == GOOD
    for width in ("80", None, 1 << 100):
        host = Host()
        host.terminal, host.width = True, width
        raises_one_of((TypeError, OverflowError), answer, host)


def check_properties_that_raise():
    class Bad(Host):
        calls = 0

        @property
        def terminal(self):
            Bad.calls += 1
            if Bad.calls % 2 == 0:
                raise ValueError("terminal")
            return True

        @property
        def width(self):
            return 80
    raises(ValueError, answer, Bad(), says="terminal")

    class Truth:
        def __bool__(self):
            raise ValueError("truth")
    host = Host()
    host.terminal, host.width = Truth(), 80
    raises(ValueError, answer, host, says="truth")
    host = Host()
    host.poll = lambda *ignored: Truth()
    raises(ValueError, answer, host, says="truth")


def check_reentry():
    session = None
    seen = []

    class Again(Host):
        def once_more(self):
            for method, line in ((session.run, LINE), (session.complete, "st"), (session.snapshot, "one")):
                seen.append(str(raises(RuntimeError, method, line)))
            assert session.settings()["limit"] == 10
            other = Host()
            tm.Session(other).run(LINE)
            assert other.text == GOOD
            assert tm.Frame(("a", 1)).lineno == 1

        def write(self, text):
            self.once_more()
            super().write(text)

        def target(self):
            self.once_more()
            return super().target()
    host = Again()
    session = tm.Session(host)
    session.run(LINE)
    assert host.text == GOOD and len(seen) >= 6 and "running already" in seen[0]

    class Nested(Host):
        depth = 0

        def target(self):
            self.depth += 1
            if self.depth < 5:
                assert tm.take_snapshot().statistics("lineno")
            return super().target()
    tm.bind(Nested())
    assert tm.take_snapshot().statistics("lineno")
    tm.bind(None)


def check_a_session_dropped_in_a_callback():
    gone = []

    class Dropping(Host):
        def target(self):
            self.session = None
            gc.collect()
            return super().target()

        def write(self, text):
            self.session = None
            gc.collect()
            super().write(text)
    host = Dropping()
    host.session = tm.Session(host)
    host.session.run(LINE)
    assert host.text == GOOD
    weak = weakref.ref(host, lambda _: gone.append(1))
    del host
    gc.collect()
    assert gone and weak() is None


def check_a_host_dropped_while_it_is_bound():
    class Unbinding(Host):
        def target(self):
            tm.bind(None)
            gc.collect()
            return super().target()

        def poll(self, *ignored):
            return False
    for _ in range(3):
        tm.bind(Unbinding())
        assert len(tm.take_snapshot().traces) > 10
    gone = []
    host = Host()
    weakref.finalize(host, gone.append, 1)
    tm.bind(host)
    del host
    gc.collect()
    assert not gone
    tm.bind(None)
    gc.collect()
    assert gone


def check_cycles_are_collected():
    gone = []
    for make in (lambda host: tm.Session(host), lambda host: tm.Target(host.write), lambda host: tm.Frame((host, 1)),
                 lambda host: tm.Traceback(((host, 1),)), lambda host: tm.Trace((0, host, ())), lambda host: tm.Statistic(host, 1, 1)):
        host = Host()
        host.cycle = make(host)
        weakref.finalize(host, gone.append, 1)
        del host
        gc.collect()
        assert gone.pop()


def check_targets():
    for arguments, kind in (({"word": 5}, ValueError), ({"word": "8"}, TypeError), ({"process": "1"}, TypeError), ({"core": 5}, TypeError),
                            ({"core": "a\0b"}, ValueError), ({"process": 1 << 40}, OverflowError), ({"debug_dirs": 5}, TypeError),
                            ({"debug_dirs": [5]}, TypeError), ({"files": [1]}, TypeError), ({"files": [("ab",)]}, IndexError),
                            ({"files": [("ab", 5)]}, TypeError), ({"files": 7}, TypeError), ({"nothing": 1}, TypeError),
                            ({"read": 5}, TypeError), ({"exe": 1.5}, TypeError), ({"sysroot": object()}, TypeError)):
        raises(kind, lambda: tm.Target(**arguments))
    raises(TypeError, tm.Target, None, CORE)
    assert tm.Target() and tm.Target(None, debug_dirs=[], files=()) and tm.Target(core=os.fsencode(CORE))

    class Path:
        def __fspath__(self):
            return CORE
    assert answer(Host(core=Path(), debug_dirs=(Path(),) * 100, files=[("00" * 20, CORE)] * 50, exe="/nothing", sysroot="/nothing")) == GOOD
    raises(AttributeError, setattr, tm.Target(), "core", 1)


def check_errors():
    def bound(**description):
        tm.bind(Host(None, **description))
        try:
            return tm.take_snapshot()
        finally:
            tm.bind(None)
    folder = os.path.dirname(CORE)
    assert raises(FileNotFoundError, lambda: bound(core=folder + "/nothing")).errno == 2
    raises(tm.Error, lambda: bound(core=folder))
    raises(tm.Error, lambda: bound(core=__file__))
    raises(tm.Error, lambda: bound(word=8))
    assert raises(tm.Error, lambda: bound(process=(1 << 31) - 1)).status == 1
    raises(tm.Error, lambda: bound(process=-5))
    raises(RuntimeError, tm.take_snapshot)
    assert issubclass(tm.Error, RuntimeError)
    for line, status in (("statistics nothing", 1), ("nothing", 2), ("statistics --by", 2), ("status ''", 1), ("", 0), ("  ", 0),
                         ("statistics 'open", 2), ("x" * 100000, 2), ("statistics \udcff\udcfe", 1), ("drop", 2), ("status /proc/self/exe", 1)):
        host = Host()
        if status:
            assert raises(tm.Error, answer, host, line).status == status, line
        else:
            assert answer(host, line)
    for wrong, kind in ((None, TypeError), (b"status", TypeError), ("a\0b", ValueError), ("\ud800", UnicodeEncodeError), (5, TypeError)):
        raises(kind, tm.Session(Host()).run, wrong)
        raises(kind, tm.Session(Host()).complete, wrong)
    raises(TypeError, tm.Session)
    raises(TypeError, tm.Session, Host(), 1)
    error = raises(tm.Error, answer, Host(), "status 'a\x1b[31m\udcff/b'")
    assert "\x1b" not in str(error) and "a\\x1b[31m\\xff" in str(error), str(error)
    raises(AttributeError, tm.Session(object()).run, "version")  # it cannot write
    silent = Host()
    del Host.target
    try:
        assert raises(tm.Error, answer, silent).status == 2
    finally:
        Host.target = lambda self: tm.Target(self.reader, **self.description)


def check_completion():
    session = tm.Session(Host())
    for line in ("", "st", "statistics --", "statistics --by ", "statistics --by=l", "traceback ", "status ", "'", "status '", "config ",
                 "\udcff", "statistics --format ", "x y z", "help "):
        words, start, expression = session.complete(line)
        assert words == sorted(words) and 0 <= start <= len(line.encode("utf-8", "surrogateescape")), line
        assert expression is (line == "traceback ")
    assert session.complete("stati")[0] == session.complete(["stati"])[0] == ["statistics"]
    assert session.complete([])[0] == session.complete("")[0]
    with tempfile.TemporaryDirectory() as folder:
        for name in "one.core", "o'clock", "zwei ü.core", b"o\xff".decode("utf-8", "surrogateescape"):
            open(os.path.join(folder, name), "w").close()
        assert session.complete("statistics %s/o" % folder) == ([folder + "/o\\'clock", folder + "/one.core"], 11, False)  # no half names
        assert session.complete(["statistics", "%s/o" % folder]) == ([folder + "/o'clock", folder + "/one.core"], 0, False)
        assert session.complete("dump --output=%s/z" % folder)[0] == ["--output=%s/zwei\\ ü.core" % folder]
        assert session.complete("dump --include ü '%s/zwei " % folder) == (["'%s/zwei ü.core" % folder], 17, False)  # letters, not bytes
        assert session.complete("drop %s/" % folder)[0] == []
    session.run("snapshot --name mine")
    assert "mine" in session.complete("statistics m")[0]


def check_words():
    """A line that somebody has split already."""
    host = Host()
    session = tm.Session(host)
    session.run(["statistics"])
    assert host.text == GOOD
    for words in [["statistics", 1]], ["statistics", None], ("statistics",), 5, None:
        assert isinstance(raises(TypeError, session.run, words), TypeError)
    raises(ValueError, session.run, ["statistics\0"])
    raises(tm.Error, session.run, ["statistics", "a file\n with 'any' name"])
    session.run([])


def check_tables():
    names = [row["name"] for row in tm.commands()]
    assert names == sorted(names) and "statistics" in names and len(names) == len(set(names))
    session = tm.Session(Host())
    assert set(session.settings()) == {row["name"] for row in tm.settings()}
    session.run("config limit 3")
    assert session.settings()["limit"] == 3 and tm.Session(Host()).settings()["limit"] == 10
    session.run("config exe 'a b'")
    assert session.settings()["exe"] == "a b"


def check_threads():
    """Two sessions at once, and one session from two threads: never half a command."""
    shared, problems, refused = tm.Session(Host()), [], []

    def own(line):
        try:
            for _ in range(8):
                host = Host()
                session = tm.Session(host)
                session.run(line)
                assert host.text == GOOD
        except BaseException as error:
            problems.append(error)

    def common():
        end = time.monotonic() + 20
        while len(refused) < 20 and not problems and time.monotonic() < end:
            try:
                shared.run("snapshot --name one --force")
                shared.complete("drop ")
                shared.snapshot("one")
                shared.settings()
            except RuntimeError as error:
                assert "running already" in str(error), error
                refused.append(error)
            except BaseException as error:
                problems.append(error)
    threads = [threading.Thread(target=own, args=(line,)) for line in (LINE, LINE + " --read debugger")]
    threads += [threading.Thread(target=common) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems, problems
    assert refused


def check_the_lock_is_free_during_long_work():
    counted, done = 0, []

    def work():
        for _ in range(10):
            answer(Host(None), "statistics --by traceback")
        done.append(counted)
    thread = threading.Thread(target=work)
    before = sys.getswitchinterval()
    sys.setswitchinterval(60)  # a thread runs only while another one has let go of the lock by itself
    try:
        thread.start()
        while not done:
            counted += 1
            time.sleep(0.0001)
    finally:
        sys.setswitchinterval(before)
        thread.join()
    assert done[0] > 10, done


run(globals())
