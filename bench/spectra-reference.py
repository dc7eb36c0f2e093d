"""The reference's loop in PyTorch, as a peer of the suite `spectra`: reads requests, one JSON object a line, and answers each
with wall and processor seconds and the peak of its memory. Weights repeat one buffer of normal numbers, as those of the other peers do."""
import json
import resource
import sys
import time

import torch

torch.set_num_threads(2)
normals = torch.randn(2**20 + 7) / 28


def fill(rows, columns):
    weight = torch.empty(rows * columns)
    for start in range(0, len(weight), len(normals)):
        part = weight[start : start + len(normals)]
        part.copy_(normals[: len(part)])
    return weight.reshape(rows, columns)


def analyse(rows, columns):
    eigenvalues = torch.sort(torch.square(torch.linalg.svdvals(fill(rows, columns))))[0]
    kept = eigenvalues[eigenvalues > 1e-5]
    start = len(kept) // 2
    tail = len(kept) - start
    return 1 + tail / (torch.sum(torch.log(kept[start:])) - tail * torch.log(kept[start]))


def processor_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


print(json.dumps({"version": f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads"}), flush=True)
for line in sys.stdin:
    shapes = json.loads(line)["layers"]
    wall, used = time.perf_counter(), processor_seconds()
    for shape in shapes:
        analyse(shape[0], shape[1])
    print(
        json.dumps(
            {
                "wallSeconds": time.perf_counter() - wall,
                "cpuSeconds": processor_seconds() - used,
                "peakMiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        ),
        flush=True,
    )
