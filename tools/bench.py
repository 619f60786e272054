"""How much faster is the library than plain implementations, and than other libraries, at the same thing?

    python tools/bench.py [--out runs/bench.json] [--quick] [--threads N] [--only NAME]

Each line is a ratio of two times that are measured in turn, A B A B (MAR-B: one call each): the median
over the rounds, with the smallest and the largest; results are compared first. Libraries that are compared
are in the extra `bench` (pip install 'collapse-of-patches[bench]'); a line is left out where its library is
missing. With a GPU, dependencies, MAR-B, ViTs and ranked ViTs are measured there too. Writes everything, with
hardware, commit and versions, as JSON, and names what became slower by more than 15 % than in the committed
run, if that was on the same hardware.
"""

import argparse
import ast
import json
import platform
import re
import resource
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import get_args

import networkx as nx
import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent


class Seconds(float):
    "The best of some rounds; `rounds` has all of them."

    def __new__(cls, rounds):
        best = super().__new__(cls, min(rounds))
        best.rounds = rounds
        return best


def best_times(functions, rounds, device="cpu", seconds=15):
    """Seconds of each function, in up to `rounds` calls.

    The functions are called in turn, once to warm up, then at least twice, and until `seconds` have passed.
    """
    times, begin = [[] for _ in functions], time.perf_counter()
    for n in range(rounds + 1):
        for f, t in zip(functions, times):
            start = time.perf_counter()
            f()
            if device == "cuda":
                torch.cuda.synchronize()
            if n:
                t.append(time.perf_counter() - start)
        if n > 1 and time.perf_counter() - begin > seconds:
            break
    return [Seconds(t) for t in times]


def graphs(batch, n):
    "Random dependency graphs (B, N, N), zero diagonal, most dependencies weak."
    A = torch.rand(batch, n, n, generator=torch.Generator().manual_seed(0)) ** 4
    return A * (1 - torch.eye(n))


def power_iteration(A, tol=1e-8):
    "PageRank of each graph by NumPy, as one writes it down."
    found = []
    for a in A.double().numpy():
        degree = a.sum(1, keepdims=True)
        dangling = degree[:, 0] == 0
        P, r = a / np.where(degree == 0, 1, degree), np.full(len(a), 1 / len(a))
        change = np.inf
        while change >= tol:
            new = 0.15 / len(a) + 0.85 * (r @ P + r[dangling].sum() / len(a))
            r, change = new, np.abs(new - r).sum()
        found.append(r / r.sum())
    return np.array(found)


def katz_iteration(A, tol=1e-8):
    "Katz centrality of each graph by NumPy."
    found = []
    for a in A.double().numpy():
        M, x = a * (0.85 / a.sum(1).max()), np.ones(len(a))
        change = np.inf
        while change >= tol:
            new = 1 + x @ M
            x, change = new, np.abs(new - x).sum() / new.sum()
        found.append(x / x.sum())
    return np.array(found)


def pagerank_peers():
    "Name → PageRank of a batch of graphs by an installed library; graphs are built each time."
    from importlib.util import find_spec

    def by_networkx(A):
        found = [nx.pagerank(nx.from_numpy_array(a, create_using=nx.DiGraph), tol=1e-8) for a in A.numpy()]
        return np.array([[r[i] for i in range(A.shape[1])] for r in found])

    def by_igraph(A):
        import igraph

        graphs = [igraph.Graph.Weighted_Adjacency(a, mode="directed") for a in A.numpy()]
        return np.array([g.pagerank(weights="weight") for g in graphs])

    def by_fast_pagerank(A):
        from fast_pagerank import pagerank_power
        from scipy.sparse import csr_matrix

        return np.array([pagerank_power(csr_matrix(a), p=0.85, tol=1e-8) for a in A.numpy()])

    def by_scikit_network(A):
        from sknetwork.ranking import PageRank

        ranker = PageRank(0.85, solver="piteration", n_iter=100, tol=1e-8)
        return np.array([ranker.fit_predict(a) for a in A.double().numpy()])

    peers = {
        "networkx": by_networkx,
        "igraph": by_igraph,
        "fast_pagerank": by_fast_pagerank,
        "sknetwork": by_scikit_network,
    }
    return {name: peer for name, peer in peers.items() if find_spec(name)}


def bench_pagerank(rounds):
    "PageRank and Katz centrality against a NumPy power iteration, and PageRank against other libraries."
    from cop.orders.graph import katz, pagerank

    found = []
    for batch, n in ((256, 64), (256, 256), (1, 1024), (1, 4096)):
        A = graphs(batch, n)
        for what, ours, plain in (("PageRank", pagerank, power_iteration), ("Katz", katz, katz_iteration)):
            np.testing.assert_allclose(ours(A).numpy(), plain(A), atol=1e-6)
            slow, fast = best_times([partial(plain, A), partial(ours, A)], 2 * rounds)
            name = f"{what} of {batch} graph(s) of {n} patches against a NumPy power iteration"
            found.append(dict(name=name, plain=slow, ours=fast, goal=1.0))
        if n > 256:  # lists of a million edges and more
            continue
        for library, peer in pagerank_peers().items():
            some = A[: 16 if n > 64 else batch]
            np.testing.assert_allclose(peer(some), pagerank(some).numpy(), atol=1e-4)
            slow, fast = best_times([partial(peer, some), partial(pagerank, some)], 3)
            name = f"PageRank of {len(some)} graphs of {n} patches against {library}"
            found.append(dict(name=name, plain=slow, ours=fast, goal=1.0))
    return found


def greedy_coverage(M):
    "The textbook loop for one image: NumPy, one pick at a time; M[i, j] is what seeing j explains of i."
    n = len(M)
    covered, left, order = np.zeros(n), list(range(n)), []
    while left:
        gains = [np.maximum(M[:, j] - covered, 0).sum() for j in left]
        j = left.pop(int(np.argmax(gains)))
        covered = np.maximum(covered, M[:, j])
        order.append(j)
    return order


def vector_coverage(M):
    "The same with every candidate's gain in one NumPy expression."
    n = len(M)
    covered, seen, order = np.zeros(n), np.zeros(n, bool), []
    for _ in range(n):
        gains = np.maximum(M - covered[:, None], 0).sum(0)
        gains[seen] = -1
        j = int(gains.argmax())
        covered, seen[j] = np.maximum(covered, M[:, j]), True
        order.append(j)
    return order


def bench_coverage(rounds, batch=256, n=64):
    "Batched coverage against a greedy NumPy loop over images, in both ways to write that."
    from cop.orders.rankings import coverage_order

    A = graphs(batch, n)
    # what coverage_order assumes of a patch about itself
    M = A.double() + A.double().amax((1, 2))[:, None, None] * torch.eye(n)
    ours = lambda: coverage_order(A)
    found = []
    for text, plain in (
        ("vectorised over candidates", vector_coverage),
        ("one candidate at a time", greedy_coverage),
    ):
        loop = lambda plain=plain: np.array([plain(m) for m in M.numpy()])
        np.testing.assert_array_equal(ours().numpy(), loop())
        slow, fast = best_times([loop, ours], rounds)
        found.append(
            dict(
                name=f"coverage order of {batch} images of {n} patches: batched against NumPy, {text}",
                plain=slow,
                ours=fast,
                goal=5,
            )
        )
    return found


def bench_dependencies(rounds, device="cpu"):
    """Dependencies of all targets at once against a loop over targets, as in CoMAE's definition.

    The loop takes all images of a target as one batch.
    """
    from cop.learn.comae import CoMAE

    torch.manual_seed(0)
    model = (
        CoMAE((7, 7), 16, encoder_width=32, encoder_depth=4, decoder_width=64, decoder_depth=4)
        .to(device)
        .eval()
    )
    found = []
    for images, goal in (
        ((1, 2.0), (8, 1.0), (32, 1.0)) if device == "cpu" else ((1, 10.0), (8, 10.0), (32, 10.0))
    ):
        tokens = torch.randn(images, model.n_tokens, 16, generator=torch.Generator().manual_seed(1)).to(
            device
        )

        def loop(tokens=tokens):
            with torch.inference_mode():
                return torch.cat(
                    [
                        model.select(tokens, torch.full((len(tokens), 1), n, device=device))
                        for n in range(model.n_tokens)
                    ],
                    dim=1,
                )

        torch.testing.assert_close(model.dependencies(tokens), loop(), atol=1e-5, rtol=0)
        slow, fast = best_times([loop, partial(model.dependencies, tokens)], 4 * rounds, device)
        found.append(
            dict(
                name=(
                    f"dependencies of {images} image(s) of {model.n_tokens} patches on {device}: all targets "
                    "against one by one"
                ),
                plain=slow,
                ours=fast,
                goal=goal,
            )
        )
    return found


def plain_sample():
    "The plain sampling loop. Only a test defines it, in the notebook of cop.generate.mar."
    import cop.generate.mar

    (text,) = (
        t for p in (ROOT / "nbs").rglob("*.ipynb") if "def plain_sample(" in (t := p.read_text("utf-8"))
    )
    cells = ["".join(c["source"]) for c in json.loads(text)["cells"]]
    nodes = [n for c in cells if re.search("^def plain_", c, re.M) for n in ast.parse(c).body]
    imports = [n for n in nodes if isinstance(n, ast.Import | ast.ImportFrom)]
    loops = [n for n in nodes if getattr(n, "name", "").startswith("plain_")]
    names = {**vars(cop.generate.mar)}
    exec(compile(ast.Module(imports + loops, []), "plain_sample", "exec"), names)
    return names["plain_sample"]


def mar_flops(m, images, num_iter, halves):
    """Floating-point operations of the matrix products of a generation in `num_iter` steps.

    `halves` is 2 under guidance, else 1.
    """
    from cop.generate.plan import masked_after

    total, n, buffer, done = 0, m.n_tokens, m.buffer_size, 0

    def of(b, rows, asked):  # queries of the rows that are asked about, keys and values of all
        d, linear = b.attn.qkv.in_features, sum(p.numel() for p in b.parameters() if p.ndim == 2)
        return 2 * (linear * asked + 2 * d * d * (rows - asked)) + 4 * d * rows * asked

    head = sum(
        p.numel()
        for k, p in m.diffloss.net.named_parameters()
        if p.ndim == 2 and not k.startswith(("time_embed", "cond_embed"))
    )
    for masked in masked_after(n, num_iter):
        new, seen, every = n - masked - done, buffer + done, buffer + n
        transformer = (
            sum(of(b, seen, seen) for b in m.encoder_blocks)
            + sum(of(b, every, every) for b in m.decoder_blocks[:-1])
            + of(m.decoder_blocks[-1], every, new)
        )
        total += halves * (transformer + 2 * head * new * m.diffloss.sampling_steps)
        done = n - masked
    return images * total


def bench_mar(rounds, device="cpu"):
    "MAR-B with random weights: the library's sampler against the plain loop, one call each."
    from cop.generate.mar import MAR
    from cop.generate.mar_model import MAR_SIZES

    quick, plain = rounds < 3, plain_sample()
    torch.manual_seed(0)
    m = MAR(**MAR_SIZES["mar_base"]).to(device).eval()
    with torch.no_grad():
        for p in m.diffloss.parameters():  # zero at the start: outputs would be equal whatever z is
            if p.ndim == 2 and not p.any():
                p.normal_(std=0.02)
    num_iter, found = 2 if quick else 64, []
    A = torch.randn(4096, 4096, device=device)

    def timed(f, warm=None):
        if device == "cuda":
            for _ in range(2 if warm else 0):
                warm()  # graphs are captured at the second use of a size
            torch.cuda.reset_peak_memory_stats()
            torch.cuda.synchronize()
        start = time.perf_counter()
        out = f()
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start, out

    for images in (1,) if device == "cpu" else (1, 32):
        labels = torch.arange(images, device=device)
        order = torch.rand(images, 256, generator=torch.Generator().manual_seed(0)).argsort(1).to(device)

        def normal():
            g = torch.Generator(device).manual_seed(0)
            return lambda shape: torch.randn(shape, generator=g, device=device)

        for cfg in (1.0, 3.0):
            sample = partial(m.sample, labels, order, num_iter, cfg=cfg)
            limit = 2 * 4096**3 / min(timed(lambda: A @ A)[0] for _ in range(3))
            ours, out = timed(lambda sample=sample: sample(noise=normal()), sample)
            memory = (
                torch.cuda.max_memory_allocated()
                if device == "cuda"
                else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                * (1 if sys.platform == "darwin" else 1024)
            )
            reference = partial(plain, m, labels, order, num_iter, cfg)
            slow, want = timed(lambda reference=reference: reference(noise=normal()))
            difference = ((out - want).norm() / want.norm()).item()
            assert difference < 1e-5, f"the two samplers differ by {difference}"
            m.bfloat16()
            half, out = timed(lambda sample=sample: sample(noise=normal()), sample)
            assert out.isfinite().all()
            m.float()
            flops = mar_flops(m, images, num_iter, 1 + (cfg != 1))
            found.append(
                dict(
                    name=(
                        f"MAR-B, {images} image(s), {num_iter} steps of 100 diffusion steps, guidance "
                        f"{cfg:g}, "
                        f"on {device}: `sample` against the plain loop"
                    ),
                    plain=slow,
                    ours=ours,
                    goal=1.5 if device == "cpu" else 3.0,
                    bf16=half,
                    difference=difference,
                    seconds_per_image=ours / images,
                    memory_bytes=memory,
                    flops=flops,
                    share_of_limit=flops / ours / limit,
                    limit_flops_per_second=limit,
                )
            )
    return found


def vit_memory(model, x, order, keep):
    "Bytes that a forward pass takes at most, beside weights and images."
    if x.device.type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        model(x, order, keep=keep)
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True
    ) as seen:
        model(x, order, keep=keep)
    with tempfile.TemporaryDirectory() as d:
        seen.export_chrome_trace(f"{d}/trace.json")
        events = json.loads(Path(d, "trace.json").read_text())["traceEvents"]
    totals = [(e["args"]["Total Allocated"], e["args"]["Bytes"]) for e in events if e["name"] == "[memory]"]
    return max(t for t, _ in totals) - (totals[0][0] - totals[0][1])


def bench_vit(rounds, device="cpu"):
    """A timm ViT at 224 pixels that looks at a share of its patches against the stock model.

    Measures a forward pass and a training step, and the rankers beside them.
    """
    from cop.classify.sparse_vit import SparseViT

    found, batch, dtype = (
        [],
        16 if device == "cpu" else 256,
        torch.bfloat16 if device == "cuda" else torch.float32,
    )
    rounds = 1 if rounds < 3 else 5
    for name, short in (("vit_small_patch16_224", "ViT-S/16"), ("vit_base_patch16_224", "ViT-B/16")):
        torch.manual_seed(0)
        model = SparseViT(name, dict(num_classes=1000), gather_pixels=True).to(device, dtype).eval()
        x, order = (
            torch.randn(batch, 3, 224, 224).to(device, dtype),
            torch.rand(batch, model.n_tokens).argsort(1).to(device),
        )
        with torch.inference_mode():
            same = (model(x, order) - model(x)).abs().max().item()
            assert same < (1e-4 if device == "cpu" else 0.2), (
                f"all patches differ from the stock model by {same}"
            )
            keeps = (1.0, 0.5, 0.22, 0.1)
            stock, *times = best_times(
                [partial(model, x), *(partial(model, x, order, keep=k) for k in keeps)], rounds, device, 60
            )
            memory = {k: vit_memory(model, x, order, k) for k in keeps}
        for k, t in zip(keeps, times):
            found.append(
                dict(
                    name=(
                        f"{short}, batch {batch}, {str(dtype)[6:]}, on {device}: {k:.0%} of the patches "
                        "against "
                        "the stock model"
                    ),
                    plain=stock,
                    ours=t,
                    goal=(4.0 if device == "cpu" else 3.7) if k == 0.22 else 0.0,
                    images_per_second=batch / t,
                    memory_bytes=memory[k],
                )
            )
        model.train()
        labels = torch.arange(batch, device=device)

        def step(k, model=model, x=x, order=order, labels=labels):
            torch.nn.functional.cross_entropy(
                (model(x) if k is None else model(x, order, keep=k)).float(), labels
            ).backward()
            model.zero_grad()

        steps = [partial(step, k) for k in (None, *keeps)]
        stock_step, *times = best_times(steps, max(1, rounds // 2), device, 90)
        for k, t in zip(keeps, times):
            found.append(
                dict(
                    name=(
                        f"{short}, batch {batch}, {str(dtype)[6:]}, on {device}: training step with {k:.0%} "
                        "of "
                        "the patches against the stock model"
                    ),
                    plain=stock_step,
                    ours=t,
                    goal=0.0,
                    images_per_second=batch / t,
                )
            )
    return found + bench_rankers(rounds, device, dtype)


def bench_rankers(rounds, device, dtype):
    """What an order costs beside the stock ViT-B/16 at the same 256 pixels.

    Measured are the paper's path (KL-16, then CoMAE's encoder once for each of 256 patches), attention, and
    patch variance.
    """
    from cop.classify.orders import attention_order
    from cop.classify.sparse_vit import SparseViT
    from cop.images.kl16 import KL16
    from cop.learn.comae import CoMAE
    from cop.orders.training_free import variance_order

    batch = 4 if device == "cpu" else 32
    torch.manual_seed(0)
    vit = SparseViT("vit_base_patch16_224", dict(num_classes=1000, img_size=256)).to(device, dtype).eval()
    images = torch.randint(256, (batch, 3, 256, 256), dtype=torch.uint8).to(device)
    vae, comae = (
        KL16().to(device, dtype).eval(),
        CoMAE((16, 16), 16, encoder_width=64, encoder_depth=12, decoder_width=64, decoder_depth=1)
        .to(device, dtype)
        .eval(),
    )
    with torch.inference_mode():
        tokens = vae.encode(images).to(dtype)
        rankers = {
            "CoMAE, 256 encoder passes": lambda: comae.dependencies(tokens),
            "KL-16 encoder": lambda: vae.encode(images),
            "attention of the full model": lambda: attention_order(vit, images),
            "patch variance": lambda: variance_order(images, 16),
        }
        stock, *times = best_times([lambda: vit(images), *rankers.values()], max(1, rounds // 2), device, 120)
    return [
        dict(
            name=f"ranking {batch} images of 256 pixels on {device} by {name}: the stock ViT-B/16 against it",
            plain=stock,
            ours=t,
            goal=0.0,
            share_of_vit=t / stock,
        )
        for name, t in zip(rankers, times)
    ]


def bench_ranked(rounds, device="cpu"):
    """A ranker and 22 % of a ViT-B/16 against the stock model, at 224 and at 256 pixels.

    At 256 pixels the ranker is measured against CoMAE too.
    """
    from cop.images.kl16 import KL16
    from cop.learn.comae import CoMAE
    from cop.learn.ranker import Ranker

    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    found = [line for size in (224, 256) for line in bench_ranked_vit(size, rounds, device, dtype)]
    few = 4 if device == "cpu" else 32
    wide = torch.randint(256, (few, 3, 256, 256), dtype=torch.uint8).to(device)
    vae, comae, one = (
        KL16().to(device, dtype).eval(),
        CoMAE((16, 16), 16, encoder_width=64, encoder_depth=12, decoder_width=64, decoder_depth=1)
        .to(device, dtype)
        .eval(),
        Ranker(256, 16).to(device, dtype).eval(),
    )
    with torch.inference_mode():
        path, ours = best_times(
            [lambda: comae.dependencies(vae.encode(wide).to(dtype)), lambda: one.order(wide)], 1, device, 120
        )
    return found + [
        dict(
            name=f"ordering {few} images of 256 pixels on {device}: the ranker against KL-16 and CoMAE",
            plain=path,
            ours=ours,
            goal=100.0,
            images_per_second=few / ours,
        )
    ]


def bench_ranked_vit(size, rounds, device, dtype):
    """From pixels to a label: what ranking, sorting and decoding JPEGs cost.

    Each is measured alone, and before 22 % of the patches are classified.
    """
    from torchvision.io import decode_jpeg, encode_jpeg

    from cop.classify.ranked import RankedViT
    from cop.classify.sparse_vit import SparseViT
    from cop.learn.ranker import Ranker, Reading

    batch, rounds = (8, 1) if rounds < 3 else (64 if device == "cpu" else 256, 3)
    torch.manual_seed(0)
    vit, ranker = (
        SparseViT("vit_base_patch16_224", dict(num_classes=1000, img_size=size), gather_pixels=True)
        .to(device, dtype)
        .eval(),
        Ranker(size, 16).to(device, dtype).eval(),
    )
    # smooth, as photographs are
    noise = (
        torch.nn.functional.interpolate(torch.rand(batch, 3, size // 8, size // 8), size, mode="bicubic")
        .mul(255)
        .clamp(0, 255)
        .byte()
    )
    files, images = [encode_jpeg(x) for x in noise], noise.to(device)
    decode = lambda: torch.stack([decode_jpeg(f) for f in files]).to(device)
    both = {m: RankedViT(ranker, vit, m) for m in get_args(Reading)}
    with torch.inference_mode():
        apart = (
            (both["score"](images[:2], keep=0.22) - vit(images[:2], ranker.order(images[:2]), keep=0.22))
            .abs()
            .max()
            .item()
        )
        assert apart < (0.2 if device == "cuda" else 1e-4), f"ranked in one call and in two differ by {apart}"
        ways = {
            **{
                f"ranked by {m}, with 22% of the patches": partial(both[m], images, keep=0.22)
                for m in get_args(Reading)
            },
            **{
                f"the ranker's order by {m} alone": partial(ranker.order, images, m)
                for m in get_args(Reading)
            },
            "the ranker's pass alone": lambda: ranker(images),
        }
        stock, loaded, ranked, *times = best_times(
            [
                lambda: vit(images),
                lambda: vit(decode()),
                lambda: both["score"](decode(), keep=0.22),
                *ways.values(),
            ],
            rounds,
            device,
            240,
        )
    where = f"ViT-B/16 at {size} pixels, batch {batch}, {str(dtype)[6:]}, random weights, on {device}"
    goals = {"ranked by score, with 22% of the patches": 3.0}
    found = [
        dict(
            name=f"{where}: {name} against the stock model",
            plain=stock,
            ours=t,
            goal=goals.get(name, 0.0),
            images_per_second=batch / t,
            share_of_vit=t / stock,
        )
        for name, t in zip(ways, times)
    ]
    return found + [
        dict(
            name=(
                f"{where}: from JPEG files, ranked by score, with 22% of the patches against the stock model"
            ),
            plain=loaded,
            ours=ranked,
            goal=0.0,
            images_per_second=batch / ranked,
        )
    ]


def write_jpegs(folder, count, size):
    "Pictures of two classes with the detail of photographs: noise of all scales, as JPEG of quality 90."
    from PIL import Image
    from torch.nn.functional import interpolate

    g = torch.Generator().manual_seed(0)
    for i in range(count):
        scales = [torch.randn(1, 3, size // k, size // k, generator=g) for k in (64, 32, 16, 8, 4, 2)]
        x = sum(interpolate(noise, (size, size), mode="bilinear") for noise in scales)
        pixels = (128 + 24 * x[0]).clamp(0, 255).byte().permute(1, 2, 0).numpy()
        path = Path(folder) / "ab"[i % 2] / f"{i:04}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path, quality=90)


def file_readers(ours, theirs, workers, batch=32):
    "Reading all pictures of a folder once: by ImageFolder, by threads, and as the batches of a training."
    from torch.utils.data import DataLoader

    from cop.core.batches import _load_batches, _StepBatches
    from cop.core.config import TrainingConfig

    config = TrainingConfig(steps=len(ours) // batch, batch_size=batch, workers=workers)
    steps = _StepBatches(ours, config)
    return [
        lambda: sum(len(x) for x, _ in DataLoader(theirs, batch, num_workers=workers)),
        lambda: sum(len(ours.images(i)[0]) for i in torch.arange(len(ours)).split(batch)),
        lambda: sum(len(x["image"]) for x in _load_batches(steps, 0, torch.device("cpu"))),
    ]


def bench_files(rounds, count=256, links=4):
    """Photographs from a folder against torchvision's ImageFolder, with as many workers as there are threads.

    Once as they are, where torchvision's decoder applies, and once brought to another size. Each picture has
    several names, so that starting the workers is a small part of the time.
    """
    import torchvision
    from PIL import Image, ImageOps
    from torchvision.transforms.v2.functional import pil_to_tensor

    from cop.images.sources import load_images

    workers, results = max(1, torch.get_num_threads()), []
    fitted = lambda image: pil_to_tensor(ImageOps.fit(image, (224, 224), Image.Resampling.BICUBIC))
    with tempfile.TemporaryDirectory() as d:
        write_jpegs(d, count, 256)
        for path in sorted(Path(d).rglob("*.jpg")):
            for k in range(1, links):
                path.with_stem(f"{path.stem}-{k}").hardlink_to(path)
        count *= links
        for what, size, transform in (
            ("of 256 pixels", None, pil_to_tensor),
            ("brought to 224", 224, fitted),
        ):
            ours = load_images(d, "all", image_size=size)
            theirs = torchvision.datasets.ImageFolder(d, transform)
            assert [f"{d}/{name}" for name in ours.files] == [path for path, _ in theirs.imgs]
            assert torch.equal(ours.images()[0], torch.stack([x for x, _ in theirs]))
            plain, *times = best_times(file_readers(ours, theirs, workers), rounds)
            for how, t in zip(("read by threads", "training batches"), times):
                name = f"{count} photographs {what}, {workers} workers: {how} against ImageFolder"
                goal = 1.2 if size is None else 1.0
                results.append(dict(name=name, plain=plain, ours=t, goal=goal, images_per_second=count / t))
    return results


def plain_conditional_entropy(model, observed):
    "Entropies of single tokens, set by set, from a factor of everything."
    from cop.entropy.conditioning import number_indices

    nats = torch.zeros(observed.shape, dtype=torch.float64)
    for row, seen in zip(nats, observed):
        k, order = int(seen.sum()), (~seen).long().argsort(stable=True)
        rows = number_indices(order, model.dim)
        factor = torch.linalg.cholesky(model.covariance[rows[:, None], rows])
        unseen = factor[k * model.dim :, k * model.dim :].unflatten(0, (-1, model.dim))
        root = torch.linalg.cholesky(unseen @ unseen.mT)
        constant = 0.5 * model.dim * np.log(2 * np.pi * np.e)
        row[order[k:]] = root.diagonal(dim1=1, dim2=2).log().sum(1) + constant
    return nats


def bench_estimators(rounds):
    "Entropies of tokens given sets of random sizes: a factor of what is seen against a factor of everything."
    from cop.entropy.gaussian_model import GaussianTokens

    found = []
    for n, dim, sets in ((49, 4, 256), (128, 16, 16), (256, 16, 4)):
        g = torch.Generator().manual_seed(0)
        x = torch.randn(n * dim, n * dim, generator=g).double()
        model = GaussianTokens(torch.zeros(n * dim), x @ x.T / (n * dim) + 0.1 * torch.eye(n * dim), n)
        observed = torch.rand(sets, n, generator=g) < torch.rand(sets, 1, generator=g)
        ours = partial(model.conditional_entropy, observed)
        plain = partial(plain_conditional_entropy, model, observed)
        torch.testing.assert_close(ours(), plain())
        slow, fast = best_times([plain, ours], rounds, seconds=30)
        name = f"entropies of {n} tokens of {dim} numbers given {sets} sets, against a factor of all"
        found.append(dict(name=name, plain=slow, ours=fast, goal=1.0, sets_per_second=sets / fast))
    return found


def hardware():
    "What the times depend on."
    from cop.core.ahead import cpu_cores

    cpu = platform.processor()
    if Path("/proc/cpuinfo").exists():
        cpu = next(
            (line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),
            cpu,
        )
    return dict(
        cpu=cpu,
        cores=cpu_cores(),
        threads=torch.get_num_threads(),
        gpu=torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        python=platform.python_version(),
        torch=torch.__version__,
        numpy=np.__version__,
        networkx=nx.__version__,
    )


def with_ratio(row):
    "A row with the median of its ratios over the rounds, and the smallest and the largest."
    plain, ours = (getattr(row[k], "rounds", [row[k]]) for k in ("plain", "ours"))
    ratios = sorted(a / b for a, b in zip(plain, ours))
    return row | {"ratio": statistics.median(ratios), "spread": [ratios[0], ratios[-1]]}


SLOWER = 1.15  # times slower than the committed run, beside its plain implementation, is said


def slower_than_committed(rows, here, committed=ROOT / "data" / "results" / "bench.json"):
    "Lines that name what became slower than in the committed run, if that was on the same hardware."
    known = json.loads(committed.read_text(encoding="utf-8"))
    same = all(known["hardware"][k] == here[k] for k in ("cpu", "cores", "threads", "gpu"))
    before = {row["name"]: row["ratio"] for row in known["results"]} if same else {}
    return [
        f"slower than in the committed run: {row['name']}, {row['ratio']:.1f}× for {before[row['name']]:.1f}×"
        for row in rows
        if row["name"] in before and SLOWER * row["ratio"] < before[row["name"]]
    ]


TASKS = dict(
    files=bench_files,
    pagerank=bench_pagerank,
    coverage=bench_coverage,
    estimators=bench_estimators,
    dependencies=bench_dependencies,
    mar=bench_mar,
    vit=bench_vit,
    ranked=bench_ranked,
)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out", type=Path, default=ROOT / "runs" / "bench.json", help="the JSON file to write"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help=(
            "time everything twice only, and MAR-B for 2 steps instead of 64 (which take a quarter of an "
            "hour "
            "on two cores)"
        ),
    )
    parser.add_argument(
        "--only",
        choices=TASKS,
        help="measure this alone; other lines that the file has of the same hardware are kept",
    )
    parser.add_argument(
        "--gpu", action="store_true", help="measure what is measured on a GPU, and nothing else"
    )
    parser.add_argument(
        "--threads", type=int, help="threads that PyTorch uses; 1 where other work keeps the machine busy"
    )
    args = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    rounds = 2 if args.quick else 10
    if args.threads:
        torch.set_num_threads(args.threads)
    from cop.report.results import provenance

    here, commit, measured = hardware(), provenance()["commit"], []
    print(", ".join(f"{k} {v}" for k, v in here.items()), flush=True)
    tasks = [TASKS[args.only]] if args.only else [*TASKS.values()]
    if torch.cuda.is_available():
        tasks = [
            partial(t, device="cuda")
            for t in tasks
            if t in (bench_dependencies, bench_mar, bench_vit, bench_ranked)
        ] + (tasks if not args.gpu else [])
    elif args.gpu:
        parser.error("there is no GPU that PyTorch can use here")
    for task in tasks:
        for r in task(rounds):
            r = with_ratio(r) | {"commit": commit}
            measured.append(r)
            verdict = "" if r["ratio"] >= r["goal"] else f"   below the goal of {r['goal']:g}"
            spread = "({:.1f} … {:.1f})".format(*r["spread"])
            print(
                f"{r['ratio']:7.1f}× {spread:16}{1e3 * r['plain']:9.1f} ms → {1e3 * r['ours']:8.1f} ms   "
                f"{r['name']}{verdict}",
                flush=True,
            )
    results = measured
    if args.only and args.out.exists():
        old = json.loads(args.out.read_text(encoding="utf-8"))
        again = {row["name"] for row in measured}
        if old["hardware"] == here:
            results = [row for row in old["results"] if row["name"] not in again] + measured
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps({"hardware": here, "results": results}, indent=1) + "\n", encoding="utf-8")
    print(f"written to {args.out}")
    for line in slower_than_committed(measured, here):
        print(line)


if __name__ == "__main__":
    main()
