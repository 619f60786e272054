"""Have git merge notebooks cell by cell, with nbdev's merge driver of this environment (see .gitattributes).

    python tools/git_hooks.py                 says in a line what it set, the first time
    python tools/git_hooks.py --self-test

nbdev's own `nbdev_install_hooks` names a program that is only found while the environment is active. Without
the program git would keep one side of a notebook and show no conflict. This script names the program by its
path, and falls back to git's usual merge where it is gone.
"""

import contextlib
import io
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(root=ROOT):
    def git(*args):
        return subprocess.run(["git", *args], cwd=root, capture_output=True, text=True)

    if shutil.which("git") is None:
        return
    top = git("rev-parse", "--show-toplevel")
    if top.returncode or Path(top.stdout.strip()).resolve() != root:
        return  # an unpacked archive, or inside another repository
    program = shlex.quote(str(Path(sys.executable).parent / "nbdev_merge"))
    driver = f"if [ -x {program} ]; then {program} %O %A %B %P; else git merge-file %A %O %B; fi"
    if git("config", "--local", "merge.nbdev-merge.driver").stdout.strip() == driver:
        return
    done = [
        git("config", "--local", "merge.nbdev-merge." + k, v)
        for k, v in (("name", "notebooks, cell by cell"), ("driver", driver))
    ]
    if any(d.returncode for d in done):
        print("git's configuration cannot be written: notebooks get no merge driver")
    else:
        print(
            "set merge.nbdev-merge in .git/config: git merges notebooks cell by cell; "
            "`git config --remove-section merge.nbdev-merge` undoes it"
        )


def self_test():
    "Raise an AssertionError unless a line says what was set, once."
    with tempfile.TemporaryDirectory() as d:
        subprocess.run(["git", "init", "-q"], cwd=d, check=True)
        for says in (True, False):
            with contextlib.redirect_stdout(io.StringIO()) as out:
                main(Path(d).resolve())
            assert out.getvalue().startswith("set merge.nbdev-merge in .git/config") == says, out.getvalue()
            assert len(out.getvalue().splitlines()) == says


if __name__ == "__main__":
    self_test() if sys.argv[1:] == ["--self-test"] else main()
