"""Have git merge notebooks cell by cell, with nbdev's merge driver of this environment (see .gitattributes).

    python tools/git_hooks.py

nbdev's own `nbdev_install_hooks` names a program that is only found while the environment is active. Without
the program git would keep one side of a notebook and show no conflict. This script names the program by its
path, and falls back to git's usual merge where it is gone.
"""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def git(*args):
    return subprocess.run(["git", *args], cwd=ROOT, capture_output=True, text=True)


def main():
    if shutil.which("git") is None:
        return
    top = git("rev-parse", "--show-toplevel")
    if top.returncode or Path(top.stdout.strip()).resolve() != ROOT:
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


if __name__ == "__main__":
    main()
