"""Is the code written as CONTRIBUTING.md says? Runs ruff over notebooks and tools, and counts more.

    python tools/check_style.py               the offending places, one a line, and a table of counts
    python tools/check_style.py --self-test   plant one violation of each rule in a small tree, and find it

Each rule has a budget: the number of violations that stand today. More of them fail, and so do fewer, until
the budget is lowered to the new count. Exit code 1 if a rule fails.
"""

import ast
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# rule: how many violations are allowed; lower a number whenever its count falls, until all are 0
BUDGETS = {
    "ruff check": 0,
    "ruff format": 0,
    "long lines": 0,
    "long cells": 2,
    "long modules": 0,
    "shared names": 0,
    "private imports": 0,
    "missing type hints": 0,
    "stored widgets": 0,
}
LONGEST_LINE = 110  # characters; also line-length of pyproject.toml
LONGEST_CELL = 39  # lines of an exported cell, without its first, #| export
LONGEST_MODULE = 399  # lines
SHOWN = {"missing type hints": 30}  # places printed at most; the others are printed in full


def notebooks(root: Path) -> list[Path]:
    return sorted(p for p in (root / "nbs").rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)


def code_cells(root: Path) -> Iterator[tuple[str, str, str | None]]:
    "Place, source and module of every code cell; the module is None where nothing is exported."
    for path in notebooks(root):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        sources = ["".join(c["source"]) if c["cell_type"] == "code" else "" for c in cells]
        found = re.search(r"^#\|\s*default_exp\s+(\S+)", "\n".join(sources), re.M)
        for number, source in enumerate(sources, 1):
            if source:
                exported = re.search(r"^#\|\s*exporti?\s*$", source, re.M)
                module = found[1] if found and exported else None
                yield f"{path.relative_to(root)}:cell {number}", source, module


def exported_cells(root: Path) -> Iterator[tuple[str, str, str]]:
    return ((place, source, module) for place, source, module in code_cells(root) if module)


def ruff(root: Path, *args: str) -> list[str]:
    "What a ruff command objects to in the notebooks and tools, one place a line."
    options = ["--output-format", "concise", "--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    command = [sys.executable, "-m", "ruff", *args, *options, "nbs", "tools"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    places = [x for x in done.stdout.splitlines() if re.match(r"(nbs|tools)/.*:\d+:\d+: ", x)]
    if done.returncode != bool(places):
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return places


def ruff_check(root: Path) -> list[str]:
    return ruff(root, "check", "--extend-ignore", "E501")  # lines are counted by long_lines


def ruff_format(root: Path) -> list[str]:
    return ruff(root, "format", "--check")


def long_lines(root: Path) -> list[str]:
    texts = [(place, source) for place, source, _ in code_cells(root)]
    tools = sorted((root / "tools").glob("*.py"))
    texts += [(str(p.relative_to(root)), p.read_text(encoding="utf-8")) for p in tools]
    return [
        f"{place}:{number}: {len(line)} characters"
        for place, text in texts
        for number, line in enumerate(text.splitlines(), 1)
        if len(line) > LONGEST_LINE
    ]


def long_cells(root: Path) -> list[str]:
    lengths = [(place, len(source.splitlines()) - 1) for place, source, _ in exported_cells(root)]
    return [f"{place}: {n} lines" for place, n in lengths if n > LONGEST_CELL]


def modules(root: Path) -> dict[str, str]:
    "Text of every exported module by its path."
    paths = sorted(p for p in (root / "cop").rglob("*.py") if p.name != "_modidx.py")
    return {str(p.relative_to(root)): p.read_text(encoding="utf-8") for p in paths}


def long_modules(root: Path) -> list[str]:
    lengths = {path: len(text.splitlines()) for path, text in modules(root).items()}
    return [f"{path}: {n} lines" for path, n in lengths.items() if n > LONGEST_MODULE]


def exported_names(text: str) -> list[str]:
    "The `__all__` of a module, which nbdev writes as one list."
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == "__all__":
            return ast.literal_eval(node.value)
    return []


def shared_names(root: Path) -> list[str]:
    "Names that stand in the `__all__` of two modules; packages re-export the names of modules."
    where = {}
    for path, text in modules(root).items():
        names = [] if path.endswith("__init__.py") else exported_names(text)
        for name in names:
            where.setdefault(name, []).append(path)
    return [f"{name}: {', '.join(paths)}" for name, paths in sorted(where.items()) if len(paths) > 1]


def private_imports(root: Path) -> list[str]:
    "Names with a leading underscore that exported code imports from another subpackage."
    found = []
    for place, source, module in exported_cells(root):
        for node in ast.walk(ast.parse(source)):
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("cop."):
                continue
            other = node.module.split(".")[1] != module.split(".")[0]
            names = [a.name for a in node.names if a.name.startswith("_")]
            found += [f"{place}:{node.lineno}: {node.module}.{name}" for name in names if other]
    return found


def functions(body: list[ast.stmt], owner: str = "") -> Iterator[tuple[ast.FunctionDef, str]]:
    "Public functions and methods, with the name of their class."
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from functions(node.body, node.name)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if not node.name.startswith("_") or node.name in ("__init__", "__call__"):
                yield node, owner


def unhinted(function: ast.FunctionDef, method: bool) -> list[str]:
    "What of a function lacks a type hint."
    a = function.args
    static = any(getattr(d, "id", None) == "staticmethod" for d in function.decorator_list)
    parameters = [*a.posonlyargs, *a.args][method and not static :] + a.kwonlyargs
    parameters += [p for p in (a.vararg, a.kwarg) if p]
    names = [p.arg for p in parameters if p.annotation is None]
    return names + ["return"] * (function.returns is None and function.name != "__init__")


def missing_hints(root: Path) -> list[str]:
    "Public functions and methods of exported code that lack the hint of a parameter or of what they return."
    found = []
    for place, source, _ in exported_cells(root):
        for node, owner in functions(ast.parse(source).body):
            if names := unhinted(node, bool(owner)):
                title = f"{owner}.{node.name}" if owner else node.name
                found.append(f"{place}:{node.lineno}: {title} lacks {', '.join(names)}")
    return found


def stored_widgets(root: Path) -> list[str]:
    "Notebooks that keep the state of progress bars and the like: thousands of lines that nobody reads."
    texts = [(path, path.read_text(encoding="utf-8")) for path in notebooks(root)]
    return [str(path.relative_to(root)) for path, text in texts if "widgets" in json.loads(text)["metadata"]]


RULES = {
    "ruff check": ruff_check,
    "ruff format": ruff_format,
    "long lines": long_lines,
    "long cells": long_cells,
    "long modules": long_modules,
    "shared names": shared_names,
    "private imports": private_imports,
    "missing type hints": missing_hints,
    "stored widgets": stored_widgets,
}


def verdict(count: int, budget: int) -> str:
    if count > budget:
        return f"FAILED: {count - budget} more than its budget"
    return f"FAILED: lower its budget to {count}" if count < budget else "ok"


def report(found: dict[str, list[str]], budgets: dict[str, int]) -> bool:  # does every rule keep its budget?
    "Print the places, those of failing rules last, and then the table."
    for rule, places in sorted(found.items(), key=lambda f: len(f[1]) > budgets[f[0]]):
        shown = places[: SHOWN.get(rule)]
        left_out = [f"… and {len(places) - len(shown)} more"] if len(shown) < len(places) else []
        print("\n".join(f"{rule}: {x}" for x in [*shown, *left_out]) or f"{rule}: none")
    print(f"\n{'rule':20}{'count':>7}{'budget':>8}")
    for rule, places in found.items():
        print(f"{rule:20}{len(places):7}{budgets[rule]:8}  {verdict(len(places), budgets[rule])}")
    return all(len(places) == budgets[rule] for rule, places in found.items())


def notebook(*cells: str, **metadata: dict) -> str:
    "A notebook with these code cells."
    empty = dict(cell_type="code", execution_count=None, metadata={}, outputs=[])
    nb = dict(cells=[dict(empty, source=c, id=f"{i:08x}") for i, c in enumerate(cells)])
    return json.dumps(nb | dict(metadata=metadata, nbformat=4, nbformat_minor=5))


def plant(root: Path) -> None:
    "A tree that breaks every rule once."
    pad = "".join(f"    # step {i}\n" for i in range(LONGEST_CELL - 1))
    clean = "#| export\ndef show(x: int, *, y: int = 0) -> None:\n    pass"
    files = {
        "tools/unsorted.py": "import os\n",  # F401: it is not used
        "tools/unformatted.py": "x = 'a'\n",
        "nbs/a.ipynb": notebook(
            "#| default_exp core.a",
            f"# {'x' * LONGEST_LINE}",
            f"#| export\ndef long() -> None:\n{pad}    pass",
            "#| export\nfrom cop.images.c import _other",
            "#| export\nfrom cop.core.b import _mine\n\nPAIR = _mine, _other",
            clean,
        ),
        "nbs/b.ipynb": notebook(
            "#| default_exp core.b",
            "#| export\nclass Pair:\n    def __init__(self, x: int):\n        pass\n\n"
            "    def swap(self, again):\n        pass\n\n    def _hidden(self, x):\n        pass",
            "def not_exported(x):\n    pass",
            widgets={},
        ),
        "cop/core/a.py": "__all__ = ['show', 'long']\n" + "# filled\n" * LONGEST_MODULE,
        "cop/images/c.py": "__all__ = ['show']\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


def self_test() -> None:
    "Each rule finds its planted violation and no other; a budget that is missed on either side fails."
    with tempfile.TemporaryDirectory() as d:
        plant(Path(d))
        found = {rule: find(Path(d)) for rule, find in RULES.items()}
    print("\n".join(f"{rule}: {place}" for rule, places in found.items() for place in places))
    wrong = [rule for rule, places in found.items() if len(places) != 1]
    if wrong:
        sys.exit(f"these rules did not find just the one violation that was planted: {', '.join(wrong)}")
    want = "core/a.py", "cell 3", "cell 4:2", "Pair.swap lacks again, return"
    rules = "long modules", "long cells", "private imports", "missing type hints"
    for rule, text in zip(rules, want, strict=True):
        if text not in found[rule][0]:
            sys.exit(f"{rule} found {found[rule][0]}, not {text}")
    if [verdict(n, 1).split(":")[0] for n in range(3)] != ["FAILED", "ok", "FAILED"]:
        sys.exit("a budget of 1 must hold for one violation and no other number")


def main() -> int:
    if sys.argv[1:] == ["--self-test"]:
        self_test()
        return 0
    if sys.argv[1:]:
        sys.exit(__doc__)
    if not notebooks(ROOT):
        sys.exit("nbs/ holds no notebook")
    return 0 if report({rule: find(ROOT) for rule, find in RULES.items()}, BUDGETS) else 1


if __name__ == "__main__":
    sys.exit(main())
