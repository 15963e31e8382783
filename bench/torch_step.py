#!/usr/bin/env python3
"""Times the two steps of a search in PyTorch, on the architectures of architectures.json, as `nat bench` does.

    python3 bench/torch_step.py [--threads 2] [--batch 64] [--channels 20] [--layers 8] [--repeat 3]
        [--device cuda]

A w step is forward, backward and update of one architecture; a theta step is the forward pass of two. Prints one JSON object
with the mean seconds of a step. On a graphics card, PyTorch's defaults hold: its convolutions may round to TF32. Needs torch.
"""
import argparse
import json
import os
import statistics
import time

import torch
import torch.nn.functional as F

from torch_search import PRIMITIVES, Supernet


def architectures():
    def cell(edges):
        return [(PRIMITIVES.index(op), f, t) for op, f, t in edges]

    def pair(a):
        return cell(a["normal"]), cell(a["reduce"])

    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "architectures.json")) as f:
        return [(pair(e["w"]), [pair(a) for a in e["theta"]]) for e in json.load(f)]


def main():
    p = argparse.ArgumentParser()
    for name, default in dict(threads=2, batch=64, channels=20, layers=8, repeat=3, seed=1).items():
        p.add_argument("--" + name, type=int, default=default)
    p.add_argument("--device", default="cpu")
    a = p.parse_args()
    card = a.device != "cpu"
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    net = Supernet(a.channels, a.layers, 4, False).to(a.device)
    optimizer = torch.optim.SGD(net.parameters(), 0.01, momentum=0.9, weight_decay=3e-4)
    x, y = torch.randn(a.batch, 3, 32, 32).to(a.device), torch.randint(0, 10, (a.batch,)).to(a.device)

    def seconds_since(start):
        if card:
            torch.cuda.synchronize()
        return time.perf_counter() - start

    def step_weights(arch):
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(net(x, arch), y).backward()
        optimizer.step()
        return seconds_since(start)

    def step_policy(pair):
        start = time.perf_counter()
        with torch.no_grad():
            for arch in pair:
                net(x, arch)
        return seconds_since(start)

    entries = architectures()
    step_weights(entries[0][0]), step_policy(entries[0][1])
    times = [(step_weights(w), step_policy(theta)) for _ in range(a.repeat) for w, theta in entries]
    w, theta = (statistics.mean(t) for t in zip(*times))
    about = dict(device=torch.cuda.get_device_name(), peak_device_memory=torch.cuda.max_memory_allocated(),
                 tf32=torch.backends.cudnn.allow_tf32) if card else dict(device="cpu")
    print(json.dumps(dict(about, torch=torch.__version__, threads=a.threads, batch=a.batch, w_step_s=round(w, 4),
                          theta_step_s=round(theta, 4), w_images_per_s=round(a.batch / w, 1),
                          theta_images_per_s=round(a.batch / theta, 1))))


main()
