#!/usr/bin/env python3
"""Times `nat bench` and torch_step.py in alternation and prints the medians and their ratios: make bench.

    python3 bench/compare.py [--rounds 3] [--threads 2] [--python python3]... [--kernels avx512]... [--network] [--batch N]
                             [--device cuda:0]

With --network, a step of training DARTS from scratch is timed instead (torch_network.py), with batches of 96 images if not of
--batch. The machine must be quiet: anything else that runs halves both. --python names an interpreter that has torch, and
--kernels a set of kernels of nat; of each there may be several, which take turns. --device names a graphics card for both; --nat
a program that was built before; --results a file for all that was measured, as JSON.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def measure(command):
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("--python", action="append")
    p.add_argument("--kernels", action="append")
    p.add_argument("--network", action="store_true")
    p.add_argument("--batch", type=int)
    for name in ("channels", "layers", "repeat"):
        p.add_argument("--" + name, type=int)
    p.add_argument("--device", default="cpu")
    p.add_argument("--nat")
    p.add_argument("--results")
    a = p.parse_args()
    if a.network and a.device != "cpu":
        p.error("--network is timed on the processor")
    peers = {}
    for python in a.python or [sys.executable]:
        torch = subprocess.run([python, "-c", "import torch; print(torch.__version__)"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if torch.returncode:
            sys.exit(f"{python} has no torch: name an interpreter that has it as --python, or run nat bench alone")
        peers["torch " + torch.stdout.decode().strip()] = python
    with tempfile.TemporaryDirectory() as folder:
        nat = a.nat or os.path.join(folder, "nat")
        if not a.nat:
            subprocess.run(["go", "build", "-o", nat, "./cmd/nat"], check=True, cwd=os.path.dirname(HERE))
        sizes = ["--threads", str(a.threads)]
        for name in ("batch", "channels", "layers", "repeat"):
            if value := getattr(a, name):
                sizes += ["--" + name, str(value)]
        steps, ours, theirs = ["w", "theta"], ["--device", a.device, *sizes], ["torch_step.py", "--device", a.device.split(":")[0], *sizes]
        if a.network:
            of = ["--batch", str(a.batch or 96), "--repeat", "2", "--threads", str(a.threads)]
            steps, ours, theirs = [""], ["--network", *of], ["torch_network.py", "time", *of]
        sets = {f"nat {kernels}": ["--kernels", kernels] for kernels in a.kernels} if a.kernels else {"nat": []}
        commands = {name: [nat, "bench", "--json", *ours, *flags] for name, flags in sets.items()}
        for name, python in peers.items():
            commands[name] = [python, os.path.join(HERE, theirs[0]), *theirs[1:]]
        seconds = {step: (step + "_step_s").lstrip("_") for step in steps}
        results = {name: [] for name in commands}
        for i in range(a.rounds):
            for name, command in commands.items():
                results[name].append(measure(command))
                r = results[name][-1]
                print(f"round {i + 1}, {name}: " + ", ".join(f"{step} {r[key]:.3f} s" for step, key in seconds.items()), flush=True)
    if a.results:
        with open(a.results, "w") as f:
            json.dump(results, f, indent=1)
    for step, key in seconds.items():
        median = {name: statistics.median(r[key] for r in results[name]) for name in results}
        for nat in sets:
            for peer in peers:
                print(f"{step or 'network'}: {nat} {median[nat]:.3f} s, {peer} {median[peer]:.3f} s: "
                      f"{median[peer] / median[nat]:.2f} times as fast")


main()
