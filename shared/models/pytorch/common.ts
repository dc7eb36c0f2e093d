/**
 * `model.py` of an export: what every family's model has in common, in PyTorch. A family adds the source of a class `Model` whose parameters have
 * the names of `model.safetensors` and whose `compute` goes from `[batch, *space, inputs]` to `[batch, *space, channels]`.
 */
const common = `"""The model of this folder in PyTorch. Needs torch and safetensors.

    from model import load
    model = load(".")
    predicted = model.roll_out(past, steps)
"""

import json
import math
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F


def load(folder="."):
    """The model with its weights, for evaluation. folder has config.json and model.safetensors."""
    folder = Path(folder)
    model = Model(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    model.load_state_dict(load_file(folder / "model.safetensors"))
    return model.eval()


def by_axis(setting, dimensions):
    """A setting's number for each space axis."""
    return setting if isinstance(setting, list) else [setting] * dimensions


def coordinates_of(config):
    """Coordinates [*space, dimensions] of every point, or None where config.json has none."""
    axes = [axis.get("values") for axis in config.get("coordinates", [])]
    if not axes or None in axes:
        return None
    return torch.stack(torch.meshgrid(*[torch.tensor(axis) for axis in axes], indexing="ij"), dim=-1)


class FieldModel(nn.Module):
    """From fields in the units of the data to those of the next time step."""

    def __init__(self, config):
        super().__init__()
        self.space = config["space"]
        self.dimensions = len(self.space)
        self.channels, self.window = config["channels"], config["window"]
        self.statics = config.get("statics", 0)
        # Numbers that are given at each point: the window's steps, each with its channels, then the static fields.
        self.inputs = self.window * self.channels + self.statics
        # A normalised value is (value - shift) / scale.
        normaliser = config.get("normaliser", {})
        for fields in ("channels", "statics"):
            for part, usual in (("shift", 0.0), ("scale", 1.0)):
                numbers = normaliser.get(fields, {}).get(part, [usual] * getattr(self, fields))
                self.register_buffer(f"{fields}_{part}", torch.tensor(numbers), persistent=False)
        self.register_buffer("coordinates", coordinates_of(config), persistent=False)

    def forward(self, past=None, statics=None):
        """past [batch, *space, window, channels] and statics [batch, *space, statics], where the model takes them: next [batch, *space, channels]."""
        given = []
        if self.window:
            given.append(((past - self.channels_shift) / self.channels_scale).flatten(-2))
        if self.statics:
            given.append((statics - self.statics_shift) / self.statics_scale)
        return self.compute(torch.cat(given, dim=-1)) * self.channels_scale + self.channels_shift

    @torch.no_grad()
    def roll_out(self, past=None, steps=1, statics=None):
        """The next steps [batch, *space, steps, channels], each from those before it. A static map has one."""
        predicted = []
        for _ in range(steps if self.window else 1):
            predicted.append(self(past, statics))
            if self.window:
                past = torch.cat([past[..., 1:, :], predicted[-1].unsqueeze(-2)], dim=-2)
        return torch.stack(predicted, dim=-2)

    def with_coordinates(self, given):
        """What is given [batch, *space, inputs] with the coordinates of each point behind."""
        if self.coordinates is None:
            raise ValueError("config.json has no coordinates: set model.coordinates to those of the data, [*space, dimensions]")
        return torch.cat([given, self.coordinates.expand(given.shape[0], *self.coordinates.shape)], dim=-1)
`;

/** The whole module, of the source of a family's class. */
export const pytorchModule = (model: string): string => `${common}\n\n${model.trim()}\n`;
