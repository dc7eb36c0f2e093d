/** The DeepONet of `../deeponet.ts` in PyTorch. */
export const deepOnetPytorch = `
class Net(nn.Module):
    def __init__(self, sizes, activation):
        super().__init__()
        self.linears = nn.ModuleList([nn.Linear(inputs, outputs) for inputs, outputs in zip(sizes, sizes[1:])])
        self.activation = activation

    def forward(self, x):
        for layer in self.linears[:-1]:
            x = self.activation(layer(x))
        return self.linears[-1](x)


class Model(FieldModel):
    """A DeepONet: a branch net of what is given at all points, a trunk net of the coordinates."""

    def __init__(self, config):
        super().__init__(config)
        self.activation = {"relu": F.relu, "tanh": torch.tanh, "gelu": F.gelu}[config["activation"]]
        hidden, self.basis = [config["width"]] * config["depth"], config["basis"]
        self.points = math.prod(self.space)
        self.branch = Net([self.points * self.inputs, *hidden, self.basis * self.channels], self.activation)
        self.trunk = Net([self.dimensions, *hidden, self.basis], self.activation)
        self.b = nn.ParameterList([nn.Parameter(torch.zeros(())) for _ in range(self.channels)])

    def compute(self, given):
        if self.coordinates is None:
            raise ValueError("config.json has no coordinates: set model.coordinates to those of the data, [*space, dimensions]")
        functions = self.activation(self.trunk(self.coordinates.reshape(self.points, self.dimensions)))
        coefficients = self.branch(given.flatten(1)).unflatten(1, (self.channels, self.basis))
        fields = torch.einsum("bcf,pf->bpc", coefficients, functions) + torch.stack(list(self.b))
        return fields.unflatten(1, tuple(self.space))
`;
