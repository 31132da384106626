# SPDX-License-Identifier: Apache-2.0
"""The server optimizers from their formulas, in float64: lists of changes, one for each round's aggregate."""
import numpy as np


def fedavgm(aggregates, beta=0.9, lr=1.0, **_):
    v, out = 0, []
    for delta in aggregates:
        v = beta * v + delta
        out.append(lr * v)
    return out


def adaptive(kind):
    def run(aggregates, lr=0.01, beta1=None, beta2=0.99, tau=1e-3, **_):
        b1 = beta1 if beta1 is not None else (0.0 if kind == "adagrad" else 0.9)
        m, v, out = 0, tau**2, []
        for d in aggregates:
            m = b1 * m + (1 - b1) * d
            if kind == "adagrad":
                v = v + d**2
            elif kind == "adam":
                v = beta2 * v + (1 - beta2) * d**2
            else:
                v = v - (1 - beta2) * d**2 * np.sign(v - d**2)
            out.append(lr * m / (np.sqrt(v) + tau))
        return out
    return run


def fedexp(aggregates, updates, epsilon=1e-3, **_):
    out = []
    for d, x in zip(aggregates, updates):
        out.append(max(1.0, (x**2).sum() / (2 * len(x) * ((d**2).sum() + epsilon))) * d)
    return out


def co2(aggregates, beta=0.2, lr=1.0, clip=1.0, gap=0, **_):
    m, moved, out = 0, 0.0, []
    for d in aggregates:
        m = beta * m + d / (1 + moved / max(np.linalg.norm(d), 1e-12) if gap else 1)
        out.append(lr * np.clip(m, -clip, clip))
        moved = np.linalg.norm(out[-1])
    return out


def fedhyper_g(aggregates, released=0, **_):
    out, last = [], np.zeros_like(aggregates[0])
    alpha, a = 1.0, 0.0
    for d in aggregates:
        if released:
            a = np.clip(a + d @ last, -0.8, 4)
            out.append((1 + a) * d)
        else:
            alpha = np.clip(alpha + d @ last, 1 / 3, 3)
            out.append(alpha * d)
        last = d
    return out


def fedhyper_sl_factors(aggregates, released=0, **_):
    out, last, beta, a = [], np.zeros_like(aggregates[0]), 1.0, 0.0
    for d in aggregates:
        if released:
            a += d @ last
            out.append(min(10, max(0.1, 1 + a)))
        else:
            beta = np.clip(beta + d @ last, 0.1, 10)
            out.append(beta)
        last = d
    return out


OPTIMIZERS = {
    "plain": lambda aggregates, lr=1.0, **_: [lr * d for d in aggregates],
    "fedavgm": fedavgm, "fedadagrad": adaptive("adagrad"), "fedadam": adaptive("adam"), "fedyogi": adaptive("yogi"),
    "fedexp": fedexp, "co2": co2, "fedhyper-g": fedhyper_g, "fedhyper-sl": lambda aggregates, **_: aggregates,
}
