"""Do README.md and docs/ say what the results say, and what the command understands?

    python tools/check_readme.py             every disagreement, one a line; exit code 1 if there is one
    python tools/check_readme.py --tables    the complete tables of docs/results.md, made from data/results

Numbers are compared with data/results/*.json. Commands in fenced blocks are parsed by `cop`, and not run;
names that Python blocks import must exist, and so must files that links point to, targets of make, and
experiments. README.md has at most 130 lines.
"""

import ast
import contextlib
import io
import json
import re
import shlex
import sys
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from statistics import mean

from cop.cli.main import _find_verb, _parse
from cop.core.statistics import mean_interval
from cop.report.claims import claims_table
from cop.report.cost import Prediction, _size, _time, describe

ROOT = Path(__file__).resolve().parent.parent

LINES = 130  # of README.md
PAGES = ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in sorted((ROOT / "docs").glob("*.md")))]
FAMILIES = "mixture", "neural", "categorical"  # of estimators
EXACT_COVERAGE = "coverage of the estimator's mutual information, with self-information*"
OF_OBJECTIVES = "encoder pagerank, image", "encoder coverage, image", "certainty, image"  # readings
OLD = re.compile(r"\bcop_(order|demo|sample|evaluate|eval_vit|train_\w+)\b")  # commands before there was one


def result(name):
    "A file of data/results."
    return json.loads((ROOT / "data" / "results" / f"{name}.json").read_text(encoding="utf-8"))


def page(name):
    return (ROOT / name).read_text(encoding="utf-8")


def section(text, heading):
    "What stands between a heading and the next of its level or above."
    start = re.search(rf"^(#+) {re.escape(heading)}$", text, re.M)
    assert start, f"there is no section {heading}"
    rest = text[start.end() :]
    end = re.search(rf"^#{{1,{len(start[1])}}} ", rest, re.M)
    return rest[: end.start()] if end else rest


def minus(text):
    "With the minus sign that sentences have."
    return text.replace("-", "−")


def interval_text(value, low, high, digits=2):
    return f"{value:+.{digits}f} ({low:+.{digits}f} … {high:+.{digits}f})"


def of(value, digits=2):
    "A number of a file with its interval."
    return interval_text(value["value"], value["low"], value["high"], digits)


def difference(row):
    "The difference of a row from its control, with its interval; a dash where the row is one."
    return of(row["difference"]) if "difference" in row else "–"


def quoted(value, digits=1):
    "As sentences have it: value, low … high."
    return minus(
        f"{value['value']:+.{digits}f}, {value['low']:+.{digits}f} … {value['high']:+.{digits}f}"
    ).lstrip("+")


def listed(gaps):
    "The gaps of some trainings, as sentences have them: a, b and c."
    *first, last = (minus(f"{gap:+.2f}") for gap in gaps)
    return f"{', '.join(first)} and {last}"


def require(part, texts, where):
    "Names of the texts that a part lacks."
    return [f"{where}: {text!r} is not there" for text in texts if text not in part]


# Tables, line by line


def gap_text(row):
    "Gap closed by an order: over trainings by Student's t, else by the bootstrap of the file."
    if row["per_seed"]:
        return interval_text(*mean_interval(row["per_seed"]))
    return interval_text(row["gap_closed"], *row["ci"])


def worth_rows():
    small, photos = (result(f"order_worth.{tier}")["orders"] for tier in ("small", "photos"))
    best_first = sorted(small.items(), key=lambda item: -item[1]["gap_closed"])
    of_photos = lambda name: gap_text(photos[name]) if name in photos else "–"
    return [
        f"| {name} | {gap_text(row)} | {of_photos(name)} | {'learned' if row['per_seed'] else '–'} |"
        for name, row in best_first
    ]


def identified_rows(tier, keep=None):
    "Readings (None: all) of every objective after the last step, with the agreement of trainings."
    orders, lines = result(f"identified.{tier}")["orders"], []
    for objective, steps in orders.items():
        for reading, row in steps[max(steps, key=int)].items():
            if keep and reading not in keep:
                continue
            cells = [str(row["images"]), tau_text(row)]
            cells += [seeds_text(row[e]["gap_closed"]) for e in ("Gaussian", "mixture")]
            other = row["mixture"].get("another_image")
            cells.append(f"{mean(other):+.2f}" if other else "–")
            lines.append(f"| {objective} | {reading} | {' | '.join(cells)} |")
    return lines


def tau_text(row):
    "Agreement of trainings about an image; in brackets about two images."
    if not row["between_seeds"]:
        return "–"
    other = row.get("between_seeds_and_images")
    return f"{mean(row['between_seeds']):+.2f}" + (f" ({mean(other):+.2f})" if other else "")


def seeds_text(values):
    "A mean over trainings with Student's interval, where there are at least three."
    if len(values) < 3:
        return f"{mean(values):+.2f}"
    return interval_text(*mean_interval(values))


def agreement_rows():
    return [
        f"| {name} | {a['between_seeds']:+.2f} | {a['between_images']:+.2f} |"
        for name, a in result("order_worth.small")["agreement"].items()
        if "mean graph" not in name and name != "mean_certainty"  # one order for all images
    ]


def cmar_rows():
    cmar = result("cmar.small")
    distance, same = cmar["distance"], f"{cmar['parameters']['same_guidance']:g}"
    lines = []
    for cell, best in cmar["best_guidance"].items():
        plain, guided = cmar["table2"][f"{cell} @ 1"], cmar["table2"][f"{cell} @ {same}"]
        numbers = " | ".join(f"{row[distance]:.2f}" for row in (plain, guided, best))
        lines.append(f"| {cell} | {numbers} | {difference(guided)} |")
    return lines


def cmar_certainty_rows():
    "Distances at guidance 2 along orders of long CoMAEs, and what fine-tuning gains in the bound."
    cmar, lines = result("cmar.certainty"), []
    for cell, row in cmar["table2"].items():
        name = cell.removesuffix(" @ 2")
        held = cmar["held_out"].get(name.removeprefix("CMAR, "), {}) if name.startswith("CMAR") else {}
        cells = [f"{row[cmar['distance']]:.2f}", difference(row)]
        cells += [of(held[gain], 1) if held else "–" for gain in ("gain", "cost")]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def plan_rows():
    "Sampling plans: distance and speed beside the public plan."
    found = result("plans.small")
    return [
        f"| {name} | {row['speedup']:.1f}× | {row[found['distance']]['value']:.2f} | {difference(row)} |"
        for name, row in found["plans"].items()
    ]


def heads_rows():
    "CoMAEs of several numbers of heads: held-out error, and how much faster."
    lines = []
    for name, row in result("heads.small")["variants"].items():
        ratios = (f"{row[k]['median']:.2f}×" for k in ("step", "dependencies"))
        lines.append(f"| {name} | {row['error']['value']:.3f} | {difference(row)} | {' | '.join(ratios)} |")
    return lines


def cvit_row(name, five):
    row, only = five[name], five.get(f"{name.removeprefix('CViT, ')}, positions")
    at = [row["top1"][rate]["value"] for rate in ("0", "0.5", "0.78", "0.9")] + [row["AuC"]["value"]]
    numbers = " | ".join(f"{v:.1f}" for v in at)
    positions = f"{only['top1']['0.78']['value']:.1f}" if only else "–"
    name = name.replace("dynamic", "DynamicViT")
    return f"| {name} | {numbers} | {of(row['78 % − RViT'], 1)} | {positions} |"


def cvit_rows(tier):
    five = result(f"cvit.{tier}")["table5"]
    trained = sorted((a for a in five if a.startswith("CViT")), key=lambda a: -five[a]["AuC"]["value"])
    untrained = [
        f"{m} + {o}"
        for m in ("ViT", "RViT")
        for o in ("supervised", "mean_certainty", "certainty", "pagerank", "variance")
    ]
    named = ["ViT", *untrained, "RViT", *trained, "dynamic"]
    return [cvit_row(a, five) for a in named if a in five] + [
        f"| {a}: {row['share of MACs']:.0%} of the work | {row['top1']['value']:.1f} |" + " – |" * 6
        for a, row in five.items()
        if a.startswith("dense")
    ]


def ranker_agreement_rows():
    return [
        f"| {teacher} | {name} | {v['tau']:.2f} | {v['overlap']:.2f} |"
        for teacher, rows in result("ranker.small")["agreement"].items()
        for name, v in rows.items()
        if name.startswith("teacher") or "seed to seed" not in name
    ]


def ranker_gap_rows(tier="small"):
    closed = result(f"ranker.{tier}")["gap_closed"]
    lines = []
    for name in sorted(closed, key=lambda n: -sum(v["value"] for v in closed[n].values())):
        family = name.startswith(("drops", "leave"))
        cells = [of(v) + "°" * (family and k.endswith("neural")) for k, v in closed[name].items()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def classified_rows():
    return [
        f"| {name} | "
        + " | ".join(of(v, 1) if "less" in k else f"{v['value']:.1f}" for k, v in row.items())
        + " |"
        for name, row in result("ranker.small")["classified"].items()
    ]


def bench_rows(*tasks):
    "Rows of the benchmark on a CPU."
    return [r for r in result("bench")["results"] if r["task"] in tasks and r["device"] == "cpu"]


def speed_rows(*tasks):
    "Ratios of the benchmark with their spread over the rounds, the aim, and the share of the limit."
    lines = []
    for row in bench_rows(*tasks):
        name = row["name"].replace(" on cpu", "").replace(", random weights,", "").replace(",:", ":")
        low, high = row["spread"]
        ratio = f"{row['ratio']:.1f}×" + (f" ({low:.1f} … {high:.1f})" if low < high else "")
        limit = f"{row['share_of_limit']:.0%}" if row["share_of_limit"] else "–"
        lines.append(f"| {name} | {ratio} | {row['goal'] or '–'} | {limit} |")
    return lines


def claims_rows():
    "The paper's claims, with what the results say."
    return claims_table(result("claims"))[2:]


TABLES = {  # caption in docs/results.md: its lines
    "The paper's claims": claims_rows,
    "Evaluation of orders": worth_rows,
    "Agreement of orders": agreement_rows,
    "Is the order identified?": lambda: identified_rows("small"),
    "The same of photographs": lambda: identified_rows("photos"),
    "Other objectives": lambda: identified_rows("objectives", OF_OBJECTIVES),
    "Fine-tuning along an order": cmar_rows,
    "Fine-tuning along orders of long CoMAEs": cmar_certainty_rows,
    "Speed of graphs, rankings, estimators and files": lambda: speed_rows(
        "pagerank", "coverage", "estimators", "dependencies", "files"
    ),
    "Speed of sparse ViTs": lambda: speed_rows("vit"),
    "Speed of a ranker and a ViT": lambda: speed_rows("ranked"),
    "Speed of MAR-B": lambda: speed_rows("mar"),
    "Heads of CoMAE": heads_rows,
    "Sampling plans": plan_rows,
    "Classification from few patches": lambda: cvit_rows("small"),
    "Classification of photographs": lambda: cvit_rows("photos"),
    "Classification along orders of long CoMAEs": lambda: cvit_rows("certainty"),
    "Agreement with the teacher": ranker_agreement_rows,
    "Ranking in one pass": ranker_gap_rows,
    "Rankers that long CoMAEs taught": lambda: ranker_gap_rows("certainty"),
    "Classification along a ranker's order": classified_rows,
}


def check_tables():
    "Every line of a complete table stands in docs/results.md."
    text = page("docs/results.md")
    found = [
        f"docs/results.md, {caption}: {line!r} is not there"
        for caption, rows in TABLES.items()
        for line in rows()
        if f"\n{line}\n" not in text
    ]
    return found + check_every_order(section(text, "Under estimators that see values"))


def check_every_order(part):
    "The tables under estimators that see values quote rows of their files."
    found, checked = [], 0
    for tier, tables in zip(("small", "photos"), part.split("**Photographs**"), strict=True):
        known = result(f"every_order.{tier}")
        found += require(tables, [f"{known['images']} held-out images"], f"every_order.{tier}")
        for measure, text in zip(("area", "targets"), tables.split("Held-out targets"), strict=True):
            for line in (x for x in text.splitlines() if x.startswith("| ")):
                name, _, *cells = (cell.strip() for cell in line.strip("| ").split("|"))
                row = known["orders"][measure].get(name)
                for family, cell in zip(FAMILIES, cells) if row else ():
                    gap = row["estimators"][family]["surprisal, hindsight"]
                    mark = "°" * (family in row["from"])
                    want = interval_text(gap["gap_closed"], *gap["ci"]).replace(" ", f"{mark} ", 1)
                    found += [f"{name}, {family}: {cell}, not {want}"] if cell != want else []
                    checked += 1
    expected = len(FAMILIES) * (13 + 8 + 10 + 8)  # rows of the four tables
    return found + ([] if checked == expected else [f"{checked} numbers of every_order were found"])


# Sentences


def known_intervals():
    "Every interval of the files, with one to three digits, as the numbers without plus signs."
    found = set()

    def add(value, low, high):
        for digits in (1, 2, 3):
            found.add(tuple(f"{x:.{digits}f}" for x in (value, low, high)))
            found.add(tuple(f"{x:.{digits}f}" for x in (-value, -high, -low)))

    def walk(node):
        if isinstance(node, dict):
            if {"value", "low", "high"} <= node.keys() or {"mean", "low", "high"} <= node.keys():
                add(node.get("value", node.get("mean")), node["low"], node["high"])
            if {"gap_closed", "ci"} <= node.keys():
                add(node["gap_closed"], *node["ci"])
            if len(node.get("per_seed") or ()) > 1:
                add(*mean_interval(node["per_seed"]))
            for child in node.values():
                walk(child)
        elif isinstance(node, list):
            if 1 < len(node) < 9 and all(isinstance(x, float) for x in node):  # one number a training
                add(*mean_interval(node))
            for child in node:
                walk(child)

    for path in sorted((ROOT / "data" / "results").glob("*.json")):
        walk(json.loads(path.read_text(encoding="utf-8")))
    return {
        tuple(x.replace("-0.00", "0.00").replace("-0.0", "0.0") if float(x) == 0 else x for x in t)
        for t in found
    }


def check_intervals(names=("README.md", "docs/results.md")):
    "Every value with an interval stands in a file."
    number = r"([+−-]?\d+\.\d+)"
    pattern = re.compile(number + r"°?(?: \(|, )" + number + " … " + number)
    known, found, seen = known_intervals(), [], 0
    for name in names:
        for match in pattern.finditer(page(name)):
            plain = [x.replace("−", "-").lstrip("+") for x in match.groups()]
            plain = tuple(x.lstrip("-") if float(x) == 0 else x for x in plain)
            found += [] if plain in known else [f"{name}: {match[0]!r} is in no file of data/results"]
            seen += 1
    return found if seen > 200 else [*found, f"only {seen} intervals were found"]


def check_evaluation():
    "What docs/results.md says about the evaluation of orders."
    evaluated = {tier: result(f"order_worth.{tier}") for tier in ("small", "photos")}
    small, photos = (evaluated[tier]["orders"] for tier in ("small", "photos"))
    part = section(page("docs/results.md"), "Evaluation of orders")
    said = [minus(gap_text(photos["pagerank of the estimator's mutual information*"]))]
    said += [gap_text(small[name]) for name in ("certainty", "mean_certainty")]
    said.append(f"{small[EXACT_COVERAGE]['gap_closed']:+.2f}: that is as far as pairs go")
    said.append(listed(small["pagerank"]["per_seed"]))
    halton = small["halton"]["gap_closed"]
    for name, row in small.items():
        if not row["per_seed"]:
            continue
        learned, of_encoder = mean_interval(row["per_seed"]), "certainty" not in name
        if of_encoder:
            assert learned.low < 0 < learned.high, f"{name} differs from random orders"
        elif name != "pointwise_certainty":
            assert learned.low > halton, f"{name} is not ahead of Halton's order"
    of_encoder = [name for name, row in photos.items() if row["per_seed"] and "certainty" not in name]
    assert all(mean_interval(photos[name]["per_seed"]).high >= -0.005 for name in of_encoder)
    said += [listed(photos[name]["per_seed"]) for name in ("pagerank", "coverage, self-information 1")]
    said += [gap_text(photos[n]) for n in ("certainty of the mean graph", "mean_certainty", "certainty")]
    agree = evaluated["photos"]["agreement"]
    for name in ("pagerank", "certainty", "pointwise_certainty"):
        text = "{between_seeds:.2f} and {between_images:.2f} by".format(**agree[name])
        said.append(f"{text} `{name}`")
    said.append(f"about `mean_certainty` by {agree['mean_certainty']['between_seeds']:.2f}")
    alone = photos["halton"]["gap_closed"]
    for name in ("certainty of the mean graph", "mean_certainty"):
        assert mean_interval(photos[name]["per_seed"]).low > alone, name
    assert mean_interval(photos["certainty"]["per_seed"]).high < alone
    turned = [
        [a - b for a, b in zip(*(orders[n]["per_seed"] for n in ("pagerank_transposed", "pagerank")))]
        for orders in (small, photos)
    ]
    assert sum(gain > 0 for gain in turned[0]) == 2 and max(map(abs, turned[1])) < 0.1, turned
    encoder = {n: a for n, a in evaluated["small"]["agreement"].items() if "certainty" not in n}
    assert all(a["between_images"] > a["between_seeds"] + 0.4 for a in encoder.values())
    decoder = [evaluated["small"]["agreement"][n] for n in ("certainty", "pointwise_certainty")]
    assert all(a["between_seeds"] > a["between_images"] + 0.1 for a in decoder)
    found = require(part, said, "Evaluation of orders")
    return found + check_several(part.split("**One order, several")[1]) + check_identified()


def of_subsets(known):
    "Of the variant `subsets` after the last step, by reading: what was measured, τ, and leads on Halton."
    rows = known["orders"]["subsets"]["12000"]
    tau = {name: mean(row["between_seeds"]) for name, row in rows.items()}
    lead = {
        n: [row[e]["ahead_of_halton"]["of_all"] for e in known["controls"]["halton"]]
        for n, row in rows.items()
    }
    return rows, tau, lead


def particular_text(known):
    "How graphs of two trainings correlate, less the mean graph of each."
    common = known["in_common"]["subsets"]
    particular = [mean(common[f"{kind}, centred"]) for kind in ("encoder", "certainty")]
    return "correlate by {:.2f}, their certainty graphs by {:.2f}".format(*particular)


def check_identified():
    "What docs/results.md says about the agreement of trainings."
    known = result("identified.small")
    part = section(page("docs/results.md"), "Is the order identified?")
    trained = ", ".join(f"{len(seeds)} of *{v}*" for v, seeds in known["seeds"].items())
    halton = known["controls"]["halton"]
    said = [f"Trainings: {trained}.", f"Halton closes {halton['Gaussian']:+.2f} of the gap under the exact"]
    said.append(f"{halton['mixture']:+.2f} under the mixture")
    steps = known["orders"]["subsets"]
    early, late = (steps[k]["encoder pagerank, image"]["between_seeds"] for k in ("2000", "12000"))
    said.append(f"{mean(early):.2f} after 2,000 steps and {mean(late):.2f} after 12,000")
    rows, tau, lead = of_subsets(known)
    ahead = {name: [of["low"] > 0 for of in leads] for name, leads in lead.items()}
    for name in ("certainty, image", "certainty, mean", "mean_certainty"):
        assert all(ahead[name]), name
    of_ties = ("certainty, image", "certainty, ties at random, image", "certainty, no ties, image")
    for_all = (f"mean_certainty{ties}" for ties in ("", ", ties at random", ", no ties"))
    assert all(rows["mean_certainty"][e]["ahead_of_halton"]["of_three"] == 1 for e in halton)
    choices = [10 * rows["certainty, image"][e]["ahead_of_halton"]["of_three"] for e in halton]
    said.append("in {:.0f} of ten choices of three only, under the mixture in {:.0f} of ten".format(*choices))
    for names in (for_all, of_ties):
        agree = [tau[n] for n in names]
        said.append("{:.2f} (ties at random: {:.2f}, no ties: {:.2f})".format(*agree))
    assert not any(any(ahead[n]) or tau[n] > 0.25 for n in rows if n.startswith("encoder"))
    for name in ("image", "mean"):
        random_ties = f"certainty, ties at random, {name}"
        assert tau[random_ties] < tau[f"certainty, {name}"]
        of_both = (rows[n]["Gaussian"]["gap_closed"] for n in (random_ties, f"certainty, {name}"))
        assert all(abs(a - b) < 0.08 for a, b in zip(*of_both))
    assert ahead["pointwise, image"] == [False, True]
    papers = known["orders"]["paper"]["12000"]["encoder pagerank, image"]
    gaps, agree = listed(papers["Gaussian"]["gap_closed"]), mean(papers["between_seeds"])
    said.append(f"{gaps}, and two trainings agree by {agree:.2f}")
    images = [n for n in rows if n.endswith("image")]
    of_two = {name: mean(rows[name]["between_seeds_and_images"]) for name in images}
    name = "pointwise, image"
    said.append(f"by {tau[name]:.2f} about one image, and by {of_two[name]:.2f} about two")
    assert all(abs(tau[n] - of_two[n]) < 0.03 for n in images if n.startswith("encoder"))
    assert all(tau[f"{n}, image"] < 0.4 and not ahead[f"{n}, image"][0] for n in ("gradient", "noise"))
    by_pagerank, coverage = (
        mean(rows[f"{name}, image"]["Gaussian"]["gap_closed"])
        for name in ("certainty pagerank", "encoder coverage")
    )
    said.append(minus(f"closes {by_pagerank:.2f}, and the encoder's by coverage {coverage:.2f}"))
    for name in ("certainty", "pointwise"):
        row = rows[f"{name}, image"]["mixture"]
        said.append(f"{mean(row['gap_closed']):+.2f} by its own image and {mean(row['another_image']):+.2f}")
    said.append(particular_text(known))
    found = require(part.split("**Photographs**")[0], said, "Is the order identified?")
    photos, objectives = part.split("**Photographs**")[1].split("**Other objectives**")
    return found + check_identified_photos(photos) + check_objectives(objectives)


def check_identified_photos(part):
    "The same of photographs."
    known = result("identified.photos")
    halton = known["controls"]["halton"]
    rows, tau, lead = of_subsets(known)
    ahead = {name: [of["low"] > 0 for of in leads] for name, leads in lead.items()}
    said = [
        f"{halton['Gaussian']:+.2f} of the gap under the exact Gaussian",
        f"{halton['mixture']:+.2f} under",
    ]
    name = "encoder pagerank, image"
    two = mean(rows[name]["between_seeds_and_images"])
    said.append(f"agree by {tau[name]:.2f} about one image and by {two:.2f} about two")
    said.append(particular_text(known))
    leads = ("{low:+.2f} … {high:+.2f}".format(**of) for of in lead["mean_certainty"])
    said.append("{} under the Gaussian and {} under the mixture".format(*leads))
    agree = [tau[f"mean_certainty{ties}"] for ties in ("", ", no ties", ", ties at random")]
    said.append("by {:.2f} (no ties: {:.2f}, ahead too; ties at random: {:.2f}, not".format(*agree))
    assert [all(ahead[f"mean_certainty{ties}"]) for ties in ("", ", no ties")] == [True, True]
    assert ahead["mean_certainty, ties at random"] == [False, False]
    of_images = {name: of for name, of in ahead.items() if rows[name]["images"] > 1}
    assert not any(of[0] for of in of_images.values())
    assert all(of[1] == name.startswith("pointwise") for name, of in of_images.items())
    row = rows["certainty, image"]["mixture"]
    own, other = (mean(row[k]) for k in ("gap_closed", "another_image"))
    said.append(minus(f"closes {own:+.2f} by its own image and {other:+.2f} by another"))
    return require(part, said, "photographs")


def check_objectives(part):
    "The same of other objectives."
    known = result("identified.objectives")
    assert {len(seeds) for seeds in known["seeds"].values()} == {3}
    rows = {objective: steps["6000"] for objective, steps in known["orders"].items()}
    by_pagerank = {objective: of["encoder pagerank, image"] for objective, of in rows.items()}
    tau = {objective: mean(row["between_seeds"]) for objective, row in by_pagerank.items()}
    by_objective = {
        objective: [known["states"][f"{objective}, seed {seed}"]["6000"] for seed in seeds]
        for objective, seeds in known["seeds"].items()
    }
    of = lambda objective, name: mean(state[name] for state in by_objective[objective])
    error = {objective: of(objective, "held_out_error") for objective in rows}
    two = mean(by_pagerank["tied"]["between_seeds_and_images"])
    said = [f"agrees by {tau['tied']:.2f} by PageRank about one image and by {two:.2f} about two"]
    coverage = rows["tied"]["encoder coverage, image"]
    agree = (mean(coverage[k]) for k in ("between_seeds", "between_seeds_and_images"))
    said.append("by coverage by {:.2f} and {:.2f}, where it".format(*agree))
    assert max(coverage["Gaussian"]["gap_closed"]) < 0
    said.append(f"{error['tied'] / error['paper']:.1f} times the error of *paper*")
    said.append(f"({error['tied']:.2f} for {error['paper']:.2f})")
    said.append(f"*gates* agrees by {tau['gates']:.2f}, with {error['gates'] / error['paper']:.1f} times")
    said.append(f"agrees by {mean(rows['tied']['certainty, image']['between_seeds']):.2f}")
    assert all(t < 0.1 for objective, t in tau.items() if objective not in ("tied", "gates")), tau
    assert min(error, key=error.get) == "joint"
    said.append(f"whose error is the lowest, {error['joint']:.2f}")
    effective = [of(objective, "effective_patches") for objective in ("no_contrast", "paper")]
    said.append("{:.0f} of 48 sources are effective, for {:.0f} with it".format(*effective))
    said.append(f"{error['no_contrast']:.3f} for {error['paper']:.3f}")
    return require(part, said, "objectives")


def check_several(part):
    "The table of one order's several numbers."
    small, photos = (result(f"order_worth.{tier}")["orders"]["pagerank"] for tier in ("small", "photos"))

    def teacher(tier):
        gaps = result(f"ranker.{tier}")["gap_closed"]["comae, the teacher"]
        return ", ".join(f"{gaps[f'area, {f}']['value']:+.2f}" for f in ("neural", "categorical"))

    def surprisals(tier):
        gaps = result(f"every_order.{tier}")["orders"]["area"]["pagerank, CoMAE"]["estimators"]
        return ", ".join(f"{gaps[f]['surprisal, hindsight']['gap_closed']:+.2f}" for f in FAMILIES)

    objectives = result("identified.objectives")["orders"]["paper"]["6000"]
    shallow = objectives["encoder pagerank, image"]["Gaussian"]["gap_closed"]
    several = [
        f"{gap_text(small)}, Student",
        f"{seeds_text(shallow)}, Student",
        surprisals("small"),
        teacher("small"),
        teacher("certainty"),
        f"{gap_text(photos)}, Student",
        surprisals("photos"),
    ]
    lines = [line for line in part.split("### ")[0].splitlines() if line.startswith("| ")][2:]
    pairs = zip(several, lines, strict=True)
    return [f"{line!r} lacks {text!r}" for text, line in pairs if f"| {text} |" not in line]


def check_questions():
    "What README, docs/results.md and the experiment say about estimators that see values."
    both = [result(f"every_order.{tier}")["questions"] for tier in ("small", "photos")]
    shares = [100 * a["share_of_ceiling"] for q in both for a in q["area"].values()]
    decoder = both[0]["area, CoMAE's decoder"]
    assert all(a["learned"] == "pointwise_certainty, CoMAE" for a in decoder.values())
    apart = [family for family, a in decoder.items() if a["apart"]]
    assert apart == ["Gaussian", "categorical"], apart
    said = [f"{min(shares):.0f} % to {max(shares):.0f} % of the ceiling"]
    ours = [100 * a["share_of_ceiling"] for a in decoder.values()]
    said.append(f"it closes {min(ours):.0f} % to {max(ours):.0f} % of the ceiling on Fashion-MNIST")
    text = section(page("docs/results.md"), "Under estimators that see values")
    found = require(text, said, "Under estimators that see values")
    for tier in ("small", "photos"):
        of_tier = result(f"every_order.{tier}")
        questions, orders = of_tier["questions"], of_tier["orders"]["area"]
        assert all(a["apart"] and a["share_of_ceiling"] > 0.74 for a in questions["area"].values())
        assert not any(a["apart"] for q in ("targets", "targets, policy") for a in questions[q].values())
        if tier == "small":
            assert all(a["gap_closed"] < a["control_gap"] for a in questions["area, CoMAE"].values())
        else:
            comae = {n: r["estimators"] for n, r in orders.items() if n.endswith(", CoMAE")}
            gaps = [row[f]["surprisal, hindsight"] for row in comae.values() for f in FAMILIES]
            assert all(g["ci"][0] <= 0 for g in gaps)
            paper = comae["pagerank, CoMAE"]
            assert all(paper[f]["surprisal, hindsight"]["ci"][1] < 0 for f in FAMILIES)
        for family in ("mixture", "neural"):
            entropy = orders[f"entropy: {family}"]["estimators"][family]
            assert entropy["entropy, expected"]["gap_closed"] > 0.9
            assert entropy["surprisal, hindsight"]["gap_closed"] < 0
    return found


def check_plans():
    "What is said of sampling plans."
    part, plans = section(page("docs/results.md"), "Sampling plans"), result("plans.small")["plans"]
    names = (
        "DPM-Solver++, 10 steps",
        "6 iterations, DPM-Solver++, 10 steps",
        "10 steps",
        "DPM-Solver++, 6 steps",
    )
    said = [of(plans[name]["difference"]) for name in names]
    said += [f"{plans[name]['speedup']:.1f} times" for name in names[:2]]
    assert all(plans[name]["difference"]["high"] < 0 for name in names[:3])
    assert plans[names[3]]["difference"]["low"] > 0 and plans["detail"]["difference"]["high"] > 0
    return require(part, said, "Sampling plans")


def check_generation():
    part, cmar = section(page("docs/results.md"), "Fine-tuning along an order"), result("cmar.small")
    apart = cmar["best_guidance"]["CMAR, pagerank"]["difference"], cmar["table4"]["4"]
    said = [quoted(d, 2) for d in apart]
    gain = cmar["held_out"]["pagerank"]["gain"]
    nats = -gain["value"], -gain["high"], -gain["low"]
    said.append("{:.1f} nats better than the control ({:.1f} … {:.1f})".format(*nats))
    long = result("cmar.certainty")["table2"]
    said += [
        of(long[f"CMAR, {name} @ 2"]["difference"]) for name in ("certainty", "mean_certainty", "pagerank")
    ]
    assert long["CMAR, certainty @ 2"]["difference"]["low"] > 0
    assert all(long[f"CMAR, {n} @ 2"]["difference"]["low"] < 0 for n in ("mean_certainty", "pagerank"))
    return require(part, said, "Fine-tuning along an order")


def check_classified_by_certainty():
    "What is said about classifiers along orders of three CoMAEs of 12,000 steps."
    part, found = (
        section(page("docs/results.md"), "Classification from few patches"),
        result("cvit.certainty"),
    )
    five, versus = found["table5"], found["versus"]["learned without labels"]
    said = [
        of(five[f"CViT, {o}"]["78 % − RViT"], 1)
        for o in ("mean_certainty", "certainty", "halton", "pagerank")
    ]
    said += [
        of(five["RViT + pagerank"]["78 % − RViT"], 1),
        of(five["RViT + mean_certainty"]["78 % − RViT"], 1),
    ]
    for measure in ("78 % masked", "AuC"):
        row = versus[measure]
        assert (row["learned"], row["training_free"]) == ("mean_certainty", "halton"), row
        said += [of(row["difference"], 1), of(row["by seed"], 1)]
    gains = {o: five[f"CViT, {o}"]["78 % − RViT"] for o in ("mean_certainty", "pagerank")}
    assert gains["mean_certainty"]["low"] > gains["pagerank"]["high"]
    rates = {name: row["top1"]["0.9"]["value"] for name, row in five.items() if name.startswith("CViT")}
    said.append(f"{rates['CViT, mean_certainty']:.1f} for {rates['CViT, halton']:.1f}")
    assert max(rates, key=rates.get) == "CViT, supervised"
    return require(part, said, "classification along certainty")


def check_ranking():
    "What docs/results.md says about rankers of embedded images."
    part, ranked = section(page("docs/results.md"), "Ranking in one pass"), result("ranker.small")
    said = [f"{ranked['images']} held-out images of {ranked['tokens']} patches"]
    found = []
    longer, seeds = "pointwise, longer, by coverage", "teacher, seed to seed"
    for teacher, names in {
        "pointwise": ["pointwise, by coverage", longer, seeds, "constant"],
        "comae": ["comae, by pagerank", seeds, "constant"],
    }.items():
        taus = [f"{ranked['agreement'][teacher][name]['tau']:.2f}" for name in names]
        if not re.search(f"`{teacher}`, by .*" + ".*".join(taus), part):
            found.append(f"Ranking in one pass: the τ of {teacher} are {taus}")
    closed, pairs = ranked["gap_closed"], ranked["agreement"]["pointwise"]
    best = closed["pointwise, by coverage"]
    others = [n for n in closed if n != "pointwise, the teacher" and not n.startswith("pointwise, l")]
    assert all(v["value"] < best[k]["value"] + 0.005 for n in others for k, v in closed[n].items())
    shares = [round(100 * pairs[longer][k] / pairs[seeds][k]) for k in ("tau", "overlap")]
    assert shares == [98, 91], shares
    for size in ("longer", "large"):
        row = closed[f"pointwise, {size}, by coverage"]
        assert all(abs(row[k]["value"] - best[k]["value"]) < 0.03 for k in best), size
    gained, rates = ranked["gained"]["label"]["mean order"], ranked["by_rate"]["ranker, label"]
    against = ranked["classified"]["ranker, label"]
    numbers = gained["78 %"], gained["AuC"], against["78 %, less supervised"]
    numbers += against["AuC, less supervised"], rates["0.9"]
    said += [minus(f"{v['value']:.1f} ({v['low']:+.1f} … {v['high']:+.1f})") for v in numbers]
    assert against["78 %, less supervised"]["low"] > -0.5 and min(v["low"] for v in gained.values()) > 0
    assert round(min(v["value"] for v in rates.values()), 1) == -0.8
    said += ranking_of_photographs() + ranking_of_long_comaes()
    return found + require(part, said, "Ranking in one pass")


def ranking_of_long_comaes():
    "What is said about rankers that three CoMAEs of 12,000 steps taught."
    ranked = result("ranker.certainty")
    closed, agreement = ranked["gap_closed"], ranked["agreement"]
    best, paper = "pointwise_certainty, by coverage", "comae, by pagerank"
    said = [f"{ranked['images']} held-out images of {ranked['tokens']} patches"]
    for name in (best, "pointwise_certainty, the teacher", f"{best}, of another image", paper):
        said.append(of(closed[name]["area, neural"]))
    said += [of(closed[name]["area, categorical"]) for name in (best, "pointwise_certainty, the teacher")]
    for name, teacher in ((best, "pointwise_certainty"), (paper, "comae")):
        seeds = agreement[teacher][f"{name}, seed to seed"]["tau"]
        said.append(f"{agreement[teacher][name]['tau']:.2f} with its teacher, {seeds:.2f} with each other")
    mixture = result("ranker.small")["gap_closed"]["pointwise, by coverage"]
    for column, halton in closed["halton"].items():
        assert closed[best][column]["low"] > halton["high"] or "targets, c" in column
        assert mixture[column]["value"] > closed[best][column]["value"]
    return said


def ranking_of_photographs():
    photos = result("ranker.photos")
    names = "pointwise, by coverage", "pointwise, the teacher", "halton"
    said = [of(v) for n in names for k, v in photos["gap_closed"][n].items() if k.startswith("area")]
    gained = photos["gained"]["label"]["mean order"]["78 %"]
    against = photos["classified"]["ranker, label"]["78 %, less supervised"]
    said += [minus(f"({v['value']:+.1f}, {v['low']:+.1f} … {v['high']:+.1f}") for v in (gained, against)]
    agree = photos["agreement"]["pointwise"]
    ours, teachers = agree["pointwise, by coverage"], agree["teacher, seed to seed"]
    shares = [100 * ours[k] / teachers[k] for k in ("tau", "overlap")]
    return [*said, "({:.0f} % of the τ of two teachers, {:.0f} % of the first".format(*shares)]


def timing(batch, dtype, what):
    "A row of the ranker and a ViT-B/16."
    return next(
        r for r in bench_rows("ranked") if f"batch {batch}, {dtype}" in r["name"] and what in r["name"]
    )


def passes():
    "Ordering 4 images, in passes of the stock ViT-B/16 over them: name → passes."
    name = lambda row: row["name"].split(" by ")[1].split(",")[0].split(":")[0]
    return {name(row): 1 / row["ratio"] for row in bench_rows("rankers")}


def check_speed():
    "Ratios and seconds of docs/results.md."
    text, kinds = page("docs/results.md"), [(b, d) for d in ("float32", "bfloat16") for b in (16, 1)]
    whole = [timing(*kind, ": ranked by score") for kind in kinds]
    said = ["{:.1f}× (16 images) and {:.1f}× (one image)".format(*(row["ratio"] for row in whole[:2]))]
    said.append("in bfloat16 {:.1f}× and {:.1f}×".format(*(row["ratio"] for row in whole[2:])))
    said.append(f"{timing(16, 'float32', 'from JPEG files')['ratio']:.1f}× from JPEG files to labels")
    shares = [1 / timing(16, "float32", f"order by {by} alone")["ratio"] for by in ("score", "coverage")]
    said.append(
        "in float32 by score takes {:.1%} of the stock model's time, by coverage {:.1%}".format(*shares)
    )
    products = "on as many tokens, are {:.1f}× and {:.1f}× as fast"
    said.append(products.format(*(row["products"] for row in whole[:2])))
    share = passes()
    encoders = share["256 passes of CoMAE's encoder"], share["the KL-16 encoder"]
    path = sum(encoders)
    said.append(f"{path / share['the ranker']:.0f}× as fast as the paper's path")
    said.append("{:.1f} ({:.1f} + {:.1f})".format(path, *encoders))
    for name in ("attention of the full model", "the ranker", "patch variance"):
        said.append(f"| {name} | {share[name]:.3f} |")
    return require(text, [*said, *seconds_and_memory()], "Speed")


def seconds_and_memory():
    "What docs/results.md says of estimators, of a forward pass and of MAR-B."
    (entropies,) = (r for r in bench_rows("estimators") if "256 tokens" in r["name"])
    forward = [r for r in bench_rows("vit") if r["name"].startswith("ViT-B/16, batch 16")]
    whole, few = (next(r for r in forward if f": {keep}% of" in r["name"]) for keep in (100, 22))
    memory = [f"{r['memory_bytes'] / 2**20:.0f} MiB" for r in (whole, few)]
    plain, guided = (r for r in bench_rows("mar") if "plain loop" in r["name"])
    assert max(plain["difference"], guided["difference"]) < 1e-5
    times = [f"{r['ours']:.0f} s (in bfloat16 {r['bf16']:.0f} s)" for r in (plain, guided)]
    return [
        f"take {entropies['ours']:.1f} s, the first time {entropies['first_call']:.1f} s",
        "takes {} beside weights and images, with 22 % of the patches {}".format(*memory),
        "takes {} without guidance, {} with it".format(*times),
    ]


def check_heads():
    "What docs/results.md says about heads of CoMAE and bfloat16."
    part = section(page("docs/results.md"), "Heads of CoMAE and bfloat16")
    variants = result("heads.small")["variants"]
    four, *others = (variants[name]["per_seed"] for name in ("4 heads", "1 head", "2 heads"))
    as_text = lambda ratio: "{median:.2f}× ({smallest:.2f} … {largest:.2f})".format(**ratio)
    faster = [row for name, row in variants.items() if name != "4 heads"]
    said = [as_text(row[what]) for row in faster for what in ("step", "dependencies")]
    for errors in others:
        apart = (f"{100 * (a / b - 1):+.0f}" for a, b in zip(errors, four))
        said.append(minus("{}, {} and {} %".format(*apart)))
    return require(part, said, "heads")


def check_front():
    "What README says beside its intervals, each with the file it names."
    text, small = page("README.md"), result("cvit.small")["table5"]
    coarse, supervised = small["dense, 14 px"], small["CViT, supervised"]["top1"]["0.78"]["value"]
    agree, decoder = (result("order_worth.small")["agreement"][n] for n in ("pagerank", "certainty"))
    said = [
        f"{coarse['top1']['value']:.1f} % right at {coarse['share of MACs']:.0%} of it".replace("9%", "9 %"),
        f"against {supervised:.1f} %",
        f"= {agree['between_seeds']:.2f}, and two images of one training by {agree['between_images']:.2f}",
        f"{timing(16, 'float32', ': ranked by score')['ratio']:.1f}× as fast",
    ]
    orders = result("every_order.photos")["orders"]["area"]
    for name in ("pointwise coverage: mixture", "halton", "pagerank, CoMAE"):
        gap = orders[name]["estimators"]["neural"]["surprisal, hindsight"]
        said.append(interval_text(gap["gap_closed"], *gap["ci"]))
    ranker = result("ranker.photos")["gap_closed"]
    said += [of(ranker[f"pointwise, {n}"]["area, neural"]) for n in ("by coverage", "the teacher")]
    for tier, names in {
        "small": ("pagerank", "halton", "supervised"),
        "photos": ("pagerank", "supervised"),
    }.items():
        five = result(f"cvit.{tier}")["table5"]
        said += [of(five[f"CViT, {name}"]["78 % − RViT"], 1) for name in names]
    cmar = result("cmar.small")
    said.append(of(cmar["best_guidance"]["CMAR, pagerank"]["difference"]))
    said.append(of(cmar["table2"]["CMAR, raster @ 2"]["difference"]))
    said.append(of(result("cmar.certainty")["table2"]["CMAR, certainty @ 2"]["difference"]))
    small, photos = (result(f"order_worth.{tier}") for tier in ("small", "photos"))
    said += [gap_text(of_set["orders"]["pagerank"]) for of_set in (small, photos)]
    said.append(gap_text(photos["orders"]["halton"]))
    said += [gap_text(small["orders"][n]) for n in ("certainty", "mean_certainty")]
    said.append(listed(small["orders"]["pagerank"]["per_seed"]))
    said += [gap_text(photos["orders"][n]) for n in ("certainty", "mean_certainty")]
    said.append(listed(photos["orders"]["pagerank"]["per_seed"]))
    tau = lambda of_set, name: of_set["agreement"][name]["between_seeds"]
    said.append("by τ = {:.2f} and {:.2f}".format(*(tau(small, n) for n in ("mean_certainty", "certainty"))))
    both = [[tau(of_set, name) for of_set in (small, photos)] for name in ("pagerank", "mean_certainty")]
    said.append("τ = {:.2f} on Fashion-MNIST and {:.2f} on photographs".format(*both[0]))
    said.append("by {:.2f} and {:.2f} (nearly".format(*both[1]))
    said.append(
        "`mean_certainty` closes "
        + " and ".join(gap_text(r["orders"]["mean_certainty"]) for r in (small, photos))
    )
    said.append(
        "`halton` " + " and ".join(f"{r['orders']['halton']['gap_closed']:+.2f}" for r in (small, photos))
    )
    said.append("by `certainty` it is {between_seeds:.2f} and {between_images:.2f}".format(**decoder))
    papers = result("identified.small")["orders"]["paper"]["12000"]["encoder pagerank, image"]
    said.append(seeds_text(papers["Gaussian"]["gap_closed"]) + " with the paper's objective")
    both = [result(f"identified.{tier}") for tier in ("small", "photos")]
    fixed = {name: [r["controls"][name]["mixture"] for r in both] for name in ("greedy", "halton")}
    rows = [r["orders"]["subsets"]["12000"] for r in both]
    of_all = [row["mean_certainty"]["mixture"]["gap_closed"] for row in rows]
    no_ties = [mean(row["mean_certainty, no ties"]["between_seeds"]) for row in rows]
    said.append("without that rule, in `identified`, {:.2f} and {:.2f})".format(*no_ties))
    five = rows[0]["mean_certainty"]
    said.append(f"{seeds_text(five['Gaussian']['gap_closed'])}, τ = {mean(five['between_seeds']):.2f}, ahead")
    assert all(five[e]["ahead_of_halton"]["of_three"] == 1 for e in ("Gaussian", "mixture"))
    said.append("{:+.2f} on Fashion-MNIST and {:+.2f} on photographs of 32 px".format(*fixed["greedy"]))
    said.append("`mean_certainty` {:+.2f} and {:+.2f}".format(*map(mean, of_all)))
    said.append("`halton` {:+.2f} and {:+.2f} (`identified".format(*fixed["halton"]))
    said.append(of(result("ranker.small")["by_rate"]["ranker, label"]["0.9"], 1))
    said.append(of(result("ranker.photos")["gained"]["label"]["mean order"]["78 %"], 1))
    found = require(text, said, "README.md")
    length = len(text.splitlines())
    return found + ([f"README.md has {length} lines; {LINES} are allowed"] if length > LINES else [])


# Commands, Python and links


def blocks(text):
    "Language and text of every fenced block."
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)


def parse_command(words):
    "What `cop` says to words that it does not understand; None if it does."
    said = io.StringIO()
    if words[:1] in ([], ["--help"], ["--version"]):
        return None
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            verb, rest = _find_verb(words)
            if "--config" in rest:  # a file of the reader's
                rest = rest[: rest.index("--config")] + rest[rest.index("--config") + 2 :]
            _parse(verb, rest)
    except SystemExit as e:
        return said.getvalue().strip() if e.code else None
    except ValueError as e:
        return str(e)
    return None


def check_line(line):
    "What is wrong with a line of a shell block: `cop` and `make` are looked at."
    wrong = []
    for part in shlex.join(shlex.split(line, comments=True)).split(" '&&' "):
        words = shlex.split(part)
        if words[:1] == ["cop"] and (error := parse_command(words[1:])):
            wrong.append(f"{part}: {error}")
        if words[:1] == ["make"]:
            targets = re.findall(r"^([a-z]+):", page("Makefile"), re.M)
            wrong += [f"{part}: there is no target {w}" for w in words[1:2] if w not in targets]
            set_to = dict(w.split("=", 1) for w in words[2:] if "=" in w)
            tier = f"nbs/experiments/{set_to.get('NAME')}.{set_to.get('TIER', 'smoke')}.yaml"
            if "NAME" in set_to and not (ROOT / tier).exists():
                wrong.append(f"{part}: there is no {tier}")
    return wrong


def check_inline(text):
    "Verbs and options that sentences name in code."
    wrong = []
    for code in re.findall(r"`(cop [a-z][^`]*)`", text):
        words = [w for w in code.split()[1:] if w not in ("VERB", "…")]
        if "VERB" in code:
            continue
        options = [w for w in words if w.startswith("--") and w != "--help"]
        try:
            verb, _ = _find_verb(words)
        except ValueError as e:
            wrong.append(f"`{code}`: {e}")
            continue
        unknown = [o for o in options if parse_command([*verb.split(), o]) and not takes(verb, o)]
        wrong += [f"`{code}`: cop {verb} has no option {o}" for o in unknown]
    return wrong


def takes(verb, option):
    "Is an option without its value refused only because the value is missing?"
    return "nrecognized" not in (parse_command([*verb.split(), option]) or "")


def check_commands():
    found = []
    for name in PAGES:
        text = page(name)
        lines = [line for kind, block in blocks(text) if not kind for line in block.splitlines()]
        found += [
            f"{name}: {wrong}"
            for line in (re.sub(r"^accelerate launch .*?\$\(which cop\)", "cop", line) for line in lines)
            if re.match(r"(cop|make|git) ", line)
            for wrong in check_line(line)
        ]
        found += [f"{name}: {wrong}" for wrong in check_inline(text)]
        if name != "docs/contents.md":  # chapters say what they are about
            found += [f"{name}: {old[0]} is a command of old" for old in OLD.finditer(text)]
    return found


def predictions():
    "Task → what `cop cost` predicted for ImageNet-1k: on GPUs where there are both."
    rows = result("cost.imagenet")["rows"]
    return {shlex.split(row["command"])[3]: row for row in rows}


def cost_rows():
    "Lines of README's table: wall clock, device hours, disk."
    jobs = {
        "order": "`cop order`",
        "latents": "`cop cache latents`",
        "train-mar": "`cop train mar`, 400 epochs",
        "train-cmar": "`cop train cmar`, 10 epochs",
    }
    lines = []
    for task, job in jobs.items():
        row = predictions()[task]
        disk = _size(sum(row["disk"].values()))
        lines.append(f"| {job} | {_time(row['seconds'])} | {row['device_hours']:.3g} | {disk} |")
    return lines


def compared(row):
    "A line of a prediction and a real run."
    unit = "steps" if row["job"].startswith("comae") else "images"
    return f"| {row['job']} | {row['size']:,} {unit} | {row['predicted']:.0f} | {row['measured']:.0f} |"


def check_cost():
    "README's and the how-to's predictions for ImageNet-1k."
    found = require(section(page("README.md"), "ImageNet-1k"), cost_rows(), "README.md, ImageNet-1k")
    text, rows = page("docs/howto.md"), result("cost.imagenet")["rows"]
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    found += [f"docs/howto.md: {row['command']} is not there" for row in rows if row["command"] not in lines]
    known = {f.name for f in fields(Prediction)}
    for row in rows[0], predictions()["train-mar"]:
        shown = describe(Prediction(**{k: v for k, v in row.items() if k in known}))
        found += require(text, [shown], "docs/howto.md, What it will cost")
    found += require(text, map(compared, result("cost")["rows"]), "docs/howto.md, What it will cost")
    said = [_time(predictions()[task]["seconds"]) for task in ("order", "latents")]
    return found + require(text, ["{} to order, {} and".format(*said)], "docs/howto.md")


def gives(module, name):
    "Does a module have a name, and can both be imported?"
    try:
        return hasattr(import_module(module), name)
    except ImportError:
        return False


def check_python():
    "Python blocks compile, and the names that they take from cop exist."
    found = []
    for name in PAGES:
        for kind, block in blocks(page(name)):
            if kind != "python":
                continue
            try:
                tree = ast.parse(block)
            except SyntaxError as e:
                found.append(f"{name}: a block of Python does not compile: {e}")
                continue
            for node in ast.walk(tree):
                if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "cop":
                    names = [(node.module, a.name) for a in node.names]
                elif isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "cop":
                    names = [("cop", node.attr)]
                else:
                    continue
                found += [f"{name}: {m} has no {n}" for m, n in names if not gives(m, n)]
    return found


def anchors(text):
    "Where links into a page can point to."
    heads = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def check_links():
    "Files and headings that links and pictures point to."
    found = []
    for name in PAGES:
        text = re.sub(r"^```.*?^```$", "", page(name), flags=re.M | re.S)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if target.startswith(("http:", "https:", "mailto:")):
                continue
            file, _, anchor = target.partition("#")
            path = (ROOT / name).parent / file if file else ROOT / name
            if not path.exists():
                found.append(f"{name}: there is no {target}")
            elif anchor and path.suffix == ".md" and anchor not in anchors(path.read_text(encoding="utf-8")):
                found.append(f"{name}: {target} has no such heading")
    return found


CHECKS = (
    check_tables,
    check_intervals,
    check_evaluation,
    check_questions,
    check_generation,
    check_plans,
    check_classified_by_certainty,
    check_ranking,
    check_speed,
    check_heads,
    check_front,
    check_commands,
    check_cost,
    check_python,
    check_links,
)


def main():
    if "--tables" in sys.argv:
        print("\n\n".join("\n".join([caption, "", *rows()]) for caption, rows in TABLES.items()))
        return 0
    found = []
    for check in CHECKS:
        try:
            found += check()
        except AssertionError as e:
            found.append(f"{check.__name__}: what is said does not hold {e}")
    print("\n".join(found) or f"{', '.join(PAGES)} say what the results say")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
