"""Published networks with random weights, small or at full size: what planners, simulations and benchmarks run on.

The layers are those of the papers, the names those of the published files; weights are drawn from a seed, at a scale
that keeps activations in bounds. Each function gives a FloatModel for images of raw pixels 0..255.
"""

from .inception import inception_net
from .squeezenet import Numbers, squeezenet, squeezenet_of
from .squeezenext import squeezenext
from .vgg import vgg
from .zynqnet import zynqnet

__all__ = ["Numbers", "inception_net", "squeezenet", "squeezenet_of", "squeezenext", "vgg", "zynqnet"]
