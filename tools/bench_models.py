"""Benchmarks of MAR, sparse ViTs and rankers; `bench.py` calls them."""

import ast
import json
import re
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import get_args

import torch
from bench_orders import picture
from timing import counted, in_turn, product_flops, product_rate, row, type_name

ROOT = Path(__file__).resolve().parent.parent


def plain_sample():
    "The plain sampling loop. Only a test defines it, in the notebook of cop.generate.mar."
    import cop.generate.mar
    import cop.generate.plan

    notebooks = (path.read_text("utf-8") for path in (ROOT / "nbs").rglob("*.ipynb"))
    (text,) = (text for text in notebooks if 'default_exp generate.mar"' in text)
    cells = ["".join(c["source"]) for c in json.loads(text)["cells"]]
    nodes = [n for c in cells if re.search("^def plain_", c, re.M) for n in ast.parse(c).body]
    imports = [n for n in nodes if isinstance(n, ast.Import | ast.ImportFrom)]
    loops = [n for n in nodes if getattr(n, "name", "").startswith("plain_")]
    names = {**vars(cop.generate.plan), **vars(cop.generate.mar)}
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


def timed(function, device, warm=None):
    "Seconds and result of one call; on a GPU after two of `warm`, when its graphs are captured."
    if device == "cuda":
        for _ in range(2 if warm else 0):
            warm()
        torch.cuda.reset_peak_memory_stats()
        torch.cuda.synchronize()
    start = time.perf_counter()
    result = function()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start, result


def mar_base(device):
    "MAR-B with random weights, also where they are zero at the start: else its outputs would all be equal."
    from cop.generate.mar import MAR
    from cop.generate.mar_model import MAR_SIZES

    torch.manual_seed(0)
    m = MAR(**MAR_SIZES["mar_base"]).to(device).eval()
    with torch.no_grad():
        for p in m.diffloss.parameters():
            if p.ndim == 2 and not p.any():
                p.normal_(std=0.02)
    return m


def normal_numbers(device):
    "Normal numbers of a seed, as `MAR.sample` takes them."
    g = torch.Generator(device).manual_seed(0)
    return lambda shape: torch.randn(shape, generator=g, device=device)


def some_images(images, device):
    "Classes and orders of some images of 256 tokens."
    order = torch.rand(images, 256, generator=torch.Generator().manual_seed(0)).argsort(1)
    return torch.arange(images, device=device), order.to(device)


def bench_sampler(m, images, num_iter, cfg, device):
    "The library's sampler against the plain loop, one call each, and in bfloat16."
    labels, order = some_images(images, device)
    sample = partial(m.sample, labels, order, num_iter, cfg=cfg)
    rate = product_rate(device)
    ours, out = timed(lambda: sample(noise=normal_numbers(device)), device, sample)
    memory = torch.cuda.max_memory_allocated() if device == "cuda" else None
    plain = partial(plain_sample(), m, labels, order, num_iter, cfg)
    slow, want = timed(lambda: plain(noise=normal_numbers(device)), device)
    difference = ((out - want).norm() / want.norm()).item()
    assert difference < 1e-5, f"the two samplers differ by {difference}"
    m.bfloat16()
    half, out = timed(lambda: sample(noise=normal_numbers(device)), device, sample)
    m.float()
    assert out.isfinite().all()
    what = f"MAR-B, {counted(images, 'image')}, {num_iter} steps of 100 diffusion steps, guidance {cfg:g}"
    return row(
        f"{what}, on {device}: `sample` against the plain loop",
        slow,
        ours,
        1.5 if device == "cpu" else 3.0,
        mar_flops(m, images, num_iter, 1 + (cfg != 1)) / rate,
        bf16=half,
        difference=difference,
        memory_bytes=memory,
    )


def bench_plans(m, num_iter, device):
    "The public sampling plan against fewer diffusion steps, and against half as many steps; one call each."
    from cop.generate.plan import sampling_plan

    labels, order = some_images(1 if device == "cpu" else 32, device)

    def seconds(*plan):
        call = partial(m.sample, labels, order, plan=sampling_plan("mar", m.grid, *plan), cfg=1.0)
        return timed(call, device, call)[0]

    public = seconds(num_iter, 100, "ddpm")
    found = []
    for steps in (num_iter, num_iter // 2):
        what = f"MAR-B, {counted(len(labels), 'image')}, on {device}"
        name = f"{what}: {steps} steps of 10 diffusion steps by DPM-Solver++ against {num_iter} of 100"
        found.append(row(name, public, seconds(steps, 10, "dpm"), 3.0))
    return found


def bench_batch(m, num_iter, device, images=8):
    "Images in one batch against one at a time; one call each."
    labels, order = some_images(images, device)
    sample = lambda i: m.sample(labels[i], order[i], num_iter, cfg=1.0)
    single, whole = slice(0, 1), slice(None)
    sample(single)  # what a head prepares at its first use
    one, _ = timed(lambda: [sample(slice(i, i + 1)) for i in range(images)], device, partial(sample, single))
    batch, _ = timed(partial(sample, whole), device, partial(sample, whole))
    name = (
        f"MAR-B, {num_iter} steps of 100 diffusion steps, on {device}: {images} images at once against singly"
    )
    return row(name, one, batch, 1.5)


def bench_mar(rounds, device="cpu"):
    "MAR-B with random weights: the sampler against the plain loop, sampling plans, batches."
    m, num_iter = mar_base(device), 2 if rounds < 3 else 64
    for images in (1,) if device == "cpu" else (1, 32):
        for cfg in (1.0, 3.0):
            yield bench_sampler(m, images, num_iter, cfg, device)
    yield from bench_plans(m, num_iter, device)
    yield bench_batch(m, max(2, num_iter // 16), device)


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


VITS = {
    "ViT-B/16": "vit_base_patch16_224",
    "EVA-02 B/16": "eva02_base_patch16_clip_224",
    "DINOv3 B/16": "vit_base_patch16_dinov3",
}
KEEPS = (1.0, 0.5, 0.22, 0.1)


def sparse_vit(name, size, device, dtype):
    "A timm model with random weights that sees some of its patches."
    from cop.classify.sparse_vit import SparseViT

    torch.manual_seed(0)
    model = SparseViT(name, dict(num_classes=1000, img_size=size), gather_pixels=True)
    return model.to(device, dtype).eval()


def bench_forward(short, keeps, batch, rounds, device, dtype):
    "Forward passes of shares of the patches against the stock model."
    model = sparse_vit(VITS[short], 224, device, dtype)
    x = torch.randn(batch, 3, 224, 224).to(device, dtype)
    order = torch.rand(batch, model.n_tokens).argsort(1).to(device)
    with torch.inference_mode():
        apart = (model(x, order) - model(x)).abs().max().item()
        assert apart < (1e-4 if dtype == torch.float32 else 0.2), f"all patches differ by {apart}"
        ways = [partial(model, x, order, keep=k) for k in keeps]
        stock, *times = in_turn([partial(model, x), *ways], rounds, device)
        memory = [vit_memory(model, x, order, k) for k in keeps]
    rate = product_rate(device, dtype)
    where = f"{short}, batch {batch}, {type_name(dtype)}, on {device}"
    return [
        row(
            f"{where}: {k:.0%} of the patches against the stock model",
            stock,
            t,
            (4.0 if device == "cpu" else 3.7) if k == 0.22 else 0.0,
            product_flops(way) / rate,
            images_per_second=batch / t,
            memory_bytes=bytes_,
        )
        for k, t, way, bytes_ in zip(keeps, times, ways, memory)
    ]


def bench_step(short, batch, rounds, device, dtype):
    "Training steps on shares of the patches against one of the stock model, without the optimizer."
    model = sparse_vit(VITS[short], 224, device, dtype).train()
    x, labels = torch.randn(batch, 3, 224, 224).to(device, dtype), torch.arange(batch, device=device)
    order = torch.rand(batch, model.n_tokens).argsort(1).to(device)

    def step(logits):
        torch.nn.functional.cross_entropy(logits().float(), labels).backward()
        model.zero_grad()

    keeps = 0.5, 0.22
    ways = [partial(step, partial(model, x, order, keep=k)) for k in keeps]
    stock, *times = in_turn([partial(step, partial(model, x)), *ways], rounds, device)
    name = f"{short}, batch {batch}, {type_name(dtype)}, on {device}: training step with"
    return [
        row(f"{name} {k:.0%} of the patches against the stock model", stock, t, images_per_second=batch / t)
        for k, t in zip(keeps, times)
    ]


def bench_vit(rounds, device="cpu"):
    """timm ViTs at 224 pixels that look at a share of their patches against the stock models.

    The limit is the matrix products alone, at the rate of large ones."""
    batch, dtype = (16, torch.float32) if device == "cpu" else (256, torch.bfloat16)
    rounds = min(rounds, 5)
    found = bench_forward("ViT-B/16", KEEPS, batch, rounds, device, dtype)
    for short in ("EVA-02 B/16", "DINOv3 B/16"):
        found += bench_forward(short, [0.22], batch, rounds, device, dtype)
    return found + bench_step("ViT-B/16", batch // 2, rounds, device, dtype)


def paper_encoder():
    "A CoMAE with an encoder of the paper's size (Sec. 4: width 64, 12 blocks) for 256 tokens of KL-16."
    from cop.learn.comae import CoMAE

    sizes = dict(encoder_width=64, encoder_depth=12, decoder_width=64, decoder_depth=1)
    return CoMAE((16, 16), 16, **sizes)


def bench_rankers(rounds, device="cpu"):
    """What an order costs beside the stock ViT-B/16 at the same 256 pixels.

    Measured are the paper's path (KL-16, then CoMAE's encoder once for each of 256 patches), attention, and
    patch variance.
    """
    from cop.classify.orders import attention_order
    from cop.images.kl16 import KL16
    from cop.learn.ranker import Ranker
    from cop.orders.training_free import variance_order

    batch, dtype = (4, torch.float32) if device == "cpu" else (32, torch.bfloat16)
    vit = sparse_vit("vit_base_patch16_224", 256, device, dtype)
    images = torch.randint(256, (batch, 3, 256, 256), dtype=torch.uint8).to(device)
    vae, comae = KL16().to(device, dtype).eval(), paper_encoder().to(device, dtype).eval()
    ranker = Ranker(256, 16).to(device, dtype).eval()
    with torch.inference_mode():
        tokens = vae.encode(images).to(dtype)
        rankers = {
            "256 passes of CoMAE's encoder": lambda: comae.dependencies(tokens),
            "the KL-16 encoder, which CoMAE needs": lambda: vae.encode(images),
            "attention of the full model": lambda: attention_order(vit, images),
            "the ranker": lambda: ranker.order(images),
            "patch variance": lambda: variance_order(images, 16),
        }
        stock, *times = in_turn([lambda: vit(images), *rankers.values()], min(rounds, 5), device)
    return [
        row(
            f"ordering {batch} images of 256 pixels, {type_name(dtype)}, on {device} by {name}: the stock "
            "ViT-B/16 against it",
            stock,
            t,
        )
        for name, t in zip(rankers, times)
    ]


def product_times(vit, device, dtype, batch, keep, rounds):
    """Seconds of the linear layers alone, of all tokens and of a share of them: what can be reached.

    Products of few rows run at a lower rate than products of many."""
    from cop.classify.sparse_vit import keep_count

    layers = [m for m in vit.model.blocks.modules() if isinstance(m, torch.nn.Linear)]
    few, prefix = keep_count(vit.n_tokens, keep=keep), vit.model.num_prefix_tokens

    def products(tokens):
        inputs = {m.in_features: torch.randn(batch * (prefix + tokens), m.in_features) for m in layers}
        inputs = {k: x.to(device, dtype) for k, x in inputs.items()}
        return lambda: [m(inputs[m.in_features]) for m in layers]

    return in_turn([products(vit.n_tokens), products(few)], rounds, device)


def bench_ranked_vit(batch, dtype, rounds, device, goal):
    """A ranker and 22 % of a ViT-B/16 against the stock model, at 224 pixels, from pixels to a label.

    The limit is the linear layers alone, on as many tokens."""
    from torchvision.io import decode_jpeg, encode_jpeg

    from cop.classify.ranked import RankedViT
    from cop.learn.ranker import Ranker, Reading

    vit, ranker = sparse_vit("vit_base_patch16_224", 224, device, dtype), Ranker(224, 16).to(device, dtype)
    pixels = torch.stack([picture(224, seed) for seed in range(batch)])
    files, images = [encode_jpeg(x, 90) for x in pixels], pixels.to(device)
    decode = lambda: torch.stack([decode_jpeg(f) for f in files]).to(device)
    both, by_score = RankedViT(ranker, vit, "score").eval(), "ranked by score, with 22% of the patches"
    with torch.inference_mode():
        ways = {by_score: partial(both, images, keep=0.22)}
        for reading in get_args(Reading):
            ways[f"the ranker's order by {reading} alone"] = partial(ranker.order, images, reading)
        calls = [lambda: vit(images), lambda: vit(decode()), lambda: both(decode(), keep=0.22)]
        stock, loaded, ranked, *times = in_turn([*calls, *ways.values()], rounds, device)
        whole, share = product_times(vit, device, dtype, batch, 0.22, rounds)
    where = f"ViT-B/16 at 224 pixels, batch {batch}, {type_name(dtype)}, random weights, on {device}"
    from_files = f"from JPEG files, {by_score}"
    rows = [(name, stock, t) for name, t in zip(ways, times)] + [(from_files, loaded, ranked)]
    return [
        row(
            f"{where}: {name} against the stock model",
            plain,
            t,
            goal if name == by_score else 0.0,
            share if name == by_score else None,
            images_per_second=batch / t,
            products=whole / share if name == by_score else None,
        )
        for name, plain, t in rows
    ]


def bench_ranked(rounds, device="cpu"):
    "A ranker and 22 % of a ViT-B/16 against the stock model: one image and many, float32 and bfloat16."
    many, goals = (16, (3.8, 4.4)) if device == "cpu" else (256, (0.0, 0.0))
    for dtype in (torch.float32, torch.bfloat16):
        for batch, goal in zip((1, many), goals):
            yield from bench_ranked_vit(batch, dtype, min(rounds, 7), device, goal)
