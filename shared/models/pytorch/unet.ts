/** The U-Nets of `../unet.ts` in PyTorch. */
export const unetPytorch = `
class Model(FieldModel):
    """A U-Net as in PDEBench. Coordinates are not given to it."""

    def __init__(self, config):
        super().__init__(config)
        plane = self.dimensions == 2
        conv, norm = (nn.Conv2d, nn.BatchNorm2d) if plane else (nn.Conv1d, nn.BatchNorm1d)
        up, self.pool = (nn.ConvTranspose2d, F.max_pool2d) if plane else (nn.ConvTranspose1d, F.max_pool1d)

        def block(prefix, inputs, outputs):
            layers = nn.Sequential()
            for number, size in ((1, inputs), (2, outputs)):
                layers.add_module(f"{prefix}conv{number}", conv(size, outputs, 3, padding=1, bias=False))
                layers.add_module(f"{prefix}norm{number}", norm(outputs))
                layers.add_module(f"{prefix}tanh{number}", nn.Tanh())
            return layers

        features = [config["initFeatures"] * 2**level for level in range(5)]
        for level in range(1, 5):
            inputs = self.inputs if level == 1 else features[level - 2]
            setattr(self, f"encoder{level}", block(f"enc{level}", inputs, features[level - 1]))
            setattr(self, f"upconv{level}", up(features[level], features[level - 1], 2, stride=2))
            setattr(self, f"decoder{level}", block(f"dec{level}", features[level], features[level - 1]))
        self.bottleneck = block("bottleneck", features[3], features[4])
        self.conv = conv(features[0], self.channels, 1)

    def compute(self, given):
        x, across = given.movedim(-1, 1), []
        for level in range(1, 5):
            across.append(getattr(self, f"encoder{level}")(x))
            x = self.pool(across[-1], 2)
        x = self.bottleneck(x)
        for level in range(4, 0, -1):
            x = torch.cat([getattr(self, f"upconv{level}")(x), across.pop()], dim=1)
            x = getattr(self, f"decoder{level}")(x)
        return self.conv(x).movedim(1, -1)
`;
