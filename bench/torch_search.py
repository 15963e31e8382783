#!/usr/bin/env python3
"""The method in PyTorch, written from its definitions alone: an independent check of what an epoch of `nat search` does.

    python3 bench/torch_search.py --data DIR [--op-type loose-end] [--channels 8] [--epochs 1] [--seed 1]

DIR is CIFAR-10's binary layout. Prints one JSON object an epoch with the statistics that `nat search` logs: both programs
draw from streams of their own, so these agree as two seeds of one program do, not digit by digit. Needs torch and numpy.
"""
import argparse
import json
import os
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

PRIMITIVES = ("max_pool_3x3 max_pool_5x5 avg_pool_3x3 avg_pool_5x5 skip_connect sep_conv_3x3 sep_conv_5x5 dil_conv_3x3 "
              "dil_conv_5x5 conv_1x1 conv_3x3 conv_5x5 null").split()
NULL = PRIMITIVES.index("null")
RANK = {"conv": 5, "sep": 4, "dil": 3, "max": 2, "avg": 2, "skip": 1, "null": 0}


def kernel_size(name):
    return int(name[-1]) if name[-1].isdigit() else 0


def may_become(a, b):
    rank = RANK[a.split("_")[0]], RANK[b.split("_")[0]]
    if rank[1] <= 1:
        return True
    if rank[0] < rank[1] or (rank[0] > rank[1] and kernel_size(a) == 1):
        return False
    return kernel_size(b) <= kernel_size(a)


ALLOWED = torch.tensor([[may_become(a, b) for b in PRIMITIVES] for a in PRIMITIVES])


class FactorizedReduce(nn.Module):
    def __init__(self, before, after):
        super().__init__()
        self.left = nn.Conv2d(before, after // 2, 1, 2, bias=False)
        self.right = nn.Conv2d(before, after // 2, 1, 2, bias=False)
        self.norm = nn.BatchNorm2d(after, affine=False)

    def forward(self, x):
        x = F.relu(x)
        if x.shape[2] % 2:
            x = F.pad(x, (1, 0, 1, 0))
        return self.norm(torch.cat([self.left(x), self.right(x[:, :, 1:, 1:])], 1))


def relu_conv_norm(before, after):
    return nn.Sequential(nn.ReLU(), nn.Conv2d(before, after, 1, bias=False), nn.BatchNorm2d(after, affine=False))


def separable(channels, k, stride, dilation=1):
    return [nn.ReLU(), nn.Conv2d(channels, channels, k, stride, dilation * (k - 1) // 2, dilation, channels, bias=False),
            nn.Conv2d(channels, channels, 1, bias=False), nn.BatchNorm2d(channels, affine=False)]


def operation(name, channels, stride):
    k = kernel_size(name)
    kind = name.split("_")[0]
    norm = nn.BatchNorm2d(channels, affine=False)
    if kind == "max":
        return nn.Sequential(nn.MaxPool2d(k, stride, k // 2), norm)
    if kind == "avg":
        return nn.Sequential(nn.AvgPool2d(k, stride, k // 2, count_include_pad=False), norm)
    if kind == "conv":
        return nn.Sequential(nn.ReLU(), nn.Conv2d(channels, channels, k, stride, k // 2, bias=False), norm)
    if kind == "sep":
        return nn.Sequential(*separable(channels, k, stride), *separable(channels, k, 1))
    if kind == "dil":
        return nn.Sequential(*separable(channels, k, stride, 2))
    return nn.Identity() if stride == 1 else FactorizedReduce(channels, channels)


class Cell(nn.Module):
    def __init__(self, nodes, before, last, channels, reduce, reduced, loose_end):
        super().__init__()
        self.loose_end = loose_end
        self.first = FactorizedReduce(before, channels) if reduced else relu_conv_norm(before, channels)
        self.second = relu_conv_norm(last, channels)
        self.edges = nn.ModuleDict({f"{f}-{t}": nn.ModuleList(operation(p, channels, 2 if reduce and f < 2 else 1)
                                                             for p in PRIMITIVES[:NULL])
                                    for t in range(2, nodes + 2) for f in range(t)})

    def forward(self, before, last, arch):
        states = [self.first(before), self.second(last)]
        half = states[0][:, :, ::2, ::2]
        for t in range(2, len(arch) // 2 + 2):
            total = 0
            for op, f, _ in arch[2 * t - 4:2 * t - 2]:
                if op != NULL:
                    total = total + self.edges[f"{f}-{t}"][op](states[f])
            if isinstance(total, int):  # both edges are null; the other nodes tell the size
                shape = next((s for s in states[2:]), None)
                total = torch.zeros_like(shape if shape is not None else (half if self.stride() == 2 else states[0]))
            states.append(total)
        used = {f for _, f, _ in arch}
        outputs = [s * 0 if self.loose_end and i + 2 in used else s for i, s in enumerate(states[2:])]
        return torch.cat(outputs, 1)

    def stride(self):
        first = next(iter(self.edges.values()))
        return 1 if isinstance(first[PRIMITIVES.index("skip_connect")], nn.Identity) else 2


class Supernet(nn.Module):
    def __init__(self, channels, layers, nodes, loose_end):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 3 * channels, 3, padding=1, bias=False), nn.BatchNorm2d(3 * channels))
        before = last = 3 * channels
        self.reductions, reduced, self.cells = (layers // 3, 2 * layers // 3), False, nn.ModuleList()
        for i in range(layers):
            reduce = i in self.reductions
            channels *= 2 if reduce else 1
            self.cells.append(Cell(nodes, before, last, channels, reduce, reduced, loose_end))
            before, last, reduced = last, nodes * channels, reduce
        self.classifier = nn.Linear(last, 10)
        for m in self.modules():
            if isinstance(m, (nn.Conv2d, nn.Linear)):
                bound = m.weight[0].numel() ** -0.5
                nn.init.uniform_(m.weight, -bound, bound)
                if m.bias is not None:
                    nn.init.uniform_(m.bias, -bound, bound)

    def forward(self, x, arch):
        before = last = self.stem(x)
        for i, cell in enumerate(self.cells):
            before, last = last, cell(before, last, arch[i in self.reductions])
        return self.classifier(last.mean((2, 3)))


class Transformer(nn.Module):
    def __init__(self, embedding=100, features=1024, hidden=100):
        super().__init__()
        self.inputs, self.operations = nn.Embedding(2, 2 * embedding), nn.Embedding(13, embedding)
        self.linear, self.out = nn.Linear(2 * embedding, features), nn.Linear(hidden, 26)
        uniform = lambda *shape: nn.Parameter(torch.empty(shape).uniform_(-hidden ** -0.5, hidden ** -0.5))
        self.w1, self.b1, self.w2, self.b2 = uniform(features, hidden), uniform(hidden), uniform(hidden, hidden), uniform(hidden)

    def forward(self, arch):
        """Log-probability of a drawn transformation, its edges, and the entropy."""
        nodes = len(arch) // 2
        adjacency = torch.zeros(nodes + 2, nodes + 2)
        for _, f, t in arch:
            adjacency[t, f] += 1
        ops = torch.tensor([op for op, _, _ in arch])
        rows = torch.cat([self.inputs.weight, self.operations(ops).view(nodes, -1)])
        h = F.relu(adjacency @ (self.linear(rows) @ self.w1) + self.b1)
        logits = self.out((adjacency @ (h @ self.w2) + self.b2)[2:]).view(2 * nodes, 13)
        allowed = ALLOWED[ops]
        p = torch.where(allowed, F.softmax(logits.masked_fill(~allowed, -1e30), 1) + 1e-5, torch.zeros(()))
        chosen = torch.multinomial(p.detach(), 1)[:, 0]
        log_p = p.gather(1, chosen[:, None]).log().sum()
        entropy = -(p * torch.where(allowed, p, torch.ones(())).log()).sum()
        return log_p, entropy, [(int(o), f, t) for o, (_, f, t) in zip(chosen, arch)]


def draw_cell(random, nodes):
    return [(int(random.integers(NULL)), int(random.integers(t)), t) for t in range(2, nodes + 2) for _ in range(2)]


def draw(random, nodes):
    return draw_cell(random, nodes), draw_cell(random, nodes)


def load(folder):
    data = np.concatenate([np.fromfile(os.path.join(folder, f"data_batch_{i}.bin"), np.uint8) for i in range(1, 6)])
    data = data.reshape(-1, 3073)
    return torch.from_numpy(data[:, 1:].reshape(-1, 3, 32, 32).copy()), torch.from_numpy(data[:, 0].astype(np.int64))


def batches(random, images, labels, which, size):
    mean = torch.tensor([0.49139968, 0.48215827, 0.44653124]).view(3, 1, 1)
    std = torch.tensor([0.24703233, 0.24348505, 0.26158768]).view(3, 1, 1)
    which = random.permutation(which)
    for start in range(0, len(which), size):
        index = which[start:start + size]
        x = F.pad((images[index] / 255 - mean) / std, (4, 4, 4, 4), value=float("nan"))
        black = ((0 - mean) / std).expand_as(x[0])  # the padding is black before normalisation
        x = torch.where(x.isnan(), black, x)
        out = []
        for image in x:
            i, j = random.integers(9, size=2)
            crop = image[:, i:i + 32, j:j + 32]
            out.append(crop.flip(2) if random.integers(2) else crop)
        yield torch.stack(out), labels[index]


def accuracy(logits, labels):
    return (logits.argmax(1) == labels).float().mean().item()


def train_weights(net, optimizer, random, nodes, loader):
    loss_sum = correct = count = 0
    for x, y in loader:
        optimizer.zero_grad(set_to_none=True)
        logits = net(x, draw(random, nodes))
        loss = F.cross_entropy(logits, y)
        loss.backward()
        optimizer.step()
        loss_sum, correct, count = loss_sum + loss.item() * len(y), correct + accuracy(logits, y) * len(y), count + len(y)
    return dict(loss=loss_sum / count, accuracy=correct / count)


def train_policy(net, policy, optimizer, random, nodes, loader, baseline):
    rewards, entropies, before, after, kinds = [], [], [], [], np.zeros(13)
    for x, y in loader:
        beta = draw(random, nodes)
        (log1, entropy1, normal), (log2, entropy2, reduce) = policy(beta[0]), policy(beta[1])
        with torch.no_grad():
            a, b = accuracy(net(x, beta), y), accuracy(net(x, (normal, reduce)), y)
        reward = b - a
        loss = -(log1 + log2) * (reward - baseline) - 0.003 * (entropy1 + entropy2)
        baseline = 0.99 * baseline + 0.01 * reward
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        for op, _, _ in normal + reduce:
            kinds[op] += 1
        rewards.append(reward), before.append(a), after.append(b), entropies.append((entropy1.item(), entropy2.item()))
    e = np.array(entropies)
    share = kinds / kinds.sum()
    return dict(reward=float(np.mean(rewards)), reward_std=float(np.std(rewards)), input_accuracy=float(np.mean(before)),
                output_accuracy=float(np.mean(after)), entropy_normal=float(e[:, 0].mean()), entropy_reduce=float(e[:, 1].mean()),
                entropy_last=float(e[-50:].sum(1).mean()), skip_share=float(share[4]), null_share=float(share[NULL])), baseline


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--data", required=True)
    p.add_argument("--op-type", default="fully-concat", choices=["fully-concat", "loose-end"])
    for name, default in dict(channels=8, layers=8, epochs=1, seed=1, batch=64, threads=2, images=50000).items():
        p.add_argument("--" + name, type=int, default=default)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    random = np.random.default_rng(a.seed)
    nodes = 5 if a.op_type == "loose-end" else 4
    images, labels = load(a.data)
    order = random.permutation(a.images)
    w_part, theta_part = order[:int(0.4 * a.images)], order[int(0.4 * a.images):]
    net, policy = Supernet(a.channels, a.layers, nodes, a.op_type == "loose-end"), Transformer()
    sgd = torch.optim.SGD(net.parameters(), 0.01, momentum=0.9, weight_decay=3e-4)
    adam = torch.optim.Adam(policy.parameters(), 3e-4, betas=(0.5, 0.999), weight_decay=5e-4)
    baseline = 0.0
    for epoch in range(a.epochs):
        start = time.time()
        w = train_weights(net, sgd, random, nodes, batches(random, images, labels, w_part, a.batch))
        middle = time.time()
        theta, baseline = train_policy(net, policy, adam, random, nodes, batches(random, images, labels, theta_part, a.batch), baseline)
        print(json.dumps(dict(epoch=epoch, weights=w, policy=theta, baseline=baseline, seconds_weights=round(middle - start, 1),
                              seconds_policy=round(time.time() - middle, 1))), flush=True)


if __name__ == "__main__":
    main()
