# SPDX-License-Identifier: Apache-2.0
"""Two SGD steps of a 5-4-3 MLP in float64 NumPy, printed as Swift literals for TrainingOracleTests.swift.

Gradients are written out by hand, independently of the Swift code: h = max(0, x W1' + b1), z = h W2' + b2, mean
cross-entropy; g += decay * w + mu * (w - start); v = momentum * v + g; w -= lr * v. The batch is always all four
samples, so that the shuffle does not matter.
"""
import numpy as np

x = np.array([[((3 * r + 7 * c) % 11) / 8 - 0.5 for c in range(5)] for r in range(4)])
y = np.array([0, 2, 1, 2])
start = np.array([((5 * i) % 13) / 16 - 0.375 for i in range(4 * 5 + 4 + 3 * 4 + 3)])


def gradient(w):
    w1, b1, w2, b2 = w[:20].reshape(4, 5), w[20:24], w[24:36].reshape(3, 4), w[36:]
    pre = x @ w1.T + b1
    h = np.maximum(pre, 0)
    z = h @ w2.T + b2
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    loss = -np.log(p[np.arange(4), y]).mean()
    d = (p - np.eye(3)[y]) / 4
    dh = (d @ w2) * (pre > 0)
    return loss, np.concatenate([(dh.T @ x).ravel(), dh.sum(0), (d.T @ h).ravel(), d.sum(0)])


for name, momentum, decay, mu in [("plain", 0, 0, 0), ("momentum", 0.9, 0.01, 0), ("proximal", 0, 0, 0.5)]:
    w, v, losses = start.copy(), np.zeros_like(start), []
    for _ in range(3):
        loss, g = gradient(w)
        losses.append(loss)
        v = momentum * v + g + decay * w + mu * (w - start)
        w = w - 0.25 * v
    print(f"    static let {name} = Golden(")
    print(f"        meanLoss: {np.mean(losses)!r},".replace("np.float64(", "").replace("),", ","))
    print("        delta: [")
    d = w - start
    for i in range(0, len(d), 4):
        print("            " + " ".join(f"{u:.12f}," for u in d[i:i + 4]))
    print("        ])")
