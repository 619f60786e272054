"""Is the library exactly what the notebooks export, and are the notebooks clean?

    python tools/check_sync.py

Works on a temporary copy: exports there with nbdev, compares every file with cop/, and looks whether
`nbdev_clean` would change a notebook. Templates of the report and py.typed, which no notebook exports, are
left out. docs/contents.md must be what tools/contents.py writes, and name every module. Says which file
differs and what to run; exit code 1 if anything does.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from contents import DOCUMENT, contents, document

ROOT = Path(__file__).resolve().parent.parent
COPIED = "settings.ini", "setup.py", "pyproject.toml"
TEMPLATES = Path("report/templates")  # below cop/
TEMPLATE_TYPES = ".html", ".css", ".js"


def nbdev(call, folder):
    "Run one of nbdev's commands in `folder`, with this Python."
    # nbdev exports nothing while IN_TEST is set
    env = {k: v for k, v in os.environ.items() if k != "IN_TEST"}
    done = subprocess.run(
        [sys.executable, "-P", "-c", call], cwd=folder, env=env, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"{call} failed:\n{done.stdout}{done.stderr}")


def files_in(folder, pattern):
    "Files below `folder` by their relative name, without caches and Jupyter's checkpoints."
    skip = "__pycache__", ".ipynb_checkpoints"
    return {
        str(p.relative_to(folder)): p
        for p in sorted(folder.rglob(pattern))
        if p.is_file() and not any(s in p.parts for s in skip)
    }


def check_ids(notebooks):
    "Each cell needs an id of its own: nbdev writes them into the library, and merging goes by them."
    found = []
    for name, path in notebooks.items():
        ids = [c.get("id") for c in json.loads(path.read_text(encoding="utf-8"))["cells"]]
        if None in ids:
            found.append(f"nbs/{name}: a cell has no id; run nbdev_clean")
        if len(set(ids)) < len(ids):
            found.append(f"nbs/{name}: two cells share an id; copy one of them into a new cell")
    return found


def by_hand(name):
    "Is this file of cop/ a template, or the mark of a typed package, and written by hand?"
    path = Path(name)
    return name == "py.typed" or (path.parent == TEMPLATES and path.suffix in TEMPLATE_TYPES)


def compare(copy):
    "Differences between the checkout and its cleaned and exported copy."
    found = []
    want, have = files_in(copy / "cop", "*"), files_in(ROOT / "cop", "*")
    for name in sorted(want.keys() | have.keys()):
        if by_hand(name):
            continue
        if name not in want:
            found.append(f"cop/{name}: no notebook exports it; delete it, or export it from one")
        elif name not in have:
            found.append(f"cop/{name}: missing; run nbdev_export")
        elif want[name].read_bytes() != have[name].read_bytes():
            found.append(
                f"cop/{name}: differs from its notebook; change the notebook, not the module, and run "
                "nbdev_export"
            )
    for name, path in files_in(ROOT / "nbs", "*.ipynb").items():
        if path.read_bytes() != (copy / "nbs" / name).read_bytes():
            found.append(f"nbs/{name}: has metadata to strip; run nbdev_clean")
    return found


def check_contents():
    "Is the table of contents what the notebooks say, and is every module a chapter's?"
    page = ROOT / DOCUMENT
    found = []
    if not page.exists() or page.read_text(encoding="utf-8") != document():
        found.append(f"{DOCUMENT}: differs from the notebooks; run python tools/contents.py --write")
    named = {m for line in contents() for m in re.findall(r"`cop\.([\w.]+)` \|", line)}
    there = {".".join(p.relative_to(ROOT / "cop").with_suffix("").parts) for p in ROOT.glob("cop/*/*.py")}
    there = {m for m in there if not m.endswith("__init__")} | {
        "__init__"
    }  # `85_front` is the package itself
    return found + [f"cop.{m}: is no chapter's module, or not exported" for m in sorted(named ^ there)]


def main():
    notebooks = files_in(ROOT / "nbs", "*.ipynb")
    if not notebooks:
        sys.exit("nbs/ holds no notebook")
    found = check_ids(notebooks) + check_contents()
    with tempfile.TemporaryDirectory() as d:
        copy = Path(d).resolve()
        for f in COPIED:
            shutil.copy(ROOT / f, copy / f)
        for name, path in notebooks.items():
            (copy / "nbs" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy / "nbs" / name)
        nbdev("from nbdev.doclinks import nbdev_export; nbdev_export(procs=[])", copy)
        nbdev("from nbdev.clean import nbdev_clean; nbdev_clean(clear_all=False)", copy)
        found += compare(copy)
    print("\n".join(found) or f"{len(notebooks)} notebooks and cop/ are in sync")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
