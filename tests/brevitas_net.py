"""A small SqueezeNet of Brevitas' quantised layers: 4-bit weights, 6-bit activations."""

from __future__ import annotations

from typing import Any

import brevitas.nn as qnn
import torch
from brevitas.quant import Int8ActPerTensorFloat, Int8WeightPerChannelFloat, Int8WeightPerTensorFloat
from torch import nn


class Fire(nn.Module):
    def __init__(self, inputs: int, squeeze: int, expand: int, kinds: dict[str, Any], signed: bool) -> None:
        super().__init__()
        self.squeeze = qnn.QuantConv2d(inputs, squeeze, 1, **kinds)
        self.squeezed = qnn.QuantReLU(bit_width=6)
        self.expand1x1 = qnn.QuantConv2d(squeeze, expand, 1, **kinds)
        self.expand3x3 = qnn.QuantConv2d(squeeze, expand, 3, padding=1, **kinds)
        # one quantiser for both: their scale is shared
        self.expanded = qnn.QuantIdentity(bit_width=6) if signed else qnn.QuantReLU(bit_width=6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.squeezed(self.squeeze(x))
        return torch.cat([self.expanded(self.expand1x1(y)), self.expanded(self.expand3x3(y))], dim=1)


class QuantSqueezeNet(nn.Module):
    """Eats pixels 0..255 less 128, divided by 64, quantised to 8 bits."""

    def __init__(self, per_channel: bool = False, bias: bool = True) -> None:
        super().__init__()
        weights = Int8WeightPerChannelFloat if per_channel else Int8WeightPerTensorFloat
        kinds = {"weight_quant": weights, "weight_bit_width": 4, "bias": bias}
        self.image = qnn.QuantIdentity(act_quant=Int8ActPerTensorFloat, bit_width=8)
        self.conv1 = qnn.QuantConv2d(3, 8, 3, stride=2, padding=1, **kinds)
        self.relu1 = qnn.QuantReLU(bit_width=6)
        self.pool1 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.fire2 = Fire(8, 4, 6, kinds, False)
        self.fire3 = Fire(12, 4, 5, kinds, True)
        self.conv10 = qnn.QuantConv2d(10, 7, 1, **kinds)
        self.relu10 = qnn.QuantReLU(bit_width=6)
        self.pool10 = nn.AdaptiveAvgPool2d(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.image(x)
        y = self.pool1(self.relu1(self.conv1(y)))
        y = self.relu10(self.conv10(self.fire3(self.fire2(y))))
        y = y.value if hasattr(y, "value") else y
        return torch.flatten(self.pool10(y), 1)


def calibrated(seed: int, images: torch.Tensor, **options: bool) -> QuantSqueezeNet:
    """A network of random weights whose scales have seen ``images`` float32 [N, 3, H, W]."""
    torch.manual_seed(seed)
    net = QuantSqueezeNet(**options)
    for module in net.modules():
        if isinstance(module, qnn.QuantConv2d) and module.bias is not None:
            nn.init.normal_(module.bias, 0, 0.3)
    net.train()
    with torch.no_grad():
        for _ in range(3):
            net(images)
    net.eval()
    return net
