# SPDX-License-Identifier: Apache-2.0
"""Client-side methods on a 5-4-3 MLP in float64 NumPy; writes methods_oracle.txt for MethodsOracleTests.swift.

The data and the start are those of training_oracle.py. Three rounds of three full-batch steps; between rounds the model
moves by half the client's change plus a shift, so that it is neither the client's model nor the last one. Each method
is written from its paper's formula; the gradients by hand are compared with central differences before anything is
written. Lines: case, key, values.
"""
import os
import numpy as np

x = np.array([[((3 * r + 7 * c) % 11) / 8 - 0.5 for c in range(5)] for r in range(4)])
index = np.arange(39)
start = ((5 * index) % 13) / 16 - 0.375
ETA, ROUNDS, STEPS = 0.25, 3, 3


def features(w):
    return np.maximum(x @ w[:20].reshape(4, 5).T + w[20:24], 0)


def cosine(a, b):
    norms = np.linalg.norm(a) * np.linalg.norm(b)
    return 0.0 if norms < 1e-8 else a @ b / norms


def contrast(z, glob, prev, mu, temperature):
    """The MOON loss of each row's features, averaged, and its gradient."""
    loss, gradient = 0.0, np.zeros_like(z)
    for row in range(4):
        a, b = cosine(z[row], glob[row]), cosine(z[row], prev[row])
        loss -= np.log(np.exp(a / temperature) / (np.exp(a / temperature) + np.exp(b / temperature)))
        share = np.exp(b / temperature) / (np.exp(a / temperature) + np.exp(b / temperature))
        norm = np.linalg.norm(z[row])
        for other, value, sign in ((glob[row], a, -1), (prev[row], b, 1)):
            if norm * np.linalg.norm(other) < 1e-8:
                continue
            unit, direction = z[row] / norm, other / np.linalg.norm(other)
            gradient[row] += sign * share / temperature * (direction - value * unit) / norm
    return mu * loss / 4, mu * gradient / 4


def loss_and_gradient(w, y, s, models):
    """The loss on the data and its gradient; models: the features to compare with, or None."""
    w1, b1, w2, b2 = w[:20].reshape(4, 5), w[20:24], w[24:36].reshape(3, 4), w[36:]
    pre = x @ w1.T + b1
    h = np.maximum(pre, 0)
    z = h @ w2.T + b2
    if s.get("calibration_tau"):
        counts = np.array([max((y == c).sum(), 1e-8) for c in range(3)])
        z = z - s["calibration_tau"] * counts**-0.25
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    loss = -np.log(p[np.arange(4), y]).mean()
    d = (p - np.eye(3)[y]) / 4
    lam, form = s.get("margin_lambda", 0), s.get("margin_form", 0)
    squares = (p**2).sum(1, keepdims=True)
    if lam and form == 0:
        loss += lam * np.log(1 + squares.sum())
        d = d + lam * 2 / (1 + squares.sum()) * p * (p - squares)
    elif lam and form == 1:
        loss += lam * np.log(1 + squares).mean()
        d = d + lam * 2 / (4 * (1 + squares)) * p * (p - squares)
    elif lam:
        sizes = (z**2).sum(1, keepdims=True)
        loss += lam * np.log(1 + sizes).mean()
        d = d + lam * 2 / (4 * (1 + sizes)) * z
    dh = d @ w2
    if models:
        extra, gradient = contrast(h, *models, s["moon_mu"], s.get("moon_temperature", 0.5))
        loss += extra
        dh = dh + gradient
    dh = dh * (pre > 0)
    return loss, np.concatenate([(dh.T @ x).ravel(), dh.sum(0), (d.T @ h).ravel(), d.sum(0)])


def check_gradient(y, s, models):
    _, gradient = loss_and_gradient(start, y, s, models)
    for i in index:
        e = np.eye(39)[i] * 1e-6
        slope = (loss_and_gradient(start + e, y, s, models)[0] - loss_and_gradient(start - e, y, s, models)[0]) / 2e-6
        assert abs(slope - gradient[i]) < 1e-8, (s, i, slope, gradient[i])


def descend(w, term, y, s, models, momentum, decay, steps=STEPS):
    """SGD; term(w) is the gradient of what is added on the parameters."""
    v, losses, weights = np.zeros(39), [], []
    for _ in range(steps):
        loss, g = loss_and_gradient(w, y, s, models)
        losses.append(loss)
        if s.get("sam_rho"):
            _, g = loss_and_gradient(w + s["sam_rho"] * g / (np.linalg.norm(g) + 1e-12), y, s, models)
        v = momentum * v + g + decay * w + term(w)
        weights = [1 + momentum * weights[0]] + weights if weights else [1.0]
        w = w - ETA * v
    return w, np.mean(losses), sum(weights)


def run(name, y, s, momentum=0.0, decay=0.0):
    y = np.array(y)
    glob, own, memory = start.copy(), np.zeros(39), np.zeros(39)
    previous, personal = None, start.copy()
    for t in range(ROUNDS):
        control = ((3 * index + t) % 7 - 3) / 50 if s.get("scaffold") else np.zeros(39)
        alpha, mu = s.get("dynamic_alpha", 0), s.get("proximal_mu", 0)
        term = lambda w: mu * (w - glob) + control - own + alpha * (w - glob) - memory
        models = (features(glob), features(previous)) if s.get("moon_mu") and previous is not None else None
        if models:
            check_gradient(y, s, models)
        trained, loss, total = descend(glob, term, y, s, models, momentum, decay)
        previous, delta = trained, trained - glob
        if s.get("scaffold"):
            new = own - control + (glob - trained) / (ETA * total)
            control_delta, own = new - own, new
        memory = memory - alpha * delta
        if s.get("personal_lambda"):
            pull = lambda v: s["personal_lambda"] * (v - glob)
            logits_only = {k: s[k] for k in s if k.startswith(("margin", "calibration"))}
            steps = s.get("personal_epochs", STEPS)
            personal, _, _ = descend(personal, pull, y, logits_only, None, momentum, decay, steps)
        glob = glob + 0.5 * delta + ((7 * index + 3 * t) % 5 - 2) / 100
    check_gradient(y, s, None)
    yield name, "loss", [loss]
    yield name, "delta", delta
    if s.get("scaffold"):
        yield name, "controlDelta", control_delta
        yield name, "scaffold.control", own
    if s.get("dynamic_alpha"):
        yield name, "dynamic.memory", memory
    if s.get("moon_mu"):
        yield name, "moon.previous", previous
    if s.get("personal_lambda"):
        yield name, "personal.model", personal


ALL, LACKING = [0, 2, 1, 2], [0, 2, 0, 2]
CASES = [
    run("margin-frobenius", ALL, {"margin_lambda": 0.3}),
    run("margin-per-sample", ALL, {"margin_lambda": 0.3, "margin_form": 1}),
    run("margin-logits", ALL, {"margin_lambda": 0.3, "margin_form": 2}),
    run("calibration", ALL, {"calibration_tau": 0.7}),
    run("calibration-lacking-margin", LACKING, {"calibration_tau": 0.7, "margin_lambda": 0.3}),
    run("sam", ALL, {"sam_rho": 0.2}),
    run("sam-proximal-momentum", ALL, {"sam_rho": 0.2, "proximal_mu": 0.5}, 0.9, 0.01),
    run("moon", ALL, {"moon_mu": 2, "moon_temperature": 0.5}),
    run("moon-sam-momentum", ALL, {"moon_mu": 2, "moon_temperature": 0.4, "sam_rho": 0.1}, 0.5),
    run("scaffold", ALL, {"scaffold": 1}),
    run("scaffold-margin-proximal", ALL, {"scaffold": 1, "margin_lambda": 0.3, "proximal_mu": 0.5}),
    run("scaffold-momentum-decay", ALL, {"scaffold": 1}, 0.9, 0.01),
    run("dynamic", ALL, {"dynamic_alpha": 0.4}),
    run("dynamic-sam-margin", ALL, {"dynamic_alpha": 0.4, "sam_rho": 0.1, "margin_lambda": 0.3}, 0.5, 0.01),
    run("ditto", ALL, {"personal_lambda": 0.8}),
    run("ditto-scaffold-margin", ALL, {"personal_lambda": 0.8, "personal_epochs": 5, "scaffold": 1,
                                       "margin_lambda": 0.3}, 0.5),
]
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "methods_oracle.txt"), "w") as out:
    for case in CASES:
        for name, key, values in case:
            print(name, key, " ".join(f"{value:.10f}" for value in values), file=out)
