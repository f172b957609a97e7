"""tm install-gdb, and an installed tree: a real GDB then has the commands."""

import os
import pathlib
import shutil
import stat
import subprocess

import pytest

import shell
import sources

BUILD = os.environ.get("TM_BUILD") or str(pathlib.Path(__file__).resolve().parents[2] / "build")
VERSION = b"tm 0."
HELP = b"List of tm subcommands"

pytestmark = pytest.mark.skipif(not shutil.which("gdb"), reason="no gdb")


def settings(home):
    """An environment in which GDB's settings are those in this folder alone."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XDG_") and name != "TM_BUILD"}
    return {**kept, "HOME": str(home)}


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home of one"
    folder.mkdir()
    return folder


class User:
    """Runs tm and GDB as somebody with this home folder."""

    def __init__(self, program, home, **environment):
        self.program, self.home = program, home
        self.environment = {**settings(home), **environment}

    def run(self, *words):
        return subprocess.run([str(word) for word in words], env=self.environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=shell.LIMIT)

    def tm(self, *words):
        done = self.run(self.program, *words)
        assert (done.returncode, done.stderr) == (0, b""), done
        return done.stdout.decode()

    def gdb(self, *words):
        done = self.run("gdb", "-batch", "-iex", "set debuginfod enabled off", *words)
        assert done.returncode == 0, done
        return done.stdout + done.stderr

    def init_file(self, *words):
        """The file that GDB reads, by what tm says of it."""
        first = self.tm("install-gdb", *words).splitlines()[0]
        assert first.startswith("# For ") and first.endswith(":"), first
        return pathlib.Path(first[len("# For "):-1])


@pytest.fixture
def user(tm_path, home):
    return User(tm_path, home)


# ---- the line for the init file ----

def test_the_line_alone_does_it(user, home):
    (home / ".gdbinit").write_text(user.tm("install-gdb"))
    assert VERSION in user.gdb("-ex", "tm version")
    assert HELP in user.gdb("-ex", "help tm")


def test_the_line_is_silent_without_the_plugin_and_with_it(user, home):
    line = user.tm("install-gdb")
    (home / ".gdbinit").write_text(line)
    assert user.gdb() == b""
    (home / ".gdbinit").write_text(line.replace("/tm_gdb.py", "/no_gdb.py"))
    assert user.gdb() == b""


@pytest.mark.parametrize("there,variable,expected", [
    ([], None, ".gdbinit"),
    ([".gdbinit"], None, ".gdbinit"),
    ([".config/gdb/gdbinit"], None, ".config/gdb/gdbinit"),
    ([".gdbinit", ".config/gdb/gdbinit"], None, ".config/gdb/gdbinit"),
    ([".gdbinit", ".config/gdb/gdbinit"], "xdg", ".gdbinit"),
    ([".gdbinit", "xdg/gdb/gdbinit"], "xdg", "xdg/gdb/gdbinit"),
    (["xdg/gdb/gdbinit"], "", ".gdbinit"),
], ids=str)
def test_it_is_the_file_that_gdb_reads(tm_path, home, there, variable, expected):
    for name in there:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("echo %s\\n\n" % name)
    environment = {} if variable is None else {"XDG_CONFIG_HOME": variable and str(home / variable)}
    user = User(tm_path, home, **environment)
    assert user.init_file() == home / expected
    if there:
        user.tm("install-gdb", "--write")
        output = user.gdb("-ex", "tm version")
        assert VERSION in output
        assert (expected.encode() in output) == (expected in there)


def test_writing_keeps_what_is_there_and_adds_one_line(user, home):
    path = home / ".gdbinit"
    path.write_text("set confirm off\n\n# without a line break at the end")
    path.chmod(0o640)
    assert str(path) in user.tm("install-gdb", "--write")
    line = user.tm("install-gdb").splitlines()[1]
    assert path.read_text() == "set confirm off\n\n# without a line break at the end\n%s\n" % line
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    before = path.stat()
    assert "already" in user.tm("install-gdb", "--write")
    assert path.stat() == before
    assert os.listdir(home) == [".gdbinit"]
    assert VERSION in user.gdb("-ex", "tm version")


def test_a_line_that_only_holds_ours_does_not_count(user, home):
    line = user.tm("install-gdb").splitlines()[1]
    (home / ".gdbinit").write_text("# %s\n%s not\n" % (line, line))
    user.tm("install-gdb", "--write")
    assert (home / ".gdbinit").read_text().splitlines()[-1] == line


@pytest.mark.parametrize("command,file", [("install-lldb", ".lldbinit"), ("install-gdb", ".gdbinit")])
def test_a_link_to_nothing_is_left_alone(user, home, command, file):
    (home / file).symlink_to("dotfiles/missing")
    done = user.run(user.program, command, "--write")
    written = [path for path in home.rglob("*") if path.is_file()]
    assert os.readlink(home / file) == "dotfiles/missing"
    if done.returncode:
        assert done.returncode == 1 and str(home / file) in done.stderr.decode() and not written
    else:  # another of its places
        assert command == "install-gdb" and len(written) == 1


@pytest.mark.parametrize("command,variable", [("gdb", "TM_GDB"), ("lldb", "TM_LLDB")])
def test_a_debugger_that_is_not_there(tm_path, home, tmp_path, command, variable):
    done = User(tm_path, home, PATH=str(tmp_path)).run(tm_path, command)
    assert done.returncode == 1 and variable in done.stderr.decode() and done.stderr.count(b"\n") == 1, done


def test_a_link_stays_a_link(user, home):
    (home / "dotfiles").mkdir()
    (home / "dotfiles" / "gdbinit").write_text("set confirm off\n")
    (home / ".gdbinit").symlink_to("dotfiles/gdbinit")
    user.tm("install-gdb", "--write")
    assert os.readlink(home / ".gdbinit") == "dotfiles/gdbinit"
    assert "tm_gdb.py" in (home / "dotfiles" / "gdbinit").read_text()


def test_where_nothing_can_be_written(tm, home, tmp_path):
    (home / ".gdbinit").mkdir()
    tm.refused(1, "install-gdb", "--write", environment={"HOME": str(home), "XDG_CONFIG_HOME": ""}, says=".gdbinit")
    for place in "", "nowhere":
        tm.refused(1, "install-gdb", environment={"HOME": place, "XDG_CONFIG_HOME": ""}, says="HOME")
    tm.refused(1, "install-gdb", "--write", environment={"HOME": str(tmp_path / "none"), "XDG_CONFIG_HOME": ""}, says="none")
    binary = tmp_path / ".gdbinit"
    binary.write_bytes(b"set confirm off\n\0\n")
    tm.refused(1, "install-gdb", "--write", environment={"HOME": str(tmp_path), "XDG_CONFIG_HOME": ""}, says="no text")
    assert binary.read_bytes() == b"set confirm off\n\0\n"


# ---- auto-loading ----

def trust(user):
    """What tm wants in the init file is put there by hand."""
    (user.home / ".gdbinit").write_text(user.tm("install-gdb", "--auto-load", sources.PYTHON, "--dir", user.home / "scripts"))


def test_it_loads_with_that_python_only(user):
    trust(user)
    assert VERSION in user.gdb("-ex", "tm version", sources.PYTHON)
    assert HELP in user.gdb("-ex", "help tm", sources.PYTHON)
    done = user.run("gdb", "-batch", "/bin/sh", "-ex", "tm version")
    assert b'Undefined command: "tm"' in done.stderr
    assert user.gdb(sources.PYTHON) == b""


def test_it_loads_when_gdb_attaches(user):
    trust(user)
    with sources.Python(sources.TRACING) as process:
        output = user.gdb("-p", process.pid, "-ex", "tm statistics -n 1")
        assert process.alive()
    assert b"<string>:7: size=" in output


def test_it_needs_no_line_where_gdb_trusts_the_folder(user, home, tmp_path):
    """A GDB whose own folders are others; it is asked as TM_GDB."""
    folder = tmp_path / "data" / "auto-load"
    gdb = tmp_path / "other gdb"
    gdb.write_text("#!/bin/sh\nexec gdb -iex 'set auto-load scripts-directory %s:%s' -iex 'set auto-load safe-path %s' \"$@\"\n"
                   % (tmp_path / "debug", folder, tmp_path / "data"))
    gdb.chmod(0o755)
    user.environment["TM_GDB"] = str(gdb)
    output = user.tm("install-gdb", "--auto-load", sources.PYTHON)
    scripts = [line[len("# Written: "):] for line in output.splitlines()]
    assert scripts == [str(folder) + os.path.realpath(sources.PYTHON) + "-gdb.gdb"]
    done = user.run(gdb, "-batch", sources.PYTHON, "-ex", "tm version")
    assert VERSION in done.stdout


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root writes everywhere, and there is no setpriv")
def test_it_goes_to_the_users_own_folder_where_gdbs_is_not_writable(tm_path, tmp_path):
    home = pathlib.Path(subprocess.check_output(["mktemp", "-d", "/tmp/tm-home.XXXXXX"], text=True).strip())
    try:
        nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
        if nobody:
            os.chown(home, 65534, 65534)
        done = subprocess.run([*nobody, tm_path, "install-gdb", "--auto-load", sources.PYTHON, "--write"], env=settings(home),
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=shell.LIMIT)
        if done.returncode == 126 or b"ermission denied" in done.stderr and b"setpriv" in done.stderr:
            pytest.skip("another user cannot run the program here: %s" % done.stderr.decode())
        assert (done.returncode, done.stderr) == (0, b""), done
        folder = home / ".local" / "share" / "tm" / "auto-load"
        assert (home / ".gdbinit").read_text() == ("add-auto-load-scripts-directory %s\nadd-auto-load-safe-path %s\n"
                                                   % (folder, folder))
        assert (folder / os.path.realpath(sources.PYTHON)[1:]).with_name(
            os.path.basename(os.path.realpath(sources.PYTHON)) + "-gdb.gdb").exists()
    finally:
        shutil.rmtree(home)


def test_writing_puts_the_folder_into_the_init_file_once(user, home):
    words = ["install-gdb", "--auto-load", sources.PYTHON, "--dir", home / "scripts", "--write"]
    user.tm(*words)
    once = (home / ".gdbinit").read_text()
    assert "already" in user.tm(*words)
    assert (home / ".gdbinit").read_text() == once and len(once.splitlines()) == 2
    assert VERSION in user.gdb("-ex", "tm version", sources.PYTHON)


def test_a_script_and_a_shared_libpython(user, home, tmp_path):
    """A wrapper, as of pyenv, is not what GDB sees; libpython is where a program embeds Python."""
    library = tmp_path / "libpython3.99.so.1.0"
    source = tmp_path / "l.c"
    source.write_text("int nothing;\n")
    if not shutil.which("gcc"):
        pytest.skip("no gcc")
    subprocess.run(["gcc", "-shared", "-o", str(library), str(source)], check=True, timeout=shell.LIMIT)
    wrapper = tmp_path / "python"
    wrapper.write_text("#!/bin/sh\nLD_PRELOAD='%s' exec %s \"$@\"\n" % (library, sources.PYTHON))
    wrapper.chmod(0o755)
    output = user.tm("install-gdb", "--auto-load", wrapper, "--dir", home / "scripts")
    written = [line for line in output.splitlines() if line.startswith("# Written: ")]
    assert written == ["# Written: %s%s-gdb.gdb" % (home / "scripts", path) for path in (os.path.realpath(sources.PYTHON), library)]


def test_it_lives_with_a_script_of_pythons_own(user, home):
    trust(user)
    script = next((home / "scripts").rglob("*-gdb.gdb"))
    script.with_suffix(".py").write_text("print('of its own')\n")
    output = user.gdb("-ex", "tm version", sources.PYTHON)
    assert b"of its own" in output and VERSION in output


@pytest.mark.parametrize("words,status,says", [
    (["--dir", "x"], 2, "--auto-load"),
    (["--auto-load", "/bin/ls"], 1, "/bin/ls is no Python"),
    (["--auto-load", "/bin/true"], 1, "/bin/true is no Python"),
    (["--auto-load", "/bin/echo"], 3, "/bin/echo is no Python"),
    (["--auto-load", "/nowhere/python"], 1, "/nowhere/python"),
    (["--auto-load", sources.PYTHON, "--dir", "/dev/null/x"], 1, "/dev/null"),
    (["x"], 2, "too many"),
], ids=str)
def test_what_cannot_be_done(tm, home, words, status, says):
    tm.refused(status, "install-gdb", *words, environment=settings(home), says=says)
    assert not os.listdir(home)


@pytest.mark.parametrize("gdb", ["/bin/true", "/bin/false", "/bin/echo", "/nowhere/gdb"])
def test_a_gdb_that_is_none(tm, home, gdb):
    done = tm.run("install-gdb", "--auto-load", sources.PYTHON, environment={**settings(home), "TM_GDB": gdb})
    if gdb == "/bin/echo":  # it names no folder that can be written in
        assert done.returncode == 0 and b"add-auto-load-safe-path" in done.stdout
    else:
        shell.refusal(done, 1, gdb)


# ---- an installed tree ----

@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The program of an installation in a folder with a blank in its name."""
    if not shutil.which("cmake") or not os.path.exists(os.path.join(BUILD, "cmake_install.cmake")):
        pytest.skip("no cmake, or no build tree")
    prefix = tmp_path_factory.mktemp("an installed tree")
    done = subprocess.run(["cmake", "--install", BUILD, "--prefix", str(prefix)], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=shell.LIMIT)
    assert done.returncode == 0, done.stdout
    if not list(prefix.rglob("tm.abi3.so")):
        pytest.skip("built without Python")
    return prefix / "bin" / "tm"


def test_the_installed_plugin_is_the_one_that_is_used(installed, home):
    user = User(installed, home)
    user.tm("install-gdb", "--write")
    output = user.gdb("-ex", "python import tm; print(tm.__file__)", "-ex", "tm version").decode()
    prefix = str(installed.parent.parent)
    assert output.startswith(prefix) and VERSION.decode() in output
    assert pathlib.Path(output.splitlines()[0]).with_name("tm.pyi").exists()
    assert prefix in (home / ".gdbinit").read_text()


def test_tm_gdb_from_the_installed_tree(installed, home, core):
    user = User(installed, home)
    done = subprocess.run([str(installed), "gdb", core], env=user.environment, timeout=shell.LIMIT,
                          input=b"python import tm; print(tm.__file__)\ntm statistics -n 1\nquit\n", stdout=subprocess.PIPE)
    assert str(installed.parent.parent).encode() in done.stdout and b"<string>:7: size=" in done.stdout, done
    assert not os.listdir(home)


def test_the_installed_tree_may_be_moved(installed, home, tmp_path):
    moved = tmp_path / "elsewhere"
    shutil.copytree(installed.parent.parent, moved)
    user = User(moved / "bin" / "tm", home)
    user.tm("install-gdb", "--write")
    assert str(moved) in user.gdb("-ex", "python import tm; print(tm.__file__)").decode()


def test_a_program_alone_says_what_is_missing(installed, home, tmp_path):
    alone = tmp_path / "bin" / "tm"
    alone.parent.mkdir()
    shutil.copy(installed, alone)
    for command in "gdb", "install-gdb":
        done = User(alone, home).run(alone, command)
        assert done.returncode == 1 and b"tm_gdb.py" in done.stderr and done.stderr.count(b"\n") == 1, done
