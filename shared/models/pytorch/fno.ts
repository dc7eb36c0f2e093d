/** The FNOs of `../fno.ts` in PyTorch. */
export const fnoPytorch = `
def convolution(dimensions):
    return (nn.Conv1d, nn.Conv2d, nn.Conv3d)[dimensions - 1]


class SpectralConv(nn.Module):
    """A complex matrix for each kept frequency, in a tensor [in, out, *modes, 2] for each corner of them."""

    def __init__(self, width, modes):
        super().__init__()
        self.modes = modes
        self.corners = 2 ** (len(modes) - 1)
        for corner in range(self.corners):
            setattr(self, f"weights{corner + 1}", nn.Parameter(torch.zeros(width, width, *modes, 2)))

    def forward(self, x):
        axes = list(range(2, x.dim()))
        spectrum = torch.fft.rfftn(x, dim=axes)
        mixed = torch.zeros_like(spectrum)
        for corner in range(self.corners):
            # Of the axes but the last, the lowest frequencies or the highest; the first changes fastest.
            kept = [slice(-m, None) if corner >> axis & 1 else slice(m) for axis, m in enumerate(self.modes)]
            weight = torch.view_as_complex(getattr(self, f"weights{corner + 1}"))
            mixed[(..., *kept)] = torch.einsum("bi...,io...->bo...", spectrum[(..., *kept)], weight)
        return torch.fft.irfftn(mixed, s=x.shape[2:], dim=axes)


class Model(FieldModel):
    """A Fourier neural operator as in PDEBench."""

    def __init__(self, config):
        super().__init__(config)
        width, self.blocks = config["width"], config["blocks"]
        self.padding = by_axis(config["padding"], self.dimensions)
        self.fc0 = nn.Linear(self.inputs + self.dimensions, width)
        for block in range(self.blocks):
            setattr(self, f"conv{block}", SpectralConv(width, by_axis(config["modes"], self.dimensions)))
            setattr(self, f"w{block}", convolution(self.dimensions)(width, width, 1))
        self.fc1 = nn.Linear(width, config["projection"])
        self.fc2 = nn.Linear(config["projection"], self.channels)

    def compute(self, given):
        x = self.fc0(self.with_coordinates(given)).movedim(-1, 1)
        x = F.pad(x, [side for zeros in reversed(self.padding) for side in (0, zeros)])
        for block in range(self.blocks):
            x = getattr(self, f"conv{block}")(x) + getattr(self, f"w{block}")(x)
            x = F.gelu(x) if block < self.blocks - 1 else x
        x = x[(..., *[slice(points) for points in self.space])].movedim(1, -1)
        return self.fc2(F.gelu(self.fc1(x)))
`;
