"""Check ONNX models and run them: prints for each the largest error of its logits, relative to the largest logit.

check.py FOLDER: FOLDER holds NAME.onnx beside NAME.safetensors, which has the images and the logits that are wanted.
"""

import json
import pathlib
import struct
import sys

import numpy
import onnx
import onnxruntime


def tensors(path):
    data = path.read_bytes()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    for name, entry in header.items():
        first, last = (start + offset for offset in entry["data_offsets"])
        yield name, numpy.frombuffer(data[first:last], numpy.float32).reshape(entry["shape"])


for path in sorted(pathlib.Path(sys.argv[1]).glob("*.onnx")):
    onnx.checker.check_model(onnx.load(path), full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    wanted = dict(tensors(path.with_suffix(".safetensors")))
    largest = abs(wanted["logits"]).max()
    error = 0.0
    for images in (len(wanted["images"]), 1):  # any batch size will do
        logits = session.run(["logits"], {"images": wanted["images"][:images]})[0]
        error = max(error, abs(logits - wanted["logits"][:images]).max() / largest)
    print(path.stem, error)
