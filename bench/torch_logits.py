#!/usr/bin/env python3
"""Checkpoints as the published program writes them, with what PyTorch computes from them: the other side of a test that
nat reads them and gets the same numbers.

    python3 bench/torch_logits.py FOLDER [--op-type loose-end] [--channels 4] [--layers 6] [--batch 8] [--seed 1]

Writes into FOLDER a supernet and a policy of random weights, under the published names, with the running statistics that
the published program keeps beside them: zip.pt and legacy.pt (PyTorch's two layouts), half.pt (in half precision) and
policy.pt (the policy alone). expected.pt has `images`, and for them the `logits` of the genotype that is printed, with the
weights of half.pt `logits_half`. Needs torch and numpy.
"""
import argparse
import os

import numpy as np
import torch

import torch_search

PARTS = {"first": "preprocess0", "second": "preprocess1"}
HALVES = {"left": "conv_1", "right": "conv_2", "norm": "bn"}
POLICY = {"inputs.weight": "node_hidden.weight", "operations.weight": "op_hidden.weight", "linear": "emb_attn", "out": "fc",
          "w1": "gc1.weight", "b1": "gc1.bias", "w2": "gc2.weight", "b2": "gc2.bias"}


def inside(module):
    """The name within an operation: a layer of a sequence, or of a factorized reduce."""
    head, _, rest = module.partition(".")
    return f"{HALVES[head]}.{rest}" if head in HALVES else f"op.{module}"


def published(name):
    """The published name of a tensor of torch_search's supernet."""
    parts = name.split(".")
    if parts[0] != "cells":
        return name
    if parts[2] in PARTS:
        return f"cells.{parts[1]}.{PARTS[parts[2]]}.{inside('.'.join(parts[3:]))}"
    f, t = map(int, parts[3].split("-"))
    return f"cells.{parts[1]}._ops.{(t - 2) * (t + 1) // 2 + f}._ops.{parts[4]}.{inside('.'.join(parts[5:]))}"


def published_policy(name):
    head, _, rest = name.partition(".")
    return "arch_transformer." + (POLICY.get(name) or f"{POLICY[head]}.{rest}")


def genotype(arch, nodes):
    cells = [", ".join(f"('{torch_search.PRIMITIVES[o]}', {f}, {t})" for o, f, t in cell) for cell in arch]
    concat = list(range(2, nodes + 2))
    return "Genotype(normal=[{0}], normal_concat={2}, reduce=[{1}], reduce_concat={2})".format(*cells, concat)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("folder")
    p.add_argument("--op-type", default="fully-concat", choices=["fully-concat", "loose-end"])
    for name, default in dict(channels=4, layers=6, batch=8, seed=1).items():
        p.add_argument("--" + name, type=int, default=default)
    a = p.parse_args()
    torch.manual_seed(a.seed)
    nodes = 5 if a.op_type == "loose-end" else 4
    net = torch_search.Supernet(a.channels, a.layers, nodes, a.op_type == "loose-end")
    policy = torch_search.Transformer()
    arch = torch_search.draw(np.random.default_rng(a.seed), nodes)
    images = torch.randn(a.batch, 3, 32, 32)
    policy_state = {published_policy(name): x for name, x in policy.state_dict().items()}
    state = {**{published(name): x for name, x in net.state_dict().items()}, **policy_state}
    with torch.no_grad():
        path = lambda name: os.path.join(a.folder, name)
        torch.save(state, path("zip.pt"))
        torch.save(state, path("legacy.pt"), _use_new_zipfile_serialization=False)
        torch.save({name: x.half() if x.is_floating_point() else x for name, x in state.items()}, path("half.pt"))
        torch.save(policy_state, path("policy.pt"))
        expected = dict(images=images, logits=net(images, arch))
        for x in net.parameters():
            x.copy_(x.half().float())
        expected["logits_half"] = net(images, arch)
        torch.save(expected, path("expected.pt"))
    print(genotype(arch, nodes))


if __name__ == "__main__":
    main()
