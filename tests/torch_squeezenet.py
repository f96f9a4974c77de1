"""torchvision's SqueezeNet: its modules as torch builds them, and the ONNX graphs that torch's exporters make of
them, built without torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

POOL = "pool"
FIRES: dict[str, list[tuple[int, ...] | str]] = {
    "1_0": [
        (16, 64), (16, 64), (32, 128), POOL, (32, 128), (48, 192), (48, 192), (64, 256), POOL, (64, 256)
    ],
    "1_1": [
        (16, 64), (16, 64), POOL, (32, 128), (32, 128), POOL, (48, 192), (48, 192), (64, 256), (64, 256)
    ],
}  # fmt: skip
STEM = {"1_0": (96, 7), "1_1": (64, 3)}


def torch_branches() -> Any:
    """A ``torch.nn.Module`` that does one thing or another, as its pixels are."""
    from torch import Tensor, nn

    class Branches(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x if x.sum() > 0 else -x

    return Branches()


def torch_squeezenet(version: str, classes: int = 1000) -> Any:
    """A ``torch.nn.Module`` of torchvision's structure: ``features`` and ``classifier``."""
    import torch
    from torch import nn

    class Fire(nn.Module):
        def __init__(self, inputs: int, squeeze: int, expand: int) -> None:
            super().__init__()
            self.squeeze = nn.Conv2d(inputs, squeeze, kernel_size=1)
            self.squeeze_activation = nn.ReLU(inplace=True)
            self.expand1x1 = nn.Conv2d(squeeze, expand, kernel_size=1)
            self.expand1x1_activation = nn.ReLU(inplace=True)
            self.expand3x3 = nn.Conv2d(squeeze, expand, kernel_size=3, padding=1)
            self.expand3x3_activation = nn.ReLU(inplace=True)

        def forward(self, x: Any) -> Any:
            x = self.squeeze_activation(self.squeeze(x))
            one = self.expand1x1_activation(self.expand1x1(x))
            return torch.cat([one, self.expand3x3_activation(self.expand3x3(x))], 1)

    class SqueezeNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            channels, kernel = STEM[version]

            def pool() -> nn.Module:
                return nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True)

            features = [nn.Conv2d(3, channels, kernel_size=kernel, stride=2), nn.ReLU(inplace=True), pool()]
            for item in FIRES[version]:
                if isinstance(item, str):
                    features.append(pool())
                    continue
                features.append(Fire(channels, *item))
                channels = 2 * item[1]
            self.features = nn.Sequential(*features)
            self.classifier = nn.Sequential(
                nn.Dropout(p=0.5),
                nn.Conv2d(channels, classes, kernel_size=1),
                nn.ReLU(inplace=True),
                nn.AdaptiveAvgPool2d((1, 1)),
            )

        def forward(self, x: Any) -> Any:
            return torch.flatten(self.classifier(self.features(x)), 1)

    torch.manual_seed(0)
    return SqueezeNet()


class Export:
    """Builds the graph node by node, named as the TorchScript exporter or the dynamo exporter names it."""

    def __init__(self, dynamo: bool, seed: int = 0) -> None:
        self.dynamo = dynamo
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.counts: dict[str, int] = {}

    def node(self, op: str, path: str, aten: str, inputs: list[str], last: bool = False, **attrs: Any) -> str:
        if self.dynamo:
            count = self.counts.get(aten, 0)
            self.counts[aten] = count + 1
            out = f"{aten}_{count}" if count else aten
            name = f"node_{out}"
        else:
            name = f"{path}/{op}"
            out = f"{name}_output_0"
        out = "logits" if last else out
        self.nodes.append(helper.make_node(op, inputs, [out], name=name, **attrs))
        return out

    def constant(self, name: str, value: np.ndarray) -> str:
        self.initializers.append(numpy_helper.from_array(value, name))
        return name

    def conv(self, x: str, path: str, inputs: int, outputs: int, kernel: int, **attrs: Any) -> str:
        module = ".".join(path.split("/")[2:])
        weight = self.rng.normal(0, np.sqrt(2 / inputs) / kernel, (outputs, inputs, kernel, kernel))
        bias = self.rng.normal(0, 0.1, outputs)
        names = [
            self.constant(f"{module}.weight", weight.astype(np.float32)),
            self.constant(f"{module}.bias", bias.astype(np.float32)),
        ]
        given: dict[str, Any] = {"strides": [1, 1], "pads": [0] * 4} | attrs
        if self.dynamo:
            given |= {"auto_pad": "NOTSET"}
        return self.node(
            "Conv", path, "conv2d", [x, *names],
            kernel_shape=[kernel] * 2, group=1, dilations=[1, 1], **given,
        )  # fmt: skip

    def relu(self, x: str, path: str) -> str:
        return self.node("Relu", path, "relu", [x])

    def pool(self, x: str, path: str) -> str:
        more: dict[str, Any] = {"auto_pad": "NOTSET", "storage_order": 0} if self.dynamo else {}
        return self.node(
            "MaxPool", path, "max_pool2d", [x],
            kernel_shape=[3, 3], strides=[2, 2], pads=[0] * 4, dilations=[1, 1], ceil_mode=1, **more,
        )  # fmt: skip

    def fire(self, x: str, path: str, inputs: int, squeeze: int, expand: int, wide: int = 0) -> str:
        """A Fire module with ``expand`` channels in the 1x1 branch and ``wide`` (0: as many) in the 3x3 branch."""
        y = self.relu(self.conv(x, f"{path}/squeeze", inputs, squeeze, 1), f"{path}/squeeze_activation")
        a = self.relu(self.conv(y, f"{path}/expand1x1", squeeze, expand, 1), f"{path}/expand1x1_activation")
        b = self.conv(y, f"{path}/expand3x3", squeeze, wide or expand, 3, pads=[1] * 4)
        b = self.relu(b, f"{path}/expand3x3_activation")
        return self.node("Concat", path, "cat", [a, b], axis=1)

    def end(self, x: str, classes: int) -> None:
        """Average and flatten, which the two spell differently."""
        if self.dynamo:
            axes = self.constant("val_5", np.array([-1, -2], dtype=np.int64))
            x = self.node("ReduceMean", "", "mean", [x, axes], keepdims=1, noop_with_empty_axes=0)
            shape = self.constant("val_9", np.array([1, classes], dtype=np.int64))
            self.node("Reshape", "", "view", [x, shape], last=True, allowzero=1)
            return
        x = self.node("GlobalAveragePool", "/classifier/classifier.3", "", [x])
        self.node("Flatten", "", "", [x], last=True, axis=1)


def exported(
    version: str,
    dynamo: bool,
    classes: int = 1000,
    size: tuple[int, int] = (224, 224),
    relu: bool = True,
    blocks: Sequence[tuple[int, ...] | str] | None = None,
) -> onnx.ModelProto:
    """The graph that ``torch.onnx.export`` makes of :func:`torch_squeezenet`, with random weights.

    ``blocks`` are other Fire modules and pools than those of the version.
    """
    net = Export(dynamo)
    channels, kernel = STEM[version]
    x = net.conv("image", "/features/features.0", 3, channels, kernel, strides=[2, 2])
    x = net.pool(net.relu(x, "/features/features.1"), "/features/features.2")
    for i, item in enumerate(blocks or FIRES[version], 3):
        path = f"/features/features.{i}"
        if isinstance(item, str):
            x = net.pool(x, path)
            continue
        x = net.fire(x, path, channels, *item)
        channels = item[1] + item[-1]
    x = net.conv(x, "/classifier/classifier.1", channels, classes, 1)
    net.end(net.relu(x, "/classifier/classifier.2") if relu else x, classes)
    graph = helper.make_graph(
        net.nodes,
        "main_graph",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1 if dynamo else "N", 3, *size])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1 if dynamo else "N", classes])],
        net.initializers,
    )
    opset = 20 if dynamo else 17
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10 if dynamo else 8
    )
