/** neuraloperator's models of `../neuralop.ts` in PyTorch. */
export const neuralopPytorch = `
def named(**parts):
    """A module that holds parameters and modules by name."""
    module = nn.Module()
    for name, part in parts.items():
        setattr(module, name, part)
    return module


class Pointwise(nn.Module):
    """A dense layer at each point, with a weight [out, in, 1]."""

    def __init__(self, inputs, outputs, bias=True):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(outputs, inputs, 1))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None

    def forward(self, x):
        return F.conv1d(x.flatten(2), self.weight, self.bias).unflatten(2, x.shape[2:])


class ChannelNetwork(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.fcs = nn.ModuleList([Pointwise(inputs, hidden), Pointwise(hidden, outputs)])

    def forward(self, x):
        return self.fcs[1](F.gelu(self.fcs[0](x)))


class SpectralConv(nn.Module):
    """A complex matrix for each kept frequency, as one tensor [in, out, *modes] or as Tucker's core and factors."""

    def __init__(self, width, shapes):
        super().__init__()
        core, *factors = [nn.Parameter(torch.zeros(*shape)) for shape in shapes]
        if factors:
            parts = {f"factor_{axis}": factor for axis, factor in enumerate(factors)}
            self.weight = named(core=core, factors=named(**parts))
        else:
            self.weight = named(tensor=core)
        self.bias = nn.Parameter(torch.zeros(width, *[1] * (len(shapes[0]) - 3)))

    def whole_weight(self):
        if hasattr(self.weight, "tensor"):
            return torch.view_as_complex(self.weight.tensor)
        whole = torch.view_as_complex(self.weight.core)
        for factor in self.weight.factors.parameters():
            # The axis that is done becomes the last.
            whole = torch.tensordot(whole, torch.view_as_complex(factor), dims=([0], [1]))
        return whole

    def forward(self, x):
        axes = list(range(2, x.dim()))
        weight, spectrum = self.whole_weight(), torch.fft.rfftn(x, dim=axes)
        # Around zero on all axes but the last, which has half the spectrum.
        kept = [
            (torch.arange(count, device=x.device) - (0 if axis == axes[-1] else count // 2)) % x.shape[axis]
            for axis, count in zip(axes, weight.shape[2:])
        ]
        places = (slice(None), slice(None), *torch.meshgrid(*kept, indexing="ij"))
        mixed = torch.zeros_like(spectrum)
        mixed[places] = torch.einsum("bi...,io...->bo...", spectrum[places], weight)
        return torch.fft.irfftn(mixed, s=x.shape[2:], dim=axes) + self.bias


def tucker_ranks(sides, fraction):
    """Ranks at which core and factors hold about this part of the numbers of a tensor: each side times the same c, rounded."""
    whole, squares, low, high = math.prod(sides), sum(side**2 for side in sides), 0.0, max(fraction, 1.0)
    for _ in range(100):
        c = (low + high) / 2
        if whole * c ** len(sides) + squares * c < fraction * whole:
            low = c
        else:
            high = c
    return [max(1, math.floor(side * low + 0.5)) for side in sides]


class Model(FieldModel):
    """neuraloperator's FNO, or its TFNO where spectral weights are factorised."""

    def __init__(self, config):
        super().__init__(config)
        width, self.blocks = config["width"], config["blocks"]
        size = lambda ratio: max(1, int(ratio * width))
        hidden = max(1, round(config["channelExpansion"] * width))
        if config["positions"] == "unit":
            axes = [torch.arange(points) / points for points in self.space]
            self.coordinates = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
        ones = [1] * self.dimensions
        modes = by_axis(config["modes"], self.dimensions)
        whole = [width, width, *modes[:-1], modes[-1] // 2 + 1]
        shapes = [[*whole, 2]]
        if "rank" in config:
            ranks = tucker_ranks(whole, config["rank"])
            shapes = [[*ranks, 2], *[[side, rank, 2] for side, rank in zip(whole, ranks)]]
        each = range(self.blocks)
        self.lifting = ChannelNetwork(self.inputs + self.dimensions, size(config["liftingRatio"]), width)
        self.fno_blocks = named(
            convs=nn.ModuleList([SpectralConv(width, shapes) for _ in each]),
            fno_skips=nn.ModuleList([named(conv=Pointwise(width, width, bias=False)) for _ in each]),
            channel_mlp=nn.ModuleList([ChannelNetwork(width, hidden, width) for _ in each]),
            channel_mlp_skips=nn.ModuleList([named(weight=nn.Parameter(torch.ones(1, width, *ones))) for _ in each]),
        )
        self.projection = ChannelNetwork(width, size(config["projectionRatio"]), self.channels)

    def compute(self, given):
        blocks = self.fno_blocks
        x = self.lifting(self.with_coordinates(given).movedim(-1, 1))
        for block in range(self.blocks):
            activate = F.gelu if block < self.blocks - 1 else nn.Identity()
            mixed = activate(blocks.convs[block](x) + blocks.fno_skips[block].conv(x))
            x = activate(blocks.channel_mlp[block](mixed) + blocks.channel_mlp_skips[block].weight * x)
        return self.projection(x).movedim(1, -1)
`;
