#!/usr/bin/env python3
"""Networks trained from scratch in PyTorch, written from their definition alone under the published names: an independent
check of `nat train`, and what it is timed against.

    python3 bench/torch_network.py check FOLDER
    python3 bench/torch_network.py time [--genotype FILE] [--threads 2] [--batch 96] [--channels 36] [--layers 20] [--repeat 3]

check trains as FOLDER says: settings.json (genotype, channels, layers, classes, momentum, weight_decay, grad_clip, auxiliary,
and the learning rate of each step), network.pt with the weights to start from, batches.pt with images and labels. It prints
the loss of each step, loads trained.pt, and writes what that gives for the last batch in evaluation mode to logits.pt. time
prints one JSON object with the mean seconds of a training step of DARTS, drop-path included. Needs torch.
"""
import argparse
import collections
import json
import os
import statistics
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

Genotype = collections.namedtuple("Genotype", "normal normal_concat reduce reduce_concat")
DARTS = ("Genotype(normal=[('sep_conv_3x3', 0, 2), ('sep_conv_3x3', 1, 2), ('sep_conv_3x3', 0, 3), ('sep_conv_3x3', 1, 3), "
         "('sep_conv_3x3', 1, 4), ('skip_connect', 0, 4), ('skip_connect', 0, 5), ('dil_conv_3x3', 2, 5)], "
         "normal_concat=[2, 3, 4, 5], reduce=[('max_pool_3x3', 0, 2), ('max_pool_3x3', 1, 2), ('skip_connect', 2, 3), "
         "('max_pool_3x3', 1, 3), ('max_pool_3x3', 0, 4), ('skip_connect', 2, 4), ('skip_connect', 2, 5), "
         "('max_pool_3x3', 1, 5)], reduce_concat=[2, 3, 4, 5])")


def genotype(text):
    return eval(text, {"__builtins__": {}, "Genotype": Genotype})


class Op(nn.Module):
    """Layers in sequence, numbered within `op`."""

    def __init__(self, *layers):
        super().__init__()
        self.op = nn.Sequential(*layers)

    def forward(self, x):
        return self.op(x)


class Zeros(nn.Module):
    def __init__(self, stride):
        super().__init__()
        self.stride = stride

    def forward(self, x):
        return torch.zeros_like(x[:, :, ::self.stride, ::self.stride])


class FactorizedReduce(nn.Module):
    def __init__(self, before, after):
        super().__init__()
        self.conv_1 = nn.Conv2d(before, after // 2, 1, 2, bias=False)
        self.conv_2 = nn.Conv2d(before, after - after // 2, 1, 2, bias=False)
        self.bn = nn.BatchNorm2d(after)

    def forward(self, x):
        x = F.relu(x)
        if x.shape[2] % 2:
            x = F.pad(x, (1, 0, 1, 0))
        return self.bn(torch.cat([self.conv_1(x), self.conv_2(x[:, :, 1:, 1:])], 1))


def relu_conv_norm(before, after):
    return Op(nn.ReLU(), nn.Conv2d(before, after, 1, bias=False), nn.BatchNorm2d(after))


def separable(channels, k, stride, dilation=1):
    return [nn.ReLU(), nn.Conv2d(channels, channels, k, stride, dilation * (k - 1) // 2, dilation, channels, bias=False),
            nn.Conv2d(channels, channels, 1, bias=False), nn.BatchNorm2d(channels)]


def operation(name, channels, stride):
    kind, k = name.split("_")[0], int(name[-1]) if name[-1].isdigit() else 0
    if kind == "max":
        return nn.MaxPool2d(k, stride, (k - 1) // 2)
    if kind == "avg":
        return nn.AvgPool2d(k, stride, (k - 1) // 2, count_include_pad=False)
    if name.count("x") == 2:  # a pair: 1×k, then k×1
        k = int(max(name.split("_")[1]))
        return nn.Sequential(nn.ReLU(), nn.Conv2d(channels, channels, (1, k), (1, stride), (0, k // 2), bias=False),
                             nn.Conv2d(channels, channels, (k, 1), (stride, 1), (k // 2, 0), bias=False), nn.BatchNorm2d(channels))
    if kind == "conv":
        return Op(nn.ReLU(), nn.Conv2d(channels, channels, k, stride, k // 2, bias=False), nn.BatchNorm2d(channels))
    if kind == "sep":
        return Op(*separable(channels, k, stride), *separable(channels, k, 1))
    if kind == "dil":
        return Op(*separable(channels, k, stride, 2))
    if kind == "skip":
        return nn.Identity() if stride == 1 else FactorizedReduce(channels, channels)
    if kind in ("null", "none"):
        return Zeros(stride)
    raise ValueError(name)


class Cell(nn.Module):
    def __init__(self, edges, concat, before, last, channels, reduce, reduced):
        super().__init__()
        self.edges, self.concat = edges, list(concat)
        self.preprocess0 = FactorizedReduce(before, channels) if reduced else relu_conv_norm(before, channels)
        self.preprocess1 = relu_conv_norm(last, channels)
        self._ops = nn.ModuleList(operation(op, channels, 2 if reduce and f < 2 else 1) for op, f, _ in edges)

    def forward(self, before, last, drop):
        states = [self.preprocess0(before), self.preprocess1(last)]
        for i in range(0, len(self.edges), 2):
            total = 0
            for (_, f, _), op in zip(self.edges[i:i + 2], self._ops[i:i + 2]):
                y = op(states[f])
                if drop > 0 and self.training and not isinstance(op, nn.Identity):
                    y = y * (torch.rand(len(y), 1, 1, 1) >= drop).float() / (1 - drop)
                total = total + y
            states.append(total)
        return torch.cat([states[t] for t in self.concat], 1)


class Head(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        self.features = nn.Sequential(nn.ReLU(), nn.AvgPool2d(5, 3), nn.Conv2d(channels, 128, 1, bias=False), nn.BatchNorm2d(128),
                                      nn.ReLU(), nn.Conv2d(128, 768, 2, bias=False), nn.BatchNorm2d(768), nn.ReLU())
        self.classifier = nn.Linear(768, classes)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


class Network(nn.Module):
    def __init__(self, g, channels, layers, classes):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 3 * channels, 3, padding=1, bias=False), nn.BatchNorm2d(3 * channels))
        before = last = 3 * channels
        self.cells, reduced = nn.ModuleList(), False
        for i in range(layers):
            reduce = i in (layers // 3, 2 * layers // 3)
            channels *= 2 if reduce else 1
            edges, concat = (g.reduce, g.reduce_concat) if reduce else (g.normal, g.normal_concat)
            self.cells.append(Cell(edges, concat, before, last, channels, reduce, reduced))
            before, last, reduced = last, len(list(concat)) * channels, reduce
            if i == 2 * layers // 3:
                self.auxiliary_head = Head(last, classes)
        self.classifier = nn.Linear(last, classes)

    def forward(self, x, drop=0.0):
        before = last = self.stem(x)
        head = None
        for i, cell in enumerate(self.cells):
            before, last = last, cell(before, last, drop)
            if i == 2 * len(self.cells) // 3 and self.training:
                head = self.auxiliary_head(last)
        return self.classifier(last.mean((2, 3))), head


def step(net, optimizer, x, y, auxiliary, clip, drop=0.0):
    optimizer.zero_grad(set_to_none=True)
    logits, head = net(x, drop)
    loss = F.cross_entropy(logits, y) + auxiliary * F.cross_entropy(head, y)
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), clip)
    optimizer.step()
    return loss.item()


def check(folder):
    path = lambda name: os.path.join(folder, name)
    with open(path("settings.json")) as f:
        s = json.load(f)
    net = Network(genotype(s["genotype"]), s["channels"], s["layers"], s["classes"])
    net.load_state_dict(torch.load(path("network.pt")), strict=False)
    optimizer = torch.optim.SGD(net.parameters(), 1, momentum=s["momentum"], weight_decay=s["weight_decay"])
    batches = torch.load(path("batches.pt"))
    images, labels = batches["images"], batches["labels"].long()
    size = len(images) // len(s["rates"])
    for i, rate in enumerate(s["rates"]):
        optimizer.param_groups[0]["lr"] = rate
        part = slice(i * size, (i + 1) * size)
        print(step(net, optimizer, images[part], labels[part], s["auxiliary"], s["grad_clip"]))
    state = torch.load(path("trained.pt"))
    counters = {name for name in net.state_dict() if name.endswith("num_batches_tracked")}
    missing = net.load_state_dict(state, strict=False)
    assert not missing.unexpected_keys and set(missing.missing_keys) <= counters, missing
    net.eval()
    with torch.no_grad():
        torch.save({"logits": net(images[-size:])[0]}, path("logits.pt"))


def measure(a):
    torch.set_num_threads(a.threads)
    torch.manual_seed(1)
    net = Network(genotype(open(a.genotype).read() if a.genotype else DARTS), a.channels, a.layers, 10)
    optimizer = torch.optim.SGD(net.parameters(), 0.025, momentum=0.9, weight_decay=3e-4)
    x, y = torch.randn(a.batch, 3, 32, 32), torch.randint(0, 10, (a.batch,))
    times = []
    for _ in range(a.repeat + 1):
        start = time.perf_counter()
        step(net, optimizer, x, y, 0.4, 5, 0.1)
        times.append(time.perf_counter() - start)
    mean = statistics.mean(times[1:])  # the first is for warming up
    print(json.dumps(dict(torch=torch.__version__, threads=a.threads, batch=a.batch, step_s=round(mean, 4), images_per_s=round(a.batch / mean, 2))))


def main():
    p = argparse.ArgumentParser()
    kinds = p.add_subparsers(dest="what", required=True)
    kinds.add_parser("check").add_argument("folder")
    t = kinds.add_parser("time")
    t.add_argument("--genotype")
    for name, default in dict(threads=2, batch=96, channels=36, layers=20, repeat=3).items():
        t.add_argument("--" + name, type=int, default=default)
    a = p.parse_args()
    check(a.folder) if a.what == "check" else measure(a)


main()
