"""Benchmarks of graphs, rankings, estimators, CoMAE and files; `bench.py` calls them."""

import tempfile
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import networkx as nx
import numpy as np
import torch
from timing import counted, fastest, in_turn, product_flops, product_rate, read_rate, row, seconds_of


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

    def by_networkx(A):
        tol = 1e-8 / A.shape[1]  # networkx multiplies it by the number of nodes
        found = [nx.pagerank(nx.from_numpy_array(a, create_using=nx.DiGraph), tol=tol) for a in A.numpy()]
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
    """PageRank and Katz centrality against a NumPy power iteration, and PageRank against other libraries.

    The limit is to read the graphs from memory once (small ones stay in the cache). Other libraries get
    matrices, and build their graphs."""
    from cop.orders.graph import katz, pagerank

    found, rate = [], read_rate()
    for batch, n in ((256, 64), (256, 256), (1, 1024), (1, 4096)):
        A = graphs(batch, n)
        for what, ours, plain in (("PageRank", pagerank, power_iteration), ("Katz", katz, katz_iteration)):
            np.testing.assert_allclose(ours(A).numpy(), plain(A), atol=1e-6)
            slow, fast = in_turn([partial(plain, A), partial(ours, A)], rounds)
            name = f"{what} of {counted(batch, 'graph')} of {n} patches against a NumPy power iteration"
            found.append(row(name, slow, fast, 1.0, 4 * A.numel() / rate))
        if n > 256:  # lists of a million edges and more
            continue
        for library, peer in pagerank_peers().items():
            some = A[: 16 if n > 64 else batch]
            np.testing.assert_allclose(peer(some), pagerank(some).numpy(), rtol=2e-3)
            slow, fast = in_turn([partial(peer, some), partial(pagerank, some)], 3)
            name = (
                f"PageRank of {len(some)} graphs of {n} patches against {library}, which builds a graph first"
            )
            found.append(row(name, slow, fast, 1.0, 4 * some.numel() / rate))
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
        slow, fast = in_turn([loop, ours], rounds)
        name = f"coverage order of {batch} images of {n} patches: batched against NumPy, {text}"
        found.append(row(name, slow, fast, 5.0))
    return found


def plain_conditional_entropy(model, observed):
    "Entropies of single tokens, set by set, from a factor of everything."
    from cop.entropy.conditioning import number_indices

    nats = torch.zeros(observed.shape, dtype=torch.float64)
    for entropies, seen in zip(nats, observed):
        k, order = int(seen.sum()), (~seen).long().argsort(stable=True)
        rows = number_indices(order, model.dim)
        factor = torch.linalg.cholesky(model.covariance[rows[:, None], rows])
        unseen = factor[k * model.dim :, k * model.dim :].unflatten(0, (-1, model.dim))
        root = torch.linalg.cholesky(unseen @ unseen.mT)
        constant = 0.5 * model.dim * np.log(2 * np.pi * np.e)
        entropies[order[k:]] = root.diagonal(dim1=1, dim2=2).log().sum(1) + constant
    return nats


def conditioning_operations(seen, unseen, dim):
    "Floating-point operations of the cheaper way to the entropies of single tokens (`108_conditioning`)."
    by_seen = seen**3 / 3 + seen**2 * unseen + 2 * dim * seen * unseen
    by_unseen = 2 * unseen**3 / 3 + 2 * dim * unseen**2
    return by_seen.minimum(by_unseen).sum().item()


def bench_estimators(rounds):
    """Entropies of tokens given sets of random sizes: a factor of what is seen, or of what is not, against a
    factor of everything.

    The inverse of the covariance is kept from the first call on; `first_call` has the seconds with it."""
    from cop.entropy.gaussian_model import GaussianTokens

    found = []
    for n, dim, sets in ((49, 4, 256), (128, 16, 16), (256, 16, 16)):
        g = torch.Generator().manual_seed(0)
        x = torch.randn(n * dim, n * dim, generator=g).double()
        model = GaussianTokens(torch.zeros(n * dim), x @ x.T / (n * dim) + 0.1 * torch.eye(n * dim), n)
        observed = torch.rand(sets, n, generator=g) < torch.rand(sets, 1, generator=g)
        ours = partial(model.conditional_entropy, observed)
        plain = partial(plain_conditional_entropy, model, observed)
        first = seconds_of(ours)
        torch.testing.assert_close(ours(), plain())
        slow, fast = in_turn([plain, ours], rounds)
        what = f"entropies of {n} tokens of {dim} numbers given {sets} sets, the inverse known"
        seen = dim * observed.sum(1).double()
        limit = conditioning_operations(seen, n * dim - seen, dim) / product_rate(dtype=torch.float64)
        more = dict(first_call=first, sets_per_second=sets / fast)
        found.append(row(f"{what}, against a factor of all", slow, fast, 1.0, limit, **more))
    return found


def one_by_one(model, tokens):
    "Dependencies of one target after the other, as CoMAE defines them; all images of a target at once."
    targets = [torch.full((len(tokens), 1), n, device=tokens.device) for n in range(model.n_tokens)]
    with torch.inference_mode():
        return torch.cat([model.select(tokens, target) for target in targets], dim=1)


def bench_dependencies(rounds, device="cpu"):
    """Dependencies of all targets at once against a loop over targets.

    The limit is the matrix products alone, at the rate of large ones."""
    from cop.learn.comae import CoMAE

    torch.manual_seed(0)
    found, rate = [], product_rate(device)
    for side, images, goal in ((7, 1, 2.0), (7, 8, 1.0), (7, 32, 1.0), (16, 1, 1.0)):
        model = CoMAE((side, side), 16, encoder_width=32, encoder_depth=4, decoder_width=64, decoder_depth=4)
        model.to(device).eval()
        tokens = torch.randn(images, side**2, 16, generator=torch.Generator().manual_seed(1)).to(device)
        ways = [partial(one_by_one, model, tokens), partial(model.dependencies, tokens)]
        torch.testing.assert_close(ways[1](), ways[0](), atol=1e-5, rtol=0)
        slow, fast = in_turn(ways, rounds, device)
        what = f"dependencies of {counted(images, 'image')} of {side**2} patches on {device}"
        name = f"{what}: all targets against one by one"
        limit = product_flops(ways[1]) / rate
        found.append(row(name, slow, fast, goal if device == "cpu" else 10.0, limit))
    return found


def picture(size, seed):
    "A picture with the detail of photographs, (3, size, size) uint8: noise of all scales."
    from torch.nn.functional import interpolate

    g = torch.Generator().manual_seed(seed)
    scales = [torch.randn(1, 3, size // k, size // k, generator=g) for k in (64, 32, 16, 8, 4, 2)]
    x = sum(interpolate(noise, (size, size), mode="bilinear") for noise in scales)
    return (128 + 24 * x[0]).clamp(0, 255).byte()


def write_jpegs(folder, count, size):
    "Pictures of two classes, as JPEG of quality 90."
    from PIL import Image

    for i in range(count):
        path = Path(folder) / "ab"[i % 2] / f"{i:04}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(picture(size, i).permute(1, 2, 0).numpy()).save(path, quality=90)


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
    several names, so that starting the workers is a small part of the time. The limit is libjpeg alone, on as
    many cores.
    """
    import torchvision
    from PIL import Image, ImageOps
    from torchvision.io import decode_jpeg, read_file
    from torchvision.transforms.v2.functional import pil_to_tensor

    from cop.images.sources import load_images

    workers, results = max(1, torch.get_num_threads()), []
    fitted = lambda image: pil_to_tensor(ImageOps.fit(image, (224, 224), Image.Resampling.BICUBIC))
    with tempfile.TemporaryDirectory() as d:
        write_jpegs(d, count, 256)
        for path in sorted(Path(d).rglob("*.jpg")):
            for k in range(1, links):
                path.with_stem(f"{path.stem}-{k}").hardlink_to(path)
        files = [read_file(str(path)) for path in sorted(Path(d).rglob("*.jpg"))]
        alone = fastest(lambda: [decode_jpeg(file) for file in files[:count]], 3) * links / workers
        count *= links
        for what, size, transform in (
            ("of 256 pixels", None, pil_to_tensor),
            ("brought to 224", 224, fitted),
        ):
            ours = load_images(d, "all", image_size=size)
            theirs = torchvision.datasets.ImageFolder(d, transform)
            assert [f"{d}/{name}" for name in ours.files] == [path for path, _ in theirs.imgs]
            assert torch.equal(ours.images()[0], torch.stack([x for x, _ in theirs]))
            plain, *times = in_turn(file_readers(ours, theirs, workers), rounds)
            for how, t in zip(("read by threads", "training batches"), times):
                name = f"{count} photographs {what}, {counted(workers, 'worker')}: {how} against ImageFolder"
                goal = 1.2 if size is None else 1.0
                results.append(row(name, plain, t, goal, alone, images_per_second=count / t))
    return results
