"""Runs the Python of model cards in their folders, as readers would; what needs onnxruntime only where it is installed.

stdin: {"folders": [...]}, exports with inputs.safetensors (past, statics) beside them; stdout: by folder, what each piece of code predicts.
"""

import importlib.util
import json
import os
import re
import sys

import numpy as np
import torch
from safetensors.numpy import load_file

torch.set_num_threads(1)
has_onnx = all(importlib.util.find_spec(name) is not None for name in ("onnx", "onnxruntime"))
if has_onnx:
    import onnx

sys.path.insert(0, "")
predicted = {}
for folder in json.load(sys.stdin)["folders"]:
    os.chdir(folder)
    # Each folder has a module of this name.
    sys.modules.pop("model", None)
    for name, values in load_file("inputs.safetensors").items():
        np.save(f"{name}.npy", values)
    if has_onnx:
        onnx.checker.check_model("model.onnx", full_check=True)
    predicted[folder] = {}
    with open("README.md", encoding="utf-8") as card:
        blocks = re.findall(r"```python\n(.*?)```", card.read(), re.DOTALL)
    for code in blocks:
        reader = "onnxruntime" if "onnxruntime" in code else "torch"
        if reader == "torch" or has_onnx:
            exec(compile(code, "README.md", "exec"), {})
            predicted[folder][reader] = np.load("predicted.npy").flatten().tolist()
            os.remove("predicted.npy")
json.dump(predicted, sys.stdout)
