# SPDX-License-Identifier: Apache-2.0
"""Steps of small layered networks in float64 PyTorch, written to networks.json beside this file.

Parameters and inputs follow from formulas that NetworkOracleTests.swift repeats. Each network makes three SGD steps on
one batch (learning rate 0.125, momentum 0.9, weight decay 0.01), then evaluates. Kept are the tensors' names and
shapes, the losses, samples of the change of each tensor, and the gradient with respect to the input, training and
evaluating.
"""
import json
import os
import torch
from torch import nn
from networks_torch import CNN, GRU, LeNet, ResNet, SmallCNN

torch.set_default_dtype(torch.float64)


def spread(count, offset):
    """Numbers between -1 and 1 that every float holds exactly."""
    i = torch.arange(count, dtype=torch.int64)
    return ((i * 61 + (i // 7) * 29 + offset * 17) % 127 - 63).to(torch.float64) / 64


def fill(model):
    tensors = [(n, t) for n, t in model.state_dict().items() if not n.endswith("num_batches_tracked")]
    for k, (name, t) in enumerate(tensors):
        v = spread(t.numel(), k).reshape(t.shape)
        fan = t[0].numel() if t.dim() > 1 else 16
        scale = 1.0
        while scale * scale * fan > 4:
            scale /= 2
        if name.endswith("running_var") or ("bn" in name or "downsample.1" in name) and name.endswith("weight"):
            v = 1 + v / 4
        elif t.dim() == 1:
            v = v / 8
        else:
            v = v * scale
        t.copy_(v)
    return tensors


def picks(count, most=24):
    return list(range(0, count, max(1, -(-count // most))))


CASES = [
    ("cnn", dict(width=16, dense=12), [9, 10], 3, 5, lambda: CNN((1, 9, 10), 3, 16, 12)),
    ("cnn", dict(width=32, dense=10), [3, 8, 8], 4, 3, lambda: CNN((3, 8, 8), 4, 32, 10)),
    ("cnn", dict(width=5, dense=7), [8, 11], 3, 4, lambda: CNN((1, 8, 11), 3, 5, 7)),
    ("lenet", dict(width=6), [18, 20], 5, 4, lambda: LeNet((1, 18, 20), 5, 6)),
    ("lenet", dict(width=9), [3, 17, 16], 3, 3, lambda: LeNet((3, 17, 16), 3, 9)),
    ("small-cnn", dict(width=4, dropout=0), [2, 9, 8], 3, 6, lambda: SmallCNN((2, 9, 8), 3, 4)),
    ("small-cnn", dict(width=8, dropout=0), [12, 12], 5, 4, lambda: SmallCNN((1, 12, 12), 5, 8)),
    ("resnet", dict(width=4, depth=8), [3, 9, 8], 3, 6, lambda: ResNet((3, 9, 8), 3, 4, 8)),
    ("resnet", dict(width=16, depth=8), [8, 8], 4, 5, lambda: ResNet((1, 8, 8), 4, 16, 8)),
    ("gru", dict(vocabulary=11, embedding=5, width=9), [7], 6, 5, lambda: GRU(11, 6, 5, 9)),
    ("gru", dict(vocabulary=20, embedding=8, width=16), [12], 20, 6, lambda: GRU(20, 20, 8, 16)),
]


def run(kind, settings, shape, classes, rows, make):
    model = make()
    with torch.no_grad():
        tensors = fill(model)
        start = [t.clone() for _, t in tensors]
    count = rows
    for extent in shape:
        count *= extent
    if kind == "gru":
        i = torch.arange(count)
        x = ((i * 5 + (i // 3) * 2) % settings["vocabulary"]).reshape(rows, shape[0])
    else:
        x = spread(count, 3).reshape(rows, *([1] if len(shape) == 2 else []), *shape)
    y = torch.arange(rows) * 2 % classes

    def input_gradient():
        if kind == "gru":
            return []
        model.zero_grad()
        buffers = [(b, b.clone()) for b in model.buffers()]
        v = x.clone().requires_grad_()
        nn.functional.cross_entropy(model(v), y).backward()
        with torch.no_grad():
            for b, kept in buffers:
                b.copy_(kept)
        flat = v.grad.flatten()
        return [flat[k].item() for k in picks(len(flat), 60)]

    model.train()
    training_gradient = input_gradient()
    model.eval()
    evaluation_gradient = input_gradient()
    with torch.no_grad():
        first_evaluation = nn.functional.cross_entropy(model(x), y, reduction="sum").item()
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.125, momentum=0.9, weight_decay=0.01)
    losses = []
    for _ in range(3):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        evaluation = nn.functional.cross_entropy(model(x), y, reduction="sum").item()
        deltas = [(t - s).flatten() for (_, t), s in zip(tensors, start)]
    return dict(
        kind=kind, settings=settings, input=shape, classes=classes, rows=rows,
        tensors=[dict(name=n, shape=list(t.shape), scale=max_abs(s), delta=[d[k].item() for k in picks(len(d))])
                 for (n, t), s, d in zip(tensors, start, deltas)],
        losses=losses, first_evaluation=first_evaluation, evaluation=evaluation,
        training_gradient=training_gradient, evaluation_gradient=evaluation_gradient)


def max_abs(t):
    """The largest start value, to notice a formula that has come apart."""
    return t.abs().max().item()


def rounded(value):
    if isinstance(value, float):
        return float(f"{value:.10g}")
    if isinstance(value, list):
        return [rounded(v) for v in value]
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    return value


path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "networks.json")
with open(path, "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(rounded(run(*case))) for case in CASES) + "\n]\n")
