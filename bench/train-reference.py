"""The same training steps in PyTorch, as a peer of the suite `train-step`: an FNO with torch.fft, eager, on two threads."""
import json
import resource
import sys
import time

import torch
import torch.nn.functional as F

torch.set_num_threads(2)
PADDING = 2


class Spectral(torch.nn.Module):
    def __init__(self, width, modes, dimensions):
        super().__init__()
        self.modes = modes
        corners = 2 ** (dimensions - 1)
        shape = [corners, width, width] + [modes] * dimensions
        self.weights = torch.nn.Parameter(torch.rand(shape, dtype=torch.cfloat) / width**2)

    def forward(self, x):
        modes, axes = self.modes, tuple(range(2, x.dim()))
        spectrum = torch.fft.rfftn(x, dim=axes)
        mixed = torch.zeros_like(spectrum)
        if len(axes) == 1:
            mixed[..., :modes] = torch.einsum("bix,iox->box", spectrum[..., :modes], self.weights[0])
        else:
            for corner, rows in enumerate((slice(None, modes), slice(-modes, None))):
                kept = spectrum[:, :, rows, :modes]
                mixed[:, :, rows, :modes] = torch.einsum("bixy,ioxy->boxy", kept, self.weights[corner])
        return torch.fft.irfftn(mixed, s=x.shape[2:], dim=axes)


class Operator(torch.nn.Module):
    def __init__(self, width, modes, dimensions, inputs, channels):
        super().__init__()
        convolution = torch.nn.Conv1d if dimensions == 1 else torch.nn.Conv2d
        self.lift = torch.nn.Linear(inputs + dimensions, width)
        self.spectral = torch.nn.ModuleList(Spectral(width, modes, dimensions) for _ in range(4))
        self.pointwise = torch.nn.ModuleList(convolution(width, width, 1) for _ in range(4))
        self.project = torch.nn.Linear(width, 128)
        self.out = torch.nn.Linear(128, channels)

    def forward(self, window, grid):
        space = window.shape[1:-1]
        hidden = self.lift(torch.cat((window, grid.expand(len(window), *grid.shape)), -1)).movedim(-1, 1)
        hidden = F.pad(hidden, [0, PADDING] * len(space))
        for block, (spectral, pointwise) in enumerate(zip(self.spectral, self.pointwise)):
            hidden = spectral(hidden) + pointwise(hidden)
            hidden = F.gelu(hidden) if block < 3 else hidden
        hidden = hidden[(..., *(slice(None, size) for size in space))].movedim(1, -1)
        return self.out(F.gelu(self.project(hidden)))


def prepare(case):
    torch.manual_seed(1)
    space, window, channels = case["space"], case["window"], case["channels"]
    model = Operator(case["model"]["width"], case["model"]["modes"], len(space), window * channels, channels)
    samples, time_steps = case["batchSize"] * case["steps"], window + case["rolloutSteps"]
    values = torch.randn(samples, *space, time_steps, channels)
    return model, values, torch.randn(*space, len(space))


def train(case, model, values, grid):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)
    window = case["window"]
    for batch in values.split(case["batchSize"]):
        past, loss = batch[..., :window, :], 0
        for step in range(case["rolloutSteps"]):
            predicted = model(past.flatten(-2), grid)
            loss = loss + F.mse_loss(predicted, batch[..., window + step, :])
            past = torch.cat((past[..., 1:, :], predicted.unsqueeze(-2)), -2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()


def processor_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


prepared = {}
print(json.dumps({"version": f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads"}), flush=True)
for line in sys.stdin:
    case = json.loads(line)
    if case["name"] not in prepared:
        prepared[case["name"]] = prepare(case)
    wall, used = time.perf_counter(), processor_seconds()
    train(case, *prepared[case["name"]])
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
