# SPDX-License-Identifier: Apache-2.0
"""Writes ../Fixtures/rules.json and ../Fixtures/optimizers.json. Run with Python 3 and NumPy after changing an oracle:

    python3 Tests/AggregationTests/Oracles/generate.py
"""
import json
import math
import pathlib
import numpy as np
from matrices import digest, matrix, weights
from optimizers import OPTIMIZERS, fedhyper_sl_factors
from rules import PRE, RULES

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "Fixtures"
MAXIMUM_SUBSETS = 3000


def tensors(d):
    """Sizes and roles: matrices, a buffer and a single element, as far as d reaches."""
    if d < 6:
        return [(d, "parameter")]
    first = d // 2
    buffer = max(1, d // 8)
    return [(first, "parameter"), (1, "parameter"), (buffer, "buffer"), (d - first - 1 - buffer, "normalization")]


def plans(n, f):
    subsets = math.comb(n, f)
    yield "fedavg", {}, []
    yield "median", {}, []
    for name in ["trimmed-mean", "meamed", "krum", "multi-krum", "monna", "caf"]:
        yield name, {"f": f}, []
    if subsets <= MAXIMUM_SUBSETS:
        yield "mda", {"f": f}, []
        yield "smea", {"f": f}, []
    yield "geometric-median", {}, []
    yield "geometric-median", {"nu": 0.01, "iterations": 12}, []
    yield "centered-clipping", {"tau": 0.5, "iterations": 3}, []
    yield "nna", {"keep": max(1, n - 2 * f), "pivot": n // 2}, []
    if n >= f + 3:
        yield "krum", {"f": f, "paper": 1}, []
    yield "multi-krum", {"f": f, "unsquared": 1, "m": 2}, []
    yield "fedld", {}, []
    yield "fedld", {"rho": 0.5, "majority-sign": 1}, []
    for name in ["krum", "trimmed-mean"]:
        yield name, {"f": f}, ["nnm"]
    yield "geometric-median", {}, ["nnm"]
    yield "median", {}, ["clipping", "nnm"]
    yield "multi-krum", {"f": f, "c": 0.75}, ["clipping"]
    yield "caf", {"f": f}, ["arc"]
    yield "meamed", {"f": f}, ["arc", "nnm"]
    yield "centered-clipping", {"f": f, "tau": 1}, ["nnm"]
    yield "fedld", {"f": f}, ["nnm"]


def evaluate(x, w, layout, rule, settings, pre, f):
    options = {k.replace("majority-sign", "majority"): v for k, v in settings.items()}
    for name in pre:
        x = PRE[name](x, **{"f": f, **options})
    return RULES[rule](x, weights=w, tensors=layout, **options)


def rule_cases():
    random = np.random.default_rng(20240301)
    shapes = [(4, 1), (5, 2), (7, 3), (30, 10000), (20, 4096), (10, 8193)]
    shapes += [(int(random.integers(4, 31)), int(10 ** random.uniform(0, 3.6))) for _ in range(18)]
    cases = []
    for index, (n, d) in enumerate(shapes):
        f = int(random.integers(1, (n - 1) // 2 + 1))
        family = ["plain", "shifted", "byzantine", "opposed"][index % 4]
        seed = 1000 + index
        x, w, layout = matrix(seed, n, d, family, f), weights(seed, n), tensors(d)
        results = []
        for rule, settings, pre in plans(n, f):
            settings = dict(settings)
            if pre and "f" not in settings and "nnm" in pre:
                settings["nnm.f"] = f
            value = evaluate(x, w, layout, rule, settings, pre, f)
            assert np.isfinite(value).all(), (rule, n, d)
            results.append({"rule": rule, "settings": settings, "pre": pre, "values": digest(value, seed)})
        cases.append({"seed": seed, "n": n, "d": d, "f": f, "family": family,
                      "tensors": [{"size": s, "role": r} for s, r in layout], "results": results})
    return cases


def optimizer_cases():
    cases = []
    plans = [("plain", {"lr": 0.5}), ("fedavgm", {"beta": 0.7, "lr": 0.8}), ("fedadagrad", {}), ("fedadam", {}),
             ("fedyogi", {"lr": 0.1, "tau": 0.01}), ("fedexp", {}), ("fedexp", {"epsilon": 1e-4}), ("fedhyper-g", {}),
             ("fedhyper-g", {"released": 1}), ("fedhyper-sl", {}), ("fedhyper-sl", {"released": 1}),
             ("co2", {"clip": 0.3}), ("co2", {"beta": 0.6, "lr": 0.7, "gap": 1})]
    for index, (name, settings) in enumerate(plans):
        seed, n, d, rounds = 5000 + index, 6, 41, 4
        family = "plain" if name == "fedexp" else "shifted"
        updates = [matrix(seed + 100 * r, n, d, family, 1) / 4 for r in range(rounds)]
        w = weights(seed, n)
        aggregates = [(w[:, None] * x).sum(axis=0) / w.sum() for x in updates]
        changes = OPTIMIZERS[name](aggregates, updates=updates, **settings)
        case = {"seed": seed, "n": n, "d": d, "family": family, "optimizer": name, "settings": settings,
                "changes": [[float(v) for v in change] for change in changes]}
        if name == "fedhyper-sl":
            case["factors"] = [float(v) for v in fedhyper_sl_factors(aggregates, **settings)]
        cases.append(case)
    return cases


if __name__ == "__main__":
    FIXTURES.mkdir(exist_ok=True)
    for name, cases in [("rules", rule_cases()), ("optimizers", optimizer_cases())]:
        path = FIXTURES / f"{name}.json"
        path.write_text(json.dumps({"cases": cases}, separators=(",", ":")) + "\n")
        print(path.name, path.stat().st_size, "bytes,", len(cases), "cases")
