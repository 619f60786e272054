"""How much faster is the library than plain implementations of the same thing?

    python tools/bench.py [--out runs/bench.json] [--quick] [--threads N]

Each line is a ratio of two times measured in turn in this run, each the best of several; results are compared before they are timed.
With a GPU, dependencies are measured there too. Writes everything, with hardware and versions, as JSON.
"""
import argparse, json, os, platform, sys, time
from pathlib import Path
import networkx as nx, numpy as np, torch

ROOT = Path(__file__).resolve().parent.parent

def best_times(functions, rounds, device="cpu", seconds=15):
    "Seconds of each function: the best of up to `rounds` calls, taken in turn after one to warm up, at least two and no more than fit the time."
    times, begin = [[] for _ in functions], time.perf_counter()
    for n in range(rounds + 1):
        for f, t in zip(functions, times):
            start = time.perf_counter()
            f()
            if device == "cuda": torch.cuda.synchronize()
            if n: t.append(time.perf_counter() - start)
        if n > 1 and time.perf_counter() - begin > seconds: break
    return [min(t) for t in times]

def graphs(batch, n):
    "Random dependency graphs (B, N, N), zero diagonal, most dependencies weak."
    A = torch.rand(batch, n, n, generator=torch.Generator().manual_seed(0))**4
    return A*(1 - torch.eye(n))

def bench_pagerank(rounds, batch=256, n=64):
    "Batched PageRank against networkx, one graph after another, at the tolerance that networkx needs to agree."
    from cop.graph import pagerank
    A = graphs(batch, n)
    def loop():
        done = [nx.pagerank(nx.from_numpy_array(a, create_using=nx.DiGraph), tol=1e-8) for a in A.double().numpy()]
        return np.array([[r[i] for i in range(n)] for r in done])
    np.testing.assert_allclose(pagerank(A).numpy(), loop(), atol=1e-6)
    slow, fast = best_times([loop, lambda: pagerank(A)], rounds)
    return [dict(name=f"PageRank of {batch} graphs of {n} patches: batched against networkx", plain=slow, ours=fast, goal=100)]

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
    from cop.order import coverage_order
    A = graphs(batch, n)
    M = A.double() + A.double().amax((1, 2))[:, None, None]*torch.eye(n) # what coverage_order assumes of a patch about itself
    ours = lambda: coverage_order(A)
    found = []
    for text, plain in (("vectorised over candidates", vector_coverage), ("one candidate at a time", greedy_coverage)):
        loop = lambda: np.array([plain(m) for m in M.numpy()])
        np.testing.assert_array_equal(ours().numpy(), loop())
        slow, fast = best_times([loop, ours], rounds)
        found.append(dict(name=f"coverage order of {batch} images of {n} patches: batched against NumPy, {text}", plain=slow, ours=fast, goal=5))
    return found

def bench_dependencies(rounds, device="cpu"):
    "All targets at once against the loop over targets that CoMAE's definition reads like, for each of which the images are one batch."
    from cop.comae import CoMAE
    torch.manual_seed(0)
    model = CoMAE((7, 7), 16, encoder_width=32, encoder_depth=4, decoder_width=64, decoder_depth=4).to(device).eval()
    found = []
    for images, goal in ((1, 2.), (8, 1.), (32, 1.)) if device == "cpu" else ((1, 10.), (8, 10.), (32, 10.)):
        tokens = torch.randn(images, model.n_tokens, 16, generator=torch.Generator().manual_seed(1)).to(device)
        def loop():
            with torch.inference_mode():
                return torch.cat([model.select(tokens, torch.full((images, 1), n, device=device)) for n in range(model.n_tokens)], dim=1)
        torch.testing.assert_close(model.dependencies(tokens), loop(), atol=1e-5, rtol=0)
        slow, fast = best_times([loop, lambda: model.dependencies(tokens)], 4*rounds, device)
        found.append(dict(name=f"dependencies of {images} image(s) of {model.n_tokens} patches on {device}: all targets against one by one",
                          plain=slow, ours=fast, goal=goal))
    return found

def hardware():
    "What the times depend on."
    cpu = platform.processor()
    if Path("/proc/cpuinfo").exists():
        cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), cpu)
    return dict(cpu=cpu, cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
                threads=torch.get_num_threads(), gpu=torch.cuda.get_device_name() if torch.cuda.is_available() else None,
                python=platform.python_version(), torch=torch.__version__, numpy=np.__version__, networkx=nx.__version__)

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT/"runs"/"bench.json", help="the JSON file to write")
    parser.add_argument("--quick", action="store_true", help="time everything twice only")
    parser.add_argument("--threads", type=int, help="threads that PyTorch uses; 1 where other work keeps the machine busy")
    args = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    rounds = 2 if args.quick else 10
    if args.threads: torch.set_num_threads(args.threads)
    here = hardware()
    print(", ".join(f"{k} {v}" for k, v in here.items()), flush=True)
    tasks = [bench_pagerank, bench_coverage, bench_dependencies]
    if torch.cuda.is_available(): tasks.append(lambda r: bench_dependencies(r, "cuda"))
    results = []
    for task in tasks:
        for r in task(rounds):
            r["ratio"] = r["plain"]/r["ours"]
            results.append(r)
            verdict = "" if r["ratio"] >= r["goal"] else f"   below the goal of {r['goal']:g}"
            print(f"{r['ratio']:7.1f}×   {1e3*r['plain']:9.1f} ms → {1e3*r['ours']:8.1f} ms   {r['name']}{verdict}", flush=True)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps({"hardware": here, "results": results}, indent=1) + "\n", encoding="utf-8")
    print(f"written to {args.out}")

if __name__ == "__main__": main()
