/** The DPOT of `../dpot.ts` in PyTorch. */
export const dpotPytorch = `
def activation_of(config):
    return {"gelu": nn.GELU, "relu": nn.ReLU, "silu": nn.SiLU, "tanh": nn.Tanh}[config["act"]]()


class Filter(nn.Module):
    """A perceptron of complex numbers at each kept frequency, by blocks of channels, beside what it is given."""

    def __init__(self, config):
        super().__init__()
        self.activation, self.modes, blocks = activation_of(config), config["modes"], config["nBlocks"]
        size = config["embedDim"] // blocks
        for number in (1, 2):
            setattr(self, f"w{number}", nn.Parameter(torch.zeros(2, blocks, size, size)))
            setattr(self, f"b{number}", nn.Parameter(torch.zeros(2, blocks, size)))

    def forward(self, x):
        rows, columns = x.shape[2:]
        spectrum = torch.fft.rfft2(x, norm="ortho")
        kept = (..., slice(self.modes), slice(self.modes))
        parts = spectrum[kept].movedim(1, -1).unflatten(-1, self.b1.shape[1:])
        real, imaginary = parts.real, parts.imag
        for weight, bias, activate in ((self.w1, self.b1, self.activation), (self.w2, self.b2, nn.Identity())):
            product = lambda x, part: torch.einsum("...ki,kio->...ko", x, weight[part])
            real, imaginary = (
                activate(product(real, 0) - product(imaginary, 1) + bias[0]),
                activate(product(imaginary, 0) + product(real, 1) + bias[1]),
            )
        mixed = torch.zeros_like(spectrum)
        mixed[kept] = torch.complex(real, imaginary).flatten(-2).movedim(-1, 1)
        return torch.fft.irfft2(mixed, s=(rows, columns), norm="ortho") + x


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        width = config["embedDim"]
        hidden = int(width * config["mlpRatio"])
        self.norm1, self.norm2 = nn.GroupNorm(8, width), nn.GroupNorm(8, width)
        self.filter = Filter(config)
        self.mlp = nn.Sequential(nn.Conv2d(width, hidden, 1), activation_of(config), nn.Conv2d(hidden, width, 1))

    def forward(self, x):
        return self.mlp(self.norm2(self.filter(self.norm1(x)))) + x


class Times(nn.Module):
    """Joins the steps of the window, with waves over time where there is gamma."""

    def __init__(self, config):
        super().__init__()
        window, width = config["window"], config["embedDim"]
        self.w = nn.Parameter(torch.zeros(window, width, width))
        if config["timeAgg"] == "exp_mlp":
            self.gamma = nn.Parameter(torch.zeros(1, width))

    def forward(self, x):
        weight = self.w
        if hasattr(self, "gamma"):
            times = torch.arange(len(weight), device=x.device) / max(1, len(weight) - 1)
            weight = weight * torch.cos(times[:, None] @ self.gamma)[..., None]
        return torch.einsum("btchw,tcd->bdhw", x, weight)


def unit(count):
    return torch.linspace(0, 1, count) if count > 1 else torch.zeros(1)


class Model(FieldModel):
    """DPOT, one time step at a time. It makes its own coordinates."""

    def __init__(self, config):
        super().__init__(config)
        patch, width, out = config["patchSize"], config["embedDim"], config["outLayerDim"]
        embedded, side = self.channels * patch + 3, self.space[0] // patch
        act = lambda: activation_of(config)
        self.normalize = config["normalize"]
        self.pos_embed = nn.Parameter(torch.zeros(1, width, side, side))
        projection = nn.Sequential(
            nn.Conv2d(self.channels + 3, embedded, patch, stride=patch), act(), nn.Conv2d(embedded, width, 1)
        )
        self.patch_embed = nn.Module()
        self.patch_embed.proj = projection
        self.blocks = nn.Sequential(*[Block(config) for _ in range(config["depth"])])
        if self.normalize:
            self.scale_feats_mu = nn.Linear(2 * self.channels, width)
            self.scale_feats_sigma = nn.Linear(2 * self.channels, width)
        # The classifier of pre-training, which nothing is computed with.
        self.cls_head = nn.Sequential(
            nn.Linear(width, width), act(), nn.Linear(width, width), act(), nn.Linear(width, config["nCls"])
        )
        self.time_agg_layer = Times(config)
        self.out_layer = nn.Sequential(
            nn.ConvTranspose2d(width, out, patch, stride=patch), act(), nn.Conv2d(out, out, 1), act(), nn.Conv2d(out, self.channels, 1)
        )
        axes = [unit(points) for points in (*self.space, self.window)]
        places = torch.stack(torch.meshgrid(*axes, indexing="ij"))
        self.register_buffer("places", places.movedim(-1, 0), persistent=False)

    def compute(self, given):
        batch = given.shape[0]
        x = given.unflatten(-1, (self.window, self.channels))
        if self.normalize:
            values = x.flatten(1, -2)
            mean, deviation = values.mean(1), values.std(1) + 1e-6
            x = (x - mean[:, None, None, None]) / deviation[:, None, None, None]
        x = x.permute(0, 3, 4, 1, 2)
        x = torch.cat([x, self.places.expand(batch, *self.places.shape)], dim=2).flatten(0, 1)
        x = self.time_agg_layer((self.patch_embed.proj(x) + self.pos_embed).unflatten(0, (batch, self.window)))
        if self.normalize:
            known = torch.cat([mean, deviation], dim=1)
            x = self.scale_feats_sigma(known)[..., None, None] * x + self.scale_feats_mu(known)[..., None, None]
        x = self.out_layer(self.blocks(x)).movedim(1, -1)
        return x * deviation[:, None, None] + mean[:, None, None] if self.normalize else x
`;
