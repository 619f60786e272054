"""Does a changed parameter reach an experiment?

A template that lost its `parameters` tag runs with its defaults, and says nothing.

    python tools/check_experiment.py NAME KEY VALUE [FOLDER]      for example: order_worth seeds "[7]"

Runs the template's `smoke` tier with that one parameter and the output folder changed, and looks for both in
the executed notebook and in the result.json that it wrote.
"""

import ast
import json
import sys
import tempfile
from pathlib import Path

import yaml
from experiment import TEMPLATES, parameters, run


def injected(notebook):
    "Position of the cell tagged `parameters`, and of the one that papermill put behind it, with its source."
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    at = {t: i for i, c in enumerate(cells) for t in c["metadata"].get("tags", [])}
    return (
        at.get("parameters", -1),
        at.get("injected-parameters", -1),
        "".join(cells[at["injected-parameters"]]["source"]),
    )


def engine_of_this_process():
    "A papermill engine that runs the cells here, where PyTorch is imported already: no kernel is started."
    from execnb.shell import CaptureShell
    from papermill.engines import Engine, papermill_engines

    class ThisProcess(Engine):
        @classmethod
        def execute_managed_notebook(cls, nb_man, kernel_name, **kwargs):
            shell = CaptureShell()
            for index, cell in enumerate(nb_man.nb.cells):
                nb_man.cell_start(cell, index)
                if cell.cell_type == "code":
                    shell.run(cell.source)
                if shell.exc:
                    raise shell.exc
                nb_man.cell_complete(cell, index)

    papermill_engines.register("this_process", ThisProcess)
    return "this_process"


def check(name, key, text, templates=TEMPLATES, engine=None):
    "Run the check; exits with a line if it fails."
    value = yaml.safe_load(text)
    defaults, values = parameters(name, "smoke", [], templates)
    if key not in defaults:
        sys.exit(f"{name} has no parameter {key}; it has: {', '.join(defaults)}")
    if value in (values.get(key), ast.literal_eval(defaults[key])):
        sys.exit(f"{name}: {key} = {value} is no change")
    with tempfile.TemporaryDirectory() as out:
        start = out if templates == TEMPLATES else templates  # as if papermill was called elsewhere
        notebook, values = run(name, "smoke", [(key, text), ("out", out)], templates, False, engine, start)
        default_at, injected_at, source = injected(notebook)
        if not 0 <= default_at < injected_at:
            sys.exit(f"{name}: papermill did not put its parameters behind the template's")
        if f"{key} = {value!r}" not in source.splitlines():
            sys.exit(f"{name}: {key} = {value!r} was not handed over, but:\n{source}")
        result = Path(out) / "result.json"
        if not result.exists():
            sys.exit(f"{name}: no result.json in the folder that the changed `out` names")
        used = json.loads(result.read_text(encoding="utf-8")).get("parameters", {})
    wrong = {k: used.get(k) for k, v in values.items() if k != "out" and used.get(k) != v}
    if wrong:
        sys.exit(f"{name}: result.json was made with {wrong}, not with { ({k: values[k] for k in wrong}) }")
    print(f"{name}, smoke tier, ran with {key} = {value} as given")


def main():
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    check(*sys.argv[1:4], Path(sys.argv[4]).absolute() if len(sys.argv) > 4 else TEMPLATES)


if __name__ == "__main__":
    main()
