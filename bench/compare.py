#!/usr/bin/env python3
"""Times `nat bench` and torch_step.py in alternation and prints the medians and their ratios: make bench.

    python3 bench/compare.py [--rounds 3] [--threads 2] [--python python3] [--network] [--batch N] [--device cuda:0]

With --network, a step of training DARTS from scratch is timed instead (torch_network.py), with batches of 96 images if not of
--batch. The machine must be quiet: anything else that runs halves both. --python names an interpreter that has torch. --device
names a graphics card for both; --nat a program that was built before; --results a file for all that was measured, as JSON.
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
    p.add_argument("--python", default=sys.executable)
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
    if subprocess.run([a.python, "-c", "import torch"], stderr=subprocess.DEVNULL).returncode:
        sys.exit(f"{a.python} has no torch: name an interpreter that has it as --python, or run nat bench alone")
    with tempfile.TemporaryDirectory() as folder:
        nat = a.nat or os.path.join(folder, "nat")
        if not a.nat:
            subprocess.run(["go", "build", "-o", nat, "./cmd/nat"], check=True, cwd=os.path.dirname(HERE))
        sizes = ["--threads", str(a.threads)]
        for name in ("batch", "channels", "layers", "repeat"):
            if value := getattr(a, name):
                sizes += ["--" + name, str(value)]
        commands = {"nat": [nat, "bench", "--json", "--device", a.device, *sizes],
                    "torch": [a.python, os.path.join(HERE, "torch_step.py"), "--device", a.device.split(":")[0], *sizes]}
        steps = ["w", "theta"]
        if a.network:
            steps = [""]
            of = ["--batch", str(a.batch or 96), "--repeat", "2", "--threads", str(a.threads)]
            commands = {"nat": [nat, "bench", "--network", "--json", *of],
                        "torch": [a.python, os.path.join(HERE, "torch_network.py"), "time", *of]}
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
        nat, peer = (statistics.median(r[key] for r in results[name]) for name in ("nat", "torch"))
        print(f"{step or 'network'}: nat {nat:.3f} s, torch {results['torch'][0]['torch']} {peer:.3f} s: {peer / nat:.2f} times as fast")


main()
