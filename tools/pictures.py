"""The pictures of README.md that no chapter draws.

    python tools/pictures.py [pipeline] [result] [order]

pipeline: nbs/images/pipeline.png, one embedded image from its pixels to an order, and what an order is for.
All models are those of data/checkpoints.
result: nbs/images/result.png, gaps closed by some orders, from data/results/every_order.*.json.
order: nbs/images/order.png, the contact sheet of `cop order` on four photographs that come with scikit-image:
astronaut (NASA, public domain), chelsea (Stéfan van der Walt, CC0), coffee (Rachel Michetti, Pikolo Espresso
Bar, CC0) and rocket (SpaceX, CC0).
"""

import json
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.patches import FancyArrowPatch
from PIL import Image

import cop
from cop.core.files import data_path
from cop.entropy.evaluation import noisy
from cop.generate.mar import to_tokens
from cop.images.tokenizers import load_tokenizer
from cop.orders.training_free import random_order
from cop.report.plots import as_rgb, contact_sheet, first_patches

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "nbs" / "images"
SHOWN = 5  # a held-out image of the embedded set
LATTICE, KEPT = (7, 7), 11  # patches, and how many of them are 22 %
BLUE, ORANGE = "#0b559f", "#d95f02"


def save(figure, name, dpi):
    "As a PNG of at most 256 colours."
    path = PICTURES / name
    figure.savefig(path, dpi=dpi, facecolor="white")
    Image.open(path).convert("RGB").quantize(256).save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1024:.0f} KB")


def draw_patches(axis, image):
    "The image, cut into its patches."
    wide = np.full((7 * 5 - 1, 7 * 5 - 1, 3), 255, np.uint8)
    for row in range(7):
        for column in range(7):
            cut = image[4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
            wide[5 * row : 5 * row + 4, 5 * column : 5 * column + 4] = cut
    axis.imshow(wide)


def draw_graph(axis, graph, scores):
    "Every patch and its three strongest sources; a patch is the larger, the higher its PageRank."
    y, x = np.divmod(np.arange(49), 7)
    for target in range(49):
        for source in graph[target].topk(3).indices.tolist():
            ends = (x[source], y[source]), (x[target], y[target])
            arrow = {"arrowstyle": "-", "color": "#666666", "linewidth": 0.7, "alpha": 0.6}
            axis.add_patch(FancyArrowPatch(*ends, connectionstyle="arc3,rad=.15", **arrow))
    axis.scatter(x, y, s=12 + 130 * (scores / scores.max()) ** 2, color=BLUE, zorder=3)
    axis.set_xlim(-0.6, 6.6)
    axis.set_ylim(6.6, -0.6)
    axis.set_aspect("equal")


def draw_order(axis, order):
    "The position of each patch in the order, the first darkest."
    rank = order.argsort().view(LATTICE)
    axis.imshow(rank, cmap="Blues_r", vmin=-4, vmax=60)
    for row in range(7):
        for column in range(7):
            k = int(rank[row, column])
            colour = "white" if k < 26 else "black"
            axis.text(column, row, k + 1, ha="center", va="center", fontsize=9, color=colour)


def draw_entropy(axis, tokens, estimator, order):
    "Surprisal of what is unseen, along the order and along random ones."
    curve = estimator.residual_surprisal(order[None], tokens)[0]
    several = [estimator.residual_surprisal(random_order(1, 49, seed), tokens)[0] for seed in range(32)]
    chance = torch.stack(several)
    axis.plot(chance.mean(0), color="#888888", linestyle="--", linewidth=2.5, label="random")
    axis.plot(curve, color=BLUE, linewidth=3, label="order")
    axis.set_xticks([0, 49])
    axis.set_yticks([])
    axis.set_xlabel("patches seen", fontsize=14, labelpad=-12)
    axis.set_ylabel("unseen, nats", fontsize=14)
    axis.tick_params(labelsize=13)
    axis.legend(fontsize=13, frameon=False)
    axis.spines[["top", "right"]].set_visible(False)


def grown(label, order):
    "An image that is sampled along an order: its first patches, and all."
    folder = data_path() / "checkpoints" / "mar-fashion"
    mar, tokenizer = cop.MAR.from_pretrained(folder / "model"), load_tokenizer(folder / "tokenizer")
    latents = mar.sample(torch.tensor([label]), order[None], num_iter=16, cfg=2.0)
    image = tokenizer.decode(to_tokens(latents))
    return [as_rgb(first_patches(image, order[None], LATTICE, n / 49))[0] for n in (16, 49)]


def classified(image, order, classes):
    "What the sparse classifier sees, and what it says."
    folder = data_path() / "checkpoints" / "cvit-fashion"
    model = cop.SparseViT.from_pretrained(folder / "model").eval()
    chances = model(image, order, keep=KEPT).softmax(-1)[0].detach()
    shown = as_rgb(first_patches(image, order[None], LATTICE, KEPT / 49))[0]
    return shown, f"{KEPT} of 49: {classes[int(chances.argmax())].lower()}"


def draw_uses(axes, label, image, order, classes):
    "Below the entropy: an image that grows, and one that is classified from few patches."
    half, whole = grown(label, order)
    for axis, picture in zip(axes, (half, whole)):
        axis.imshow(picture)
    seen, said = classified(image, order, classes)
    axes[2].imshow(seen)
    axes[2].set_xlabel(said, fontsize=15)
    axes[0].set_xlabel("16 of 49", fontsize=15)
    axes[1].set_xlabel("all", fontsize=15)


def pipeline():
    torch.manual_seed(0)
    test = cop.load_images(split="test")
    images, labels = test.images([SHOWN])
    ranked = cop.rank(images, "fashion")
    graph, order, scores = ranked.graph, ranked.orders[0], cop.pagerank(ranked.graph)[0]
    train = cop.load_images(split="train").images(range(2000))[0]
    pca = cop.PCAPatches.fit(train, 4, patch_size=4, whiten=False)
    estimator = cop.GaussianTokens.fit(pca.encode(train), noise=0.05)
    figure = plt.figure(figsize=(10, 6.3))
    top = [figure.add_axes((0.015 + 0.25 * k, 0.55, 0.22, 0.35)) for k in range(4)]
    rgb = as_rgb(images)[0]
    top[0].imshow(rgb)
    draw_patches(top[1], rgb)
    draw_graph(top[2], graph[0], scores.numpy())
    draw_order(top[3], order)
    for axis, title in zip(top, ("image", "49 tokens", "dependency graph", "order")):
        axis.set_title(title, fontsize=20)
    for k in range(3):
        tip = {"arrowstyle": "-|>", "mutation_scale": 26, "color": ORANGE, "linewidth": 3}
        ends = (0.238 + 0.25 * k, 0.725), (0.263 + 0.25 * k, 0.725)
        figure.add_artist(FancyArrowPatch(*ends, transform=figure.transFigure, **tip))
    entropy = figure.add_axes((0.055, 0.08, 0.2, 0.29))
    draw_entropy(entropy, noisy(pca.encode(images), 0.05), estimator, order)
    places = (0.31, 0.505, 0.78)
    bottom = [figure.add_axes((x, 0.08, 0.185, 0.29)) for x in places]
    draw_uses(bottom, int(labels[0]), images, order, test.classes)
    figure.text(0.155, 0.395, "entropy", fontsize=20, ha="center")
    figure.text(0.5, 0.395, "generation", fontsize=20, ha="center")
    figure.text(0.8725, 0.395, "classification", fontsize=20, ha="center")
    for axis in [*top, *bottom]:
        axis.set_xticks([])
        axis.set_yticks([])
        axis.spines[:].set_visible(False)
    for x in (0.155, 0.5, 0.8725):
        tip = {"arrowstyle": "-|>", "mutation_scale": 22, "color": ORANGE, "linewidth": 2.5}
        figure.add_artist(
            FancyArrowPatch((0.875, 0.535), (x, 0.445), transform=figure.transFigure, shrinkA=0, **tip)
        )
    save(figure, "pipeline.png", 100)


RESULT = {  # row of every_order: how the picture names it
    "pointwise coverage: mixture": "pointwise (mixture)",
    "variance_coverage": "variance_coverage",
    "halton": "halton",
    "pagerank, CoMAE": "pagerank (CoMAE)",
    "coverage, CoMAE": "coverage (CoMAE)",
}


def result():
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), sharey=True, sharex=True, layout="constrained")
    titles = {"photos": "photographs, 32 px, 24 images", "small": "Fashion-MNIST, 48 images"}
    for axis, (tier, title) in zip(axes, titles.items()):
        text = (ROOT / "data" / "results" / f"every_order.{tier}.json").read_text(encoding="utf-8")
        rows = json.loads(text)["orders"]["area"]
        gaps = [rows[name]["estimators"]["neural"]["surprisal, hindsight"] for name in RESULT]
        for k, gap in enumerate(gaps):
            axis.plot(gap["ci"], [-k, -k], color=BLUE, linewidth=4, alpha=0.5)
            axis.plot(gap["gap_closed"], -k, "o", color=BLUE, markersize=10)
        axis.axvline(0, color="#888888", linestyle="--")
        axis.set_title(title, fontsize=16)
        axis.set_xticks([0, 0.5, 1], ["0: random", "0.5", "1: greedy"], fontsize=14)
        axis.set_yticks([-k for k in range(len(RESULT))], list(RESULT.values()), fontsize=15)
        axis.set_xlim(-0.4, 1.1)
        axis.set_ylim(0.5 - len(RESULT), 0.5)
        axis.spines[["top", "right"]].set_visible(False)
    figure.supxlabel("gap closed, 95 % interval", fontsize=15)
    save(figure, "result.png", 100)


def order():
    from skimage import data

    photographs = {n: getattr(data, n)() for n in ("astronaut", "chelsea", "coffee", "rocket")}
    ranked = cop.rank(list(photographs.values()))
    figure = contact_sheet(
        ranked.images.images()[0], ranked.orders, ranked.grid, 2, captions=list(photographs)
    )
    save(figure, "order.png", 130)


if __name__ == "__main__":
    for name in sys.argv[1:] or ("pipeline", "result", "order"):
        {"pipeline": pipeline, "result": result, "order": order}[name]()
