"""Reads exports of models of fields as their users would: by model.py in PyTorch, and by onnxruntime where it is installed.

stdin: {"folders": [...]}, each with inputs.safetensors (past, statics) beside the export; stdout: by folder and reader, what is predicted.
"""

import importlib.util
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

torch.set_num_threads(1)
has_onnx = all(importlib.util.find_spec(name) is not None for name in ("onnx", "onnxruntime"))
predicted = {}
for folder in map(Path, json.load(sys.stdin)["folders"]):
    spec = importlib.util.spec_from_file_location("model", folder / "model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model = module.load(folder)
    given = load_file(folder / "inputs.safetensors")
    with torch.no_grad():
        by_reader = {"torch": model(**given).flatten().tolist()}
    by_reader["rollOut"] = model.roll_out(steps=2, **given).flatten().tolist()
    if has_onnx:
        import onnx
        import onnxruntime

        onnx.checker.check_model(onnx.load(folder / "model.onnx"), full_check=True)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(folder / "model.onnx", options)
        (result,) = session.run(["next"], {name: value.numpy() for name, value in given.items()})
        by_reader["onnx"] = result.flatten().tolist()
    predicted[str(folder)] = by_reader
json.dump(predicted, sys.stdout)
