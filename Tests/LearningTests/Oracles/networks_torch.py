# SPDX-License-Identifier: Apache-2.0
"""The built-in models as PyTorch modules, with the tensors' names of PyTorch."""
import torch
from torch import nn


class MLP(nn.Module):
    def __init__(self, inputs, classes, hidden):
        super().__init__()
        self.count = len(hidden) + 1
        widths = [inputs, *hidden, classes]
        for k in range(self.count):
            setattr(self, f"layer{k + 1}", nn.Linear(widths[k], widths[k + 1]))

    def forward(self, x):
        x = x.flatten(1)
        for k in range(1, self.count):
            x = torch.relu(getattr(self, f"layer{k}")(x))
        return getattr(self, f"layer{self.count}")(x)


class CNN(nn.Module):
    def __init__(self, shape, classes, width, dense):
        super().__init__()
        c, h, w = shape
        self.conv1 = nn.Conv2d(c, width, 5, padding=2)
        self.conv2 = nn.Conv2d(width, 2 * width, 5, padding=2)
        self.fc1 = nn.Linear(2 * width * (h // 4) * (w // 4), dense)
        self.fc2 = nn.Linear(dense, classes)

    def forward(self, x):
        for conv in (self.conv1, self.conv2):
            x = nn.functional.max_pool2d(torch.relu(conv(x)), 2)
        return self.fc2(torch.relu(self.fc1(x.flatten(1))))


class LeNet(nn.Module):
    def __init__(self, shape, classes, width):
        super().__init__()
        c, h, w = shape
        last = width * 8 // 3
        h, w = ((((n - 4) // 2) - 4) // 2 for n in (h, w))
        self.conv1 = nn.Conv2d(c, width, 5)
        self.conv2 = nn.Conv2d(width, last, 5)
        self.fc1 = nn.Linear(last * h * w, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, classes)

    def forward(self, x):
        for conv in (self.conv1, self.conv2):
            x = nn.functional.max_pool2d(torch.relu(conv(x)), 2)
        return self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(x.flatten(1))))))


class SmallCNN(nn.Module):
    def __init__(self, shape, classes, width):
        super().__init__()
        c, h, w = shape
        self.conv1 = nn.Conv2d(c, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, 2 * width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(2 * width)
        self.fc = nn.Linear(2 * width * (h // 4) * (w // 4), classes)

    def forward(self, x):
        x = nn.functional.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 2)
        x = nn.functional.max_pool2d(torch.relu(self.bn2(self.conv2(x))), 2)
        return self.fc(x.flatten(1))


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    def __init__(self, shape, classes, width, depth):
        super().__init__()
        self.conv1 = nn.Conv2d(shape[0], width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        inputs, count = width, (depth - 2) // 6
        for stage in range(3):
            outputs = width << stage
            blocks = []
            for block in range(count):
                blocks.append(Block(inputs, outputs, 2 if stage and not block else 1))
                inputs = outputs
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        return self.fc(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


class GRU(nn.Module):
    def __init__(self, vocabulary, classes, embedding, width):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.gru = nn.GRU(embedding, width, batch_first=True)
        self.fc = nn.Linear(width, classes)

    def forward(self, x):
        return self.fc(self.gru(self.embedding(x))[0][:, -1])


def make(kind, shape, classes, hidden, settings):
    """A model as `model` in a job file says; `shape` is that of a sample."""
    def size(key, standard):
        return int(settings.get(key, standard))

    image = ([1] if len(shape) == 2 else []) + list(shape)
    if kind in ("softmax", "mlp"):
        count = 1
        for extent in shape:
            count *= extent
        return MLP(count, classes, hidden if kind == "mlp" else [])
    if kind == "cnn":
        return CNN(image, classes, size("width", 32), size("dense", 512))
    if kind == "lenet":
        return LeNet(image, classes, size("width", 6))
    if kind == "small-cnn":
        return SmallCNN(image, classes, size("width", 8))
    if kind == "resnet":
        return ResNet(image, classes, size("width", 16), size("depth", 8))
    if kind == "gru":
        return GRU(size("vocabulary", classes), classes, size("embedding", 8), size("width", 128))
    raise ValueError(f"unknown kind {kind}")
