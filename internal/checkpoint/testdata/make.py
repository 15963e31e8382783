"""Writes the files beside this one that PyTorch and the safetensors library make: run `python3 make.py` with PyTorch 1.13
and safetensors 0.5 or later.

All good files have the tensors of `tensors` below, in the types and layouts that their names tell. The files `bad_*` must be
refused; `bad_command*` would make a file `hostile` in the current folder if they were run.
"""
import collections
import os

import safetensors.torch
import torch

here = os.path.dirname(os.path.abspath(__file__))


def path(name):
    return os.path.join(here, name)


def tensors():
    return collections.OrderedDict(
        [
            ("stem.0.weight", torch.arange(12, dtype=torch.float32).reshape(2, 3, 2) / 4 - 1),
            ("classifier.bias", torch.tensor([0.5, -2.0, 65280.0])),
            ("scale", torch.tensor(3.0)),
        ]
    )


def both(name, value):
    torch.save(value, path(f"{name}_zip.pt"))
    torch.save(value, path(f"{name}_legacy.pt"), _use_new_zipfile_serialization=False)


for protocol in range(2, 6):
    torch.save(tensors(), path(f"zip_p{protocol}.pt"), pickle_protocol=protocol)
for protocol in range(1, 6):
    torch.save(tensors(), path(f"legacy_p{protocol}.pt"), pickle_protocol=protocol, _use_new_zipfile_serialization=False)
for dtype in ("float16", "bfloat16", "float64"):
    both(dtype, {k: v.to(getattr(torch, dtype)) for k, v in tensors().items()})
safetensors.torch.save_file(tensors(), path("float32.safetensors"), metadata={"steps": "4", "op_type": "fully-concat"})
for dtype in ("float16", "bfloat16", "float64"):
    safetensors.torch.save_file({k: v.to(getattr(torch, dtype)) for k, v in tensors().items()}, path(f"{dtype}.safetensors"))

# Views: stored transposed, as a part of a larger tensor, with steps; the storage of the first and the last is one.
good = tensors()
large = torch.full((4, 9), 7.0)
large[1, 1:7:2] = good["classifier.bias"]
large[3, 8] = good["scale"]
views = collections.OrderedDict(
    [
        ("stem.0.weight", good["stem.0.weight"].permute(2, 0, 1).contiguous().permute(1, 2, 0)),
        ("classifier.bias", large[1, 1:7:2]),
        ("scale", large[3, 8]),
    ]
)
both("views", views)
optimizer = {"state": {}, "param_groups": [{"params": [0, 1]}]}
both("nested", {"epoch": 3, "best": 0.5, "state_dict": tensors(), "optimizer": optimizer})
both("model", {"model": dict(tensors())})
both("parameters", {k: torch.nn.Parameter(v) for k, v in tensors().items()})

tied = torch.tensor([1.0, 2.0])
both("tied", {"a": tied, "b": tied, "c": tied[1:]})

# What PyTorch keeps beside the parameters: a supernet uses nothing of it, other networks the running statistics.
kept = {"num_batches_tracked": torch.tensor(2**40), "running_mean": torch.zeros(1), "running_var": torch.ones(1)}
edge = "cells.0._ops.0._ops.0."
supernet = {edge + k: v for k, v in kept.items()}
supernet.update({"arch_normal_master.weight": torch.zeros(1), "arch_transformer.gc1.weight": torch.ones(1, 1)})
torch.save(supernet, path("supernet.pt"))
torch.save({"cells.0._ops.0.op.2." + k: v for k, v in kept.items()}, path("network.pt"))
torch.save({"flags": torch.tensor([True, False]), "bytes": torch.tensor([0, 255], dtype=torch.uint8),
            "ints": torch.tensor([-7, 2**24])}, path("integers.pt"))

torch.save(torch.nn.Linear(2, 1), path("bad_module.pt"))
both("bad_tensor", torch.ones(2))
both("bad_nothing", {"epoch": 3, "accuracy": 0.5})
torch.save({"a": torch.tensor([2**24 + 1])}, path("bad_large.pt"))
torch.save({"a": torch.tensor([1e39], dtype=torch.float64)}, path("bad_double.pt"))
torch.save({"a": torch.zeros(2, dtype=torch.complex64)}, path("bad_complex.pt"))
torch.jit.save(torch.jit.script(torch.nn.Identity()), path("bad_script.pt"))


class Command:
    def __reduce__(self):
        return os.system, ("touch hostile",)


class Expression:
    def __reduce__(self):
        return eval, ("open('hostile', 'w')",)


both("bad_command", {"a": torch.ones(1), "b": Command()})
both("bad_eval", {"a": torch.ones(1), "b": Expression()})
