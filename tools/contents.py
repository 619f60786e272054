"""The table of contents: every chapter with its module and its claim, part by part.

    python tools/contents.py            print it
    python tools/contents.py --write    write docs/contents.md

It is made from the notebooks' first lines, so it cannot differ from them.
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PARTS = {
    "1_question": "I The question",
    "2_paper": "II The paper",
    "3_generation": "III Generation",
    "4_classification": "IV Classification",
    "5_beyond": "V Beyond the paper",
    "6_appendix": "Appendix",
    "experiments": "Experiments",
}
DOCUMENT = "docs/contents.md"
HEAD = """# Contents

Every chapter of the book in reading order, with the module that it exports. `make export` writes this page.
"""


def chapter(path):
    "Module, title and claim of a notebook."
    cells = ["".join(c["source"]) for c in json.loads(path.read_text(encoding="utf-8"))["cells"]]
    module = next((m[1] for c in cells if (m := re.match(r"#\|\s*default_exp\s+(\S+)", c))), None)
    head = next(c for c in cells if c.startswith("# "))
    claim = re.search(r"^> (.*)$", head, re.M)
    return module, head.splitlines()[0][2:], claim[1] if claim else ""


def in_sequence(path):
    "What chapters are sorted by: 100 comes after 99."
    number = re.match(r"\d+", path.name)
    return (int(number[0]) if number else -1, path.name)


def contents(root=ROOT):
    "Lines of a Markdown table a part; links are relative to the root."
    lines = []
    for folder, part in PARTS.items():
        lines += [f"### {part}", "", "| chapter | module | |", "| --- | --- | --- |"]
        for path in sorted((root / "nbs" / folder).glob("*.ipynb"), key=in_sequence):
            module, title, claim = chapter(path)
            name = f"`cop.{module}`" if module else ""
            lines.append(f"| [{path.stem}](nbs/{folder}/{path.name}) {title} | {name} | {claim} |")
        lines.append("")
    return lines


def document(root=ROOT):
    "The text of docs/contents.md; its links are relative to docs/."
    return "\n".join([HEAD, *contents(root)]).replace("](nbs/", "](../nbs/").rstrip() + "\n"


def main():
    if "--write" in sys.argv:
        (ROOT / DOCUMENT).write_text(document(), encoding="utf-8")
    else:
        print("\n".join(contents()))


if __name__ == "__main__":
    main()
