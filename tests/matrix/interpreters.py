"""The Python interpreters at hand, and copies of them without symbols."""

import pathlib
import shutil
import subprocess
import sys
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# What --quick keeps: the system's own, and one of each way to store the tables.
QUICK = ("system-3.11", "pyenv-3.8", "pyenv-3.12", "sid-3.15")


@dataclass(frozen=True)
class Interpreter:
    version: str
    build: str
    path: str
    label: str

    @property
    def number(self):
        return tuple(int(part) for part in self.version.split("."))

    @property
    def debug_directory(self):
        """Where a fetched interpreter's detached debug file lies."""
        folder = pathlib.Path(self.path).parent.parent / "lib" / "debug"
        return str(folder) if folder.is_dir() and folder != pathlib.Path("/usr/lib/debug") else None


def interpreters(config):
    option = "--fetch" if config.getoption("--fetch") else "--local" if config.getoption("--local") else "--list-only"
    script = ROOT / "fixtures" / "pythons.sh"
    lines = subprocess.run(["sh", str(script), option], check=True, stdout=subprocess.PIPE, text=True).stdout
    found = [Interpreter(*line.split("\t")) for line in lines.splitlines()]
    if config.getoption("--quick"):
        found = [one for one in found if one.label.startswith(QUICK) and one.build == "release"]
    return found


def prefix(interpreter):
    return subprocess.run([interpreter.path, "-I", "-S", "-c", "import sys; print(sys.base_prefix)"],
                          check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def library(path):
    """The libpython that the program loads, or None when it carries Python in itself."""
    lines = subprocess.run(["ldd", path], check=True, stdout=subprocess.PIPE, text=True).stdout
    for line in lines.splitlines():
        if "libpython" in line:
            return line.split("=>")[1].split()[0]
    return None


def patchelf(*arguments):
    return subprocess.run(["patchelf", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def stripped(interpreter, folder):
    """A copy without symbols in FOLDER, and the environment it needs there."""
    folder.mkdir()
    source = pathlib.Path(interpreter.path).resolve()
    original = source.with_name(source.name + ".orig")  # of a fetched interpreter, before it was patched
    copy = folder / source.name
    shutil.copy(original if original.exists() else source, copy)
    subprocess.run(["strip", "-s", str(copy)], check=True)
    shared = library(str(source))
    if shared:
        shutil.copy(shared, folder)
        subprocess.run(["strip", "-s", str(folder / pathlib.Path(shared).name)], check=True)
        patchelf("--force-rpath", "--set-rpath", str(folder), str(copy))
    elif original.exists():
        patchelf("--set-interpreter", patchelf("--print-interpreter", str(source)),
                 "--force-rpath", "--set-rpath", patchelf("--print-rpath", str(source)), str(copy))
        subprocess.run([sys.executable, str(ROOT / "fixtures" / "buildid.py"), str(copy)], check=True)
    return str(copy), {"PYTHONHOME": prefix(interpreter)}
