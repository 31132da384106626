# SPDX-License-Identifier: Apache-2.0
"""The aggregation rules straight from their definitions, in float64, on the whole vectors: no Gram matrix, no blocks,
no clever search. Written apart from the Swift rules, which they check."""
import itertools
import numpy as np


def distances(x, y):
    return np.sqrt(((x - y) ** 2).sum(axis=1))


def nearest(x, point, keep):
    return np.argsort(distances(x, point), kind="stable")[:keep]


def fedavg(x, weights, **_):
    return (weights[:, None] * x).sum(axis=0) / weights.sum()


def median(x, **_):
    return np.median(x, axis=0)


def trimmed_mean(x, f, **_):
    return np.sort(x, axis=0)[f:len(x) - f].mean(axis=0)


def meamed(x, f, **_):
    middle = np.median(x, axis=0)
    # Ties go to the smaller value: the rows are put in ascending order first and the sort is stable.
    ordered = np.sort(x, axis=0)
    rank = np.argsort(np.abs(ordered - middle), axis=0, kind="stable")[:len(x) - f]
    return np.take_along_axis(ordered, rank, axis=0).mean(axis=0)


def geometric_median(x, nu=0.1, iterations=3, **_):
    z = np.zeros(x.shape[1])
    for _ in range(iterations):
        b = 1 / np.maximum(nu, distances(x, z))
        z = (b[:, None] * x).sum(axis=0) / b.sum()
    return z


def krum_scores(x, f, paper=0, unsquared=0, **_):
    scores = []
    for i in range(len(x)):
        d = np.sort(np.delete(distances(x, x[i]), i))
        d = d[:len(x) - f - (2 if paper else 1)]
        scores.append(d.sum() if unsquared else (d**2).sum())
    return np.array(scores)


def krum(x, f, **options):
    return x[np.argmin(krum_scores(x, f, **options))]


def multi_krum(x, f, m=None, **options):
    keep = len(x) - f if m is None else int(m)
    return x[np.argsort(krum_scores(x, f, **options), kind="stable")[:keep]].mean(axis=0)


def centered_clipping(x, tau=100, iterations=1, start=None, **_):
    v = np.zeros(x.shape[1]) if start is None else start
    for _ in range(iterations):
        d = np.maximum(distances(x, v), 1e-300)
        v = v + ((x - v) * np.minimum(1, tau / d)[:, None]).mean(axis=0)
    return v


def mda(x, f, **_):
    between = np.array([distances(x, row) for row in x])
    best = min(itertools.combinations(range(len(x)), len(x) - f), key=lambda s: between[np.ix_(s, s)].max())
    return x[list(best)].mean(axis=0)


def monna(x, f, pivot=0, **_):
    return x[nearest(x, x[pivot], len(x) - f)].mean(axis=0)


def nna(x, keep, pivot=0, **_):
    return x[nearest(x, x[pivot], keep)].mean(axis=0)


def caf(x, f, **_):
    n, c = len(x), np.ones(len(x))
    if f == 0:
        return x.mean(axis=0)
    best, least = None, np.inf
    while c.sum() > n - 2 * f:
        mu = (c[:, None] * x).sum(axis=0) / c.sum()
        _, s, vt = np.linalg.svd(np.sqrt(c / c.sum())[:, None] * (x - mu), full_matrices=False)
        if s[0] ** 2 < least:
            best, least = mu, s[0] ** 2
        tau = ((x - mu) @ vt[0]) ** 2
        c = c * np.maximum(0, 1 - tau / tau[c > 0].max())
    return best


def smea(x, f, **_):
    def top(subset):
        rows = x[list(subset)]
        return np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False)[0]
    best = min(itertools.combinations(range(len(x)), len(x) - f), key=top)
    return x[list(best)].mean(axis=0)


def fedld(x, tensors, rho=0.8, majority=0, **_):
    """Step by step as the released server code works, tensor by tensor."""
    m, start, out = len(x), 0, []
    for size, role in tensors:
        g = x[:, start:start + size]
        start += size
        if size == 1 or role == "buffer":
            out.append(g.mean(axis=0))
            continue
        s, e = np.linalg.eigh(g @ g.T / m)
        s, e = s[::-1], e[:, ::-1]
        revised = np.zeros_like(g)
        for j in range(max(int(m * rho), 1)):
            if s[j] <= 1e-12 * s[0]:
                continue
            w = g.T @ e[:, j]
            side = np.sign(g @ w).sum()
            if side < 0 or (side == 0 and (g @ w).sum() < 0):  # of a tie the sum decides; matters to `majority` alone
                w = -w
            for i in range(m):
                projection = (g[i] @ w) / (w @ w) * w
                direction = w / np.linalg.norm(w) if majority else projection / np.linalg.norm(projection)
                revised[i] += s[j] / np.maximum(s, 0).sum() * np.linalg.norm(g[i]) * direction
        out.append(revised.mean(axis=0))
    return np.concatenate(out)


def nnm(x, f, **_):
    return np.stack([x[nearest(x, row, len(x) - f)].mean(axis=0) for row in x])


def clipping(x, c=2.0, **_):
    return x * np.minimum(1, c / np.maximum(np.linalg.norm(x, axis=1), 1e-300))[:, None]


def arc(x, f, **_):
    n = len(x)
    norms = np.linalg.norm(x, axis=1)
    bound = np.sort(norms)[::-1][(2 * f * (n - f)) // n]
    return x * np.minimum(1, bound / np.maximum(norms, 1e-300))[:, None]


RULES = {
    "fedavg": fedavg, "median": median, "trimmed-mean": trimmed_mean, "meamed": meamed,
    "geometric-median": geometric_median, "krum": krum, "multi-krum": multi_krum,
    "centered-clipping": centered_clipping, "mda": mda, "monna": monna, "nna": nna, "caf": caf, "smea": smea,
    "fedld": fedld,
}
PRE = {"nnm": nnm, "clipping": clipping, "arc": arc}
