"""Run one experiment: a notebook template of nbs/experiments/ with the parameter file of a tier.

    python tools/experiment.py NAME TIER [-p KEY VALUE]…      for example: order_worth smoke -p seed 1

NAME.ipynb has one cell tagged `parameters`, and among them `out`, the folder for results relative to
nbs/experiments/. NAME.TIER.yaml changes some of them, and -p changes them once more (values are YAML).
Papermill executes the notebook, and writes it to `out` too, as NAME.TIER.ipynb.
"""

import argparse
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = ROOT / "nbs" / "experiments"


def parameters(name, tier, changes, templates=TEMPLATES):
    "The template's defaults by name, as source text, and the values that this run sets."
    import papermill
    import yaml

    template = templates / f"{name}.ipynb"
    tiers = sorted(p.name.split(".")[1] for p in templates.glob(f"{name}.*.yaml"))
    if not template.exists():
        sys.exit(
            f"there is no experiment {name}; there are: "
            f"{', '.join(sorted(p.stem for p in templates.glob('*.ipynb'))) or 'none yet'}"
        )
    if tier not in tiers:
        sys.exit(f"{name} has no tier {tier}; it has: {', '.join(tiers) or 'none'}")
    defaults = {k: v["default"] for k, v in papermill.inspect_notebook(template).items()}
    if "out" not in defaults:
        sys.exit(f"{template} needs a cell tagged `parameters` that sets `out`")
    values = yaml.safe_load((templates / f"{name}.{tier}.yaml").read_text(encoding="utf-8")) or {}
    values.update({k: yaml.safe_load(v) for k, v in changes})
    unknown = sorted(values.keys() - defaults.keys())
    if unknown:
        sys.exit(f"{name} has no parameter {', '.join(unknown)}; it has: {', '.join(defaults)}")
    return defaults, values


def run(name, tier, changes=(), templates=TEMPLATES, progress=True, engine=None, cwd=None):
    """Execute the template; returns the executed notebook's path and the values that were set.

    `engine` is one that is registered with papermill; None: a kernel of its own. `cwd` is the folder that the
    notebook starts in; None: the templates'."""
    import ast

    import papermill

    defaults, values = parameters(name, tier, changes, templates)
    out = templates / values.get("out", ast.literal_eval(defaults["out"]))
    out.mkdir(parents=True, exist_ok=True)
    done = (out / f"{name}.{tier}.ipynb").resolve()
    # this checkout's cop
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT)] + [p for p in [os.environ.get("PYTHONPATH")] if p])
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"  # this environment's kernel, not one installed for the user
    try:
        papermill.execute_notebook(
            templates / f"{name}.ipynb",
            done,
            values,
            cwd=cwd or templates,
            kernel_name="python3",
            engine_name=engine,
            progress_bar=progress,
        )
    except papermill.exceptions.PapermillExecutionError as e:
        if e.ename == "TimeoutError":
            # a piece is done, which is no failure, but not the end either
            sys.exit(f"{name} {tier}: {e.evalue}")
        sys.exit(f"{name} {tier} failed; see {done}\n{str(e)[-3000:]}")
    return done, values


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name")
    parser.add_argument("tier")
    parser.add_argument(
        "-p", nargs=2, action="append", default=[], metavar=("KEY", "VALUE"), help="change one parameter"
    )
    args = parser.parse_args()
    print(run(args.name, args.tier, args.p)[0])


if __name__ == "__main__":
    main()
