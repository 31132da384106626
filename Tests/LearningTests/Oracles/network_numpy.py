# SPDX-License-Identifier: Apache-2.0
"""Recomputes networks.json in float64 NumPy and compares: a second opinion that needs no PyTorch.

network_oracle.py wrote the file with PyTorch. Here each layer and its gradient are written out by hand over a tape.
Ends with status 1 where a number of the file differs by more than 1e-8 of its tensor's largest.
"""
import json
import os
import sys
import numpy as np


class Value:
    """An array, and what adds its gradient to those of the arrays that it came from."""

    def __init__(self, data, back=None):
        self.data, self.back, self.grad = data, back, np.zeros_like(data)


class Tape:
    def __init__(self, tensors, training):
        self.tensors, self.training, self.values = tensors, training, []

    def add(self, data, back):
        self.values.append(Value(data, back))
        return self.values[-1]

    def backward(self):
        for value in reversed(self.values):
            value.back(value.grad)

    def conv(self, x, name, padding, stride=1):
        w = self.tensors[f"{name}.weight"]
        b = self.tensors.get(f"{name}.bias")
        side = w.data.shape[2]
        wide = np.pad(x.data, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
        rows = (wide.shape[2] - side) // stride + 1
        columns = (wide.shape[3] - side) // stride + 1
        spots = [(i, j, (slice(None), slice(None), slice(i, i + stride * rows, stride),
                         slice(j, j + stride * columns, stride))) for i in range(side) for j in range(side)]
        y = sum(np.einsum("nchw,oc->nohw", wide[at], w.data[:, :, i, j]) for i, j, at in spots)
        if b is not None:
            y = y + b.data[:, None, None]

        def back(g):
            wider = np.zeros_like(wide)
            for i, j, at in spots:
                w.grad[:, :, i, j] += np.einsum("nchw,nohw->oc", wide[at], g)
                wider[at] += np.einsum("nohw,oc->nchw", g, w.data[:, :, i, j])
            h, v = x.data.shape[2:]
            x.grad += wider[:, :, padding:padding + h, padding:padding + v]
            if b is not None:
                b.grad += g.sum((0, 2, 3))
        return self.add(y, back)

    def norm(self, x, name):
        w, b, mean, var = (self.tensors[f"{name}.{t}"] for t in ("weight", "bias", "running_mean", "running_var"))
        count = x.data.size // x.data.shape[1]
        m, v = mean.data.copy(), var.data.copy()
        if self.training:
            m, v = x.data.mean((0, 2, 3)), x.data.var((0, 2, 3))
            mean.data = 0.9 * mean.data + 0.1 * m
            var.data = 0.9 * var.data + 0.1 * v * count / (count - 1)
        shape = (slice(None), None, None)
        inverse = 1 / np.sqrt(v + 1e-5)
        unit = (x.data - m[shape]) * inverse[shape]

        def back(g):
            w.grad += (g * unit).sum((0, 2, 3))
            b.grad += g.sum((0, 2, 3))
            inner = g
            if self.training:
                along = (g * unit).mean((0, 2, 3))
                inner = g - g.mean((0, 2, 3))[shape] - unit * along[shape]
            x.grad += inner * (w.data * inverse)[shape]
        return self.add(unit * w.data[shape] + b.data[shape], back)

    def relu(self, x):
        def back(g):
            x.grad += g * (x.data > 0)
        return self.add(np.maximum(x.data, 0), back)

    def pool(self, x):
        n, c, h, w = x.data.shape
        part = x.data[:, :, :h // 2 * 2, :w // 2 * 2].reshape(n, c, h // 2, 2, w // 2, 2)
        windows = part.transpose(0, 1, 2, 4, 3, 5).reshape(n, c, h // 2, w // 2, 4)
        which = windows.argmax(-1)

        def back(g):
            spread = (np.arange(4) == which[..., None]) * g[..., None]
            spread = spread.reshape(n, c, h // 2, w // 2, 2, 2).transpose(0, 1, 2, 4, 3, 5)
            x.grad[:, :, :h // 2 * 2, :w // 2 * 2] += spread.reshape(n, c, h // 2 * 2, w // 2 * 2)
        return self.add(windows.max(-1), back)

    def mean(self, x):
        def back(g):
            x.grad += g[:, :, None, None] / (x.data.shape[2] * x.data.shape[3])
        return self.add(x.data.mean((2, 3)), back)

    def sum(self, x, y):
        def back(g):
            x.grad += g
            y.grad += g
        return self.add(x.data + y.data, back)

    def dense(self, x, name):
        w, b = self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"]
        flat = x.data.reshape(len(x.data), -1)

        def back(g):
            w.grad += g.T @ flat
            b.grad += g.sum(0)
            x.grad += (g @ w.data).reshape(x.data.shape)
        return self.add(flat @ w.data.T + b.data, back)

    def letter(self, codes):
        table = self.tensors["embedding.weight"]

        def back(g):
            np.add.at(table.grad, codes, g)
        return self.add(table.data[codes], back)

    def gru(self, x, h):
        wi, wh, bi, bh = (self.tensors[f"gru.{t}_l0"] for t in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        a = x.data @ wi.data.T + bi.data
        p = h.data @ wh.data.T + bh.data
        u = h.data.shape[1]
        r, z = (1 / (1 + np.exp(-(a[:, k * u:k * u + u] + p[:, k * u:k * u + u]))) for k in (0, 1))
        n = np.tanh(a[:, 2 * u:] + r * p[:, 2 * u:])

        def back(g):
            dn = g * (1 - z) * (1 - n * n)
            dz = g * (h.data - n) * z * (1 - z)
            dr = dn * p[:, 2 * u:] * r * (1 - r)
            da, dp = np.hstack([dr, dz, dn]), np.hstack([dr, dz, dn * r])
            wi.grad += da.T @ x.data
            wh.grad += dp.T @ h.data
            bi.grad += da.sum(0)
            bh.grad += dp.sum(0)
            x.grad += da @ wi.data
            h.grad += g * z + dp @ wh.data
        return self.add((1 - z) * n + z * h.data, back)


def logits(tape, kind, x):
    if kind == "cnn":
        for name in ("conv1", "conv2"):
            x = tape.pool(tape.relu(tape.conv(x, name, 2)))
        return tape.dense(tape.relu(tape.dense(x, "fc1")), "fc2")
    if kind == "lenet":
        for name in ("conv1", "conv2"):
            x = tape.pool(tape.relu(tape.conv(x, name, 0)))
        return tape.dense(tape.relu(tape.dense(tape.relu(tape.dense(x, "fc1")), "fc2")), "fc3")
    if kind == "small-cnn":
        for n in "12":
            x = tape.pool(tape.relu(tape.norm(tape.conv(x, f"conv{n}", 1), f"bn{n}")))
        return tape.dense(x, "fc")
    if kind == "resnet":
        x = tape.relu(tape.norm(tape.conv(x, "conv1", 1), "bn1"))
        for stage in (1, 2, 3):
            name, block = f"layer{stage}.0", 0
            while f"{name}.conv1.weight" in tape.tensors:
                stride = 2 if stage > 1 and block == 0 else 1
                y = tape.relu(tape.norm(tape.conv(x, f"{name}.conv1", 1, stride), f"{name}.bn1"))
                y = tape.norm(tape.conv(y, f"{name}.conv2", 1), f"{name}.bn2")
                if f"{name}.downsample.0.weight" in tape.tensors:
                    x = tape.norm(tape.conv(x, f"{name}.downsample.0", 0, stride), f"{name}.downsample.1")
                x = tape.relu(tape.sum(y, x))
                block += 1
                name = f"layer{stage}.{block}"
        return tape.dense(tape.mean(x), "fc")
    state = Value(np.zeros((len(x.data), tape.tensors["gru.weight_hh_l0"].data.shape[1])))
    for position in range(x.data.shape[1]):
        state = tape.gru(tape.letter(x.data[:, position].astype(int)), state)
    return tape.dense(state, "fc")


def run(case, tensors, x, y, training):
    """The loss; the gradients lie in the values."""
    tape = Tape(tensors, training)
    for value in [x, *tensors.values()]:
        value.grad = np.zeros_like(value.data)
    z = logits(tape, case["kind"], x)
    e = np.exp(z.data - z.data.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    rows = np.arange(len(y))
    z.grad = p.copy()
    z.grad[rows, y] -= 1
    z.grad /= len(y)
    tape.backward()
    return -np.log(p[rows, y]).mean()


def spread(count, offset):
    i = np.arange(count)
    return ((i * 61 + i // 7 * 29 + offset * 17) % 127 - 63) / 64


def start(position, name, shape):
    v = spread(int(np.prod(shape)), position).reshape(shape)
    scale = 1.0
    while scale * scale * (np.prod(shape[1:]) if len(shape) > 1 else 16) > 4:
        scale /= 2
    if name.endswith("running_var") or ("bn" in name or "downsample.1" in name) and name.endswith("weight"):
        return 1 + v / 4
    return v / 8 if len(shape) == 1 else v * scale


def picks(values, most):
    return values.ravel()[::max(1, -(-values.size // most))]


def check(case):
    names = [t["name"] for t in case["tensors"]]
    fresh = [start(k, t["name"], t["shape"]) for k, t in enumerate(case["tensors"])]
    shape, rows = case["input"], case["rows"]
    count = rows * int(np.prod(shape))
    if case["kind"] == "gru":
        i = np.arange(count)
        x = Value(((i * 5 + i // 3 * 2) % case["settings"]["vocabulary"]).reshape(rows, -1).astype(float))
    else:
        x = Value(spread(count, 3).reshape(rows, *([1] if len(shape) == 2 else []), *shape))
    y = np.arange(rows) * 2 % case["classes"]
    worst = 0.0

    def compare(found, expected):
        nonlocal worst
        found, expected = np.atleast_1d(found), np.atleast_1d(expected)
        assert found.shape == expected.shape, (found.shape, expected.shape)
        if expected.size:
            worst = max(worst, float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-12)))

    def make():
        return {n: Value(t.copy()) for n, t in zip(names, fresh)}

    for key, training in (("training_gradient", True), ("evaluation_gradient", False)):
        run(case, make(), x, y, training)
        compare([] if case["kind"] == "gru" else picks(x.grad, 60), case[key])
    tensors = make()
    compare(run(case, tensors, x, y, False) * rows, case["first_evaluation"])
    velocity = {n: 0.0 for n in names}
    for expected in case["losses"]:
        compare(run(case, tensors, x, y, True), expected)
        for n in names:
            if "running" not in n:
                velocity[n] = 0.9 * velocity[n] + tensors[n].grad + 0.01 * tensors[n].data
                tensors[n].data = tensors[n].data - 0.125 * velocity[n]
    compare(run(case, tensors, x, y, False) * rows, case["evaluation"])
    for k, t in enumerate(case["tensors"]):
        compare(picks(tensors[t["name"]].data - fresh[k], 24), t["delta"])
    print(f"{case['kind']:10} {case['input']}: largest relative difference {worst:.1e}")
    return worst


path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "networks.json")
with open(path) as file:
    sys.exit(max(check(case) for case in json.load(file)) > 1e-8)
