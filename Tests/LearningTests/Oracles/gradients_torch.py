# SPDX-License-Identifier: Apache-2.0
"""Gradients by PyTorch's autograd: float64 for the models that a folder describes.

For each NAME.json of the folder in the only argument there is NAME.f32 with the parameters in the order of `tensors`
and the batch's features. Writes NAME.f64: the mean cross-entropy and its gradient, zero for statistics. The model
trains: batch norm uses the batch's statistics; dropout is off.
"""
import json
import pathlib
import sys
import numpy
import torch
from networks_torch import make

torch.set_default_dtype(torch.float64)


def run(path):
    case = json.loads(path.read_text())
    values = torch.from_numpy(numpy.fromfile(path.with_suffix(".f32"), dtype="<f4").astype("float64"))
    model = make(case["kind"], case["input"], case["classes"], case["hidden"], case["settings"])
    model.train()
    state = {n: t for n, t in model.state_dict().items() if not n.endswith("num_batches_tracked")}
    shapes = {n: list(t.shape) for n, t in state.items()}
    assert shapes == case["tensors"] and list(shapes) == list(case["tensors"]), (shapes, case["tensors"])
    place = 0
    with torch.no_grad():
        for tensor in state.values():
            tensor.copy_(values[place:place + tensor.numel()].reshape(tensor.shape))
            place += tensor.numel()
    x = values[place:].reshape(len(case["labels"]), *([1] if len(case["input"]) == 2 else []), *case["input"])
    if case["kind"] == "gru":
        x = x.to(torch.int64)
    loss = torch.nn.functional.cross_entropy(model(x), torch.tensor(case["labels"]))
    loss.backward()
    gradients = {n: p.grad.flatten() for n, p in model.named_parameters()}
    parts = [loss.detach().reshape(1)]
    parts += [gradients.get(n, torch.zeros(t.numel())) for n, t in state.items()]
    torch.cat(parts).numpy().astype("<f8").tofile(path.with_suffix(".f64"))


for description in sorted(pathlib.Path(sys.argv[1]).glob("*.json")):
    run(description)
