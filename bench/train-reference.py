"""The same training steps in PyTorch, as a peer of the suite `train-step`: an FNO with torch.fft or a U-Net, eager, on two threads."""
import json
import math
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


def waves(shape, scale, phase):
    return (scale * torch.sin(torch.arange(math.prod(shape), dtype=torch.float64) + phase)).float().reshape(shape)


class Block(torch.nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm1 = torch.nn.BatchNorm2d(outputs)
        self.conv2 = torch.nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = torch.nn.BatchNorm2d(outputs)

    def forward(self, x):
        return torch.tanh(self.norm2(self.conv2(torch.tanh(self.norm1(self.conv1(x))))))


class UNet(torch.nn.Module):
    LEVELS = (1, 2, 4, 8)

    def __init__(self, width, inputs, outputs):
        super().__init__()
        for index, level in enumerate(self.LEVELS, 1):
            setattr(self, f"encoder{index}", Block(inputs if index == 1 else level // 2 * width, level * width))
        self.bottleneck = Block(8 * width, 16 * width)
        for index, level in reversed(list(enumerate(self.LEVELS, 1))):
            setattr(self, f"up{index}", torch.nn.ConvTranspose2d(2 * level * width, level * width, 2, 2))
            setattr(self, f"decoder{index}", Block(2 * level * width, level * width))
        self.out = torch.nn.Conv2d(width, outputs, 1)
        for phase, (name, parameter) in enumerate(self.named_parameters()):
            shape = tuple(parameter.shape)
            scale = math.sqrt(2 / (math.prod(shape[1:]) if len(shape) > 1 else 1e4))
            norm = ".norm" in name and name.endswith(".weight")
            parameter.data = torch.ones(shape) if norm else waves(shape, scale, 1000 * phase)

    def forward(self, window, grid):
        x, skipped = window.movedim(-1, 1), []
        for index in range(1, 5):
            skipped.append(getattr(self, f"encoder{index}")(x))
            x = F.max_pool2d(skipped[-1], 2)
        x = self.bottleneck(x)
        for index in range(4, 0, -1):
            x = getattr(self, f"decoder{index}")(torch.cat((getattr(self, f"up{index}")(x), skipped[index - 1]), 1))
        return self.out(x).movedim(1, -1)


def prepare(case):
    torch.manual_seed(1)
    space, window, channels = case["space"], case["window"], case["channels"]
    sizes = case["model"]
    if sizes["family"] == "unet2d":
        model = UNet(sizes["initFeatures"], window * channels, channels)
    else:
        model = Operator(sizes["width"], sizes["modes"], len(space), window * channels, channels)
    samples, time_steps = case["batchSize"] * case["steps"], window + case["rolloutSteps"]
    values = waves((samples, *space, time_steps, channels), 1, 0.5)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)
    return model, optimizer, values[case["order"]], waves((*space, len(space)), 1, 0.25)


def train(case, model, optimizer, values, grid):
    """One epoch more."""
    losses = []
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
        losses.append(loss.item())
    return losses


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
    losses = train(case, *prepared[case["name"]])
    print(
        json.dumps(
            {
                "wallSeconds": time.perf_counter() - wall,
                "cpuSeconds": processor_seconds() - used,
                "firstLoss": losses[0],
                "lastLoss": losses[-1],
                "peakMiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        ),
        flush=True,
    )
