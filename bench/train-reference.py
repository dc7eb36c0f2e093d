"""The same training steps in PyTorch, as a peer of the suite `train-step`: FNOs with torch.fft and U-Nets, eager, on two threads, or on the device that TEMPBALANCE_TORCH_DEVICE names."""
import json
import math
import os
import resource
import sys
import time

import torch
import torch.nn.functional as F

torch.set_num_threads(2)
# With float32 as the other side, not with the shorter numbers that PyTorch takes for convolutions on a GPU.
torch.backends.cudnn.allow_tf32 = False
DEVICE = torch.zeros(1, device=os.environ.get("TEMPBALANCE_TORCH_DEVICE", "cpu")).device
PLACE = torch.cuda.get_device_name(DEVICE) if DEVICE.type == "cuda" else f"{torch.get_num_threads()} threads"


def waves(shape, scale, phase):
    return (scale * torch.sin(torch.arange(math.prod(shape), dtype=torch.float64) + phase)).float().reshape(shape)


def begin(model):
    """The numbers that the other side begins with: waves, but for the weights of norms."""
    for phase, (name, parameter) in enumerate(model.named_parameters()):
        shape = tuple(parameter.shape) + (2,) * parameter.is_complex()
        scale = math.sqrt(2 / (math.prod(shape[1:]) if len(shape) > 1 else 1e4))
        norm = ".norm" in name and name.endswith(".weight")
        numbers = torch.ones(shape) if norm else waves(shape, scale, 1000 * phase)
        parameter.data = torch.view_as_complex(numbers) if parameter.is_complex() else numbers


class Spectral(torch.nn.Module):
    """Corners of kept frequencies: the first axis changes fastest from one to the next."""

    def __init__(self, width, modes):
        super().__init__()
        self.modes = modes
        shape = (width, width, *modes)
        corners = 2 ** (len(modes) - 1)
        self.weights = torch.nn.ParameterList(torch.zeros(shape, dtype=torch.cfloat) for _ in range(corners))

    def forward(self, x):
        axes = tuple(range(2, x.dim()))
        letters = "xyz"[: len(axes)]
        spectrum = torch.fft.rfftn(x, dim=axes)
        mixed = torch.zeros_like(spectrum)
        for corner, weights in enumerate(self.weights):
            kept = [slice(-count, None) if corner >> axis & 1 else slice(count) for axis, count in enumerate(self.modes)]
            at = (slice(None), slice(None), *kept)
            mixed[at] = torch.einsum(f"bi{letters},io{letters}->bo{letters}", spectrum[at], weights)
        return torch.fft.irfftn(mixed, s=x.shape[2:], dim=axes)


class Fourier(torch.nn.Module):
    def __init__(self, width, modes):
        super().__init__()
        self.spectral = Spectral(width, modes)
        self.pointwise = getattr(torch.nn, f"Conv{len(modes)}d")(width, width, 1)

    def forward(self, x):
        return self.spectral(x) + self.pointwise(x)


class Operator(torch.nn.Module):
    def __init__(self, width, modes, padding, inputs, channels):
        super().__init__()
        self.padding = padding
        self.lift = torch.nn.Linear(inputs + len(modes), width)
        self.blocks = torch.nn.ModuleList(Fourier(width, modes) for _ in range(4))
        self.project = torch.nn.Linear(width, 128)
        self.out = torch.nn.Linear(128, channels)

    def forward(self, window, grid):
        space = window.shape[1:-1]
        hidden = self.lift(torch.cat((window, grid.expand(len(window), *grid.shape)), -1)).movedim(-1, 1)
        hidden = F.pad(hidden, [count for zeros in reversed(self.padding) for count in (0, zeros)])
        for block in self.blocks[:-1]:
            hidden = F.gelu(block(hidden))
        hidden = self.blocks[-1](hidden)
        hidden = hidden[(..., *(slice(None, size) for size in space))].movedim(1, -1)
        return self.out(F.gelu(self.project(hidden)))


class Block(torch.nn.Module):
    def __init__(self, dimensions, inputs, outputs):
        super().__init__()
        convolution, norm = (getattr(torch.nn, f"{kind}{dimensions}d") for kind in ("Conv", "BatchNorm"))
        self.conv1 = convolution(inputs, outputs, 3, padding=1, bias=False)
        self.norm1 = norm(outputs)
        self.conv2 = convolution(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = norm(outputs)

    def forward(self, x):
        return torch.tanh(self.norm2(self.conv2(torch.tanh(self.norm1(self.conv1(x))))))


class UNet(torch.nn.Module):
    LEVELS = (1, 2, 4, 8)

    def __init__(self, dimensions, width, inputs, outputs):
        super().__init__()
        convolution, transposed = (getattr(torch.nn, f"{kind}{dimensions}d") for kind in ("Conv", "ConvTranspose"))
        self.pool = getattr(torch.nn, f"MaxPool{dimensions}d")(2)
        for index, level in enumerate(self.LEVELS, 1):
            setattr(self, f"encoder{index}", Block(dimensions, inputs if index == 1 else level // 2 * width, level * width))
        self.bottleneck = Block(dimensions, 8 * width, 16 * width)
        for index, level in reversed(list(enumerate(self.LEVELS, 1))):
            setattr(self, f"up{index}", transposed(2 * level * width, level * width, 2, 2))
            setattr(self, f"decoder{index}", Block(dimensions, 2 * level * width, level * width))
        self.out = convolution(width, outputs, 1)

    def forward(self, window, grid):
        x, skipped = window.movedim(-1, 1), []
        for index in range(1, 5):
            skipped.append(getattr(self, f"encoder{index}")(x))
            x = self.pool(skipped[-1])
        x = self.bottleneck(x)
        for index in range(4, 0, -1):
            x = getattr(self, f"decoder{index}")(torch.cat((getattr(self, f"up{index}")(x), skipped[index - 1]), 1))
        return self.out(x).movedim(1, -1)


def prepare(case):
    space, window, channels = case["space"], case["window"], case["channels"]
    sizes = case["model"]
    if sizes["family"].startswith("unet"):
        model = UNet(len(space), sizes["initFeatures"], window * channels, channels)
    else:
        model = Operator(sizes["width"], [sizes["modes"]] * len(space), sizes["padding"], window * channels, channels)
    begin(model)
    model.to(DEVICE)
    samples, time_steps = case["batchSize"] * case["steps"], window + case["rolloutSteps"]
    values = waves((samples, *space, time_steps, channels), 1, 0.5)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)
    return model, optimizer, values[case["order"]], waves((*space, len(space)), 1, 0.25).to(DEVICE)


def train(case, model, optimizer, values, grid):
    """One epoch more."""
    losses = []
    window = case["window"]
    for batch in values.split(case["batchSize"]):
        batch = batch.to(DEVICE)
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
print(json.dumps({"version": f"PyTorch {torch.__version__}, {PLACE}"}), flush=True)
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
