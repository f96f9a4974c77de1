"""Train the small SqueezeNet shipped in ``fpga_squeeze/datasets/data`` on scikit-learn's handwritten digits.

The network uses the layer kinds of SqueezeNet v1.1 (strided conv, fire modules, ceil-mode max pools,
1x1 classifier conv with ReLU, global average pool). The exported graph takes raw pixels (0..255) as
float: the 1/255 input scaling used in training is folded into the weights of ``conv1``.

The epoch is the one of the lowest validation loss; the test split only measures the exported file.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import sklearn
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from fpga_squeeze.datasets.digits import TRAINING, to_pixels

SPLIT_SEED = 2016  # fixed, independent of --seed: the splits never change between runs
TEST_SIZE, VAL_SIZE, TEST_SUBSET, CALIBRATION_SIZE = 360, 180, 32, 64
NUM_CLASSES, PIXEL_SCALE = 10, 255.0
DEFAULT_OUT = Path(__file__).resolve().parent.parent / "fpga_squeeze" / "datasets" / "data"
Split = tuple[np.ndarray, np.ndarray]


def partition(split: Split, size: int) -> tuple[Split, Split]:
    """Divide ``split``, stratified and always the same way, into all the others and ``size`` images."""
    indices = np.arange(len(split[1]))
    rest, chosen = train_test_split(indices, test_size=size, stratify=split[1], random_state=SPLIT_SEED)
    return (split[0][rest], split[1][rest]), (split[0][chosen], split[1][chosen])


def load_splits() -> dict[str, Split]:
    """Return the stratified ``train``, ``val`` and ``test`` splits: uint8 [N,8,8] images of 0..16, int64 labels."""
    digits = load_digits()
    rest, test = partition((digits.images.astype(np.uint8), digits.target.astype(np.int64)), TEST_SIZE)
    train, val = partition(rest, VAL_SIZE)
    return {"train": train, "val": val, "test": test}


class Fire(nn.Module):
    """SqueezeNet fire module: 1x1 squeeze, then concatenated 1x1 and 3x3 expands, each with ReLU."""

    def __init__(self, channels: int, squeeze: int, expand1: int, expand3: int) -> None:
        super().__init__()
        self.squeeze1x1 = nn.Conv2d(channels, squeeze, 1)
        self.expand1x1 = nn.Conv2d(squeeze, expand1, 1)
        self.expand3x3 = nn.Conv2d(squeeze, expand3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the module."""
        x = F.relu(self.squeeze1x1(x))
        return torch.cat([F.relu(self.expand1x1(x)), F.relu(self.expand3x3(x))], 1)


class DigitsSqueezeNet(nn.Module):
    """SqueezeNet for [N,1,32,32] images of pixels 0..255 and ten classes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, stride=2, padding=1)
        self.fire2, self.fire3 = Fire(16, 8, 16, 16), Fire(32, 8, 16, 16)
        self.fire4, self.fire5 = Fire(32, 12, 24, 24), Fire(48, 16, 32, 32)
        self.dropout = nn.Dropout(0.3)
        self.conv10 = nn.Conv2d(64, NUM_CLASSES, 1)
        for name, parameter in self.named_parameters():
            if name == "conv10.weight":
                nn.init.normal_(parameter, std=0.01)
            elif name == "conv10.bias":
                nn.init.ones_(parameter)  # starts every class on the live side of the final ReLU
            elif name.endswith("weight"):
                nn.init.kaiming_uniform_(parameter, nonlinearity="relu")
            else:
                nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        """Return the class scores."""
        x = F.relu(self.conv1(x / PIXEL_SCALE))
        x = self.fire3(self.fire2(F.max_pool2d(x, 3, 2, ceil_mode=True)))
        x = self.fire5(self.fire4(F.max_pool2d(x, 3, 2, ceil_mode=True)))
        x = F.relu(self.conv10(self.dropout(x)))
        return F.adaptive_avg_pool2d(x, 1).flatten(1)


def to_batch(images: np.ndarray) -> Tensor:
    """Turn uint8 [N,32,32] images into the float [N,1,32,32] model input."""
    return torch.from_numpy(images.astype(np.float32)[:, None])


def augment(x: Tensor) -> Tensor:
    """Randomly rotate (to 12 degrees), scale (0.88..1.12) and shift (to 2.5 pixels) every image."""
    angle, scale, *shift = torch.rand(4, len(x)) * 2 - 1
    angle, scale = angle * math.radians(12), 1 + 0.12 * scale
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    limit = 2 * 2.5 / x.shape[-1]
    rows = [torch.stack([cos, -sin, shift[0] * limit], 1), torch.stack([sin, cos, shift[1] * limit], 1)]
    grid = F.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


def train(splits: dict[str, Split], epochs: int, batch: int = 32) -> tuple[DigitsSqueezeNet, dict[str, Any]]:
    """Train; return the model of the lowest validation loss and the facts about its epoch."""
    model = DigitsSqueezeNet()
    x, y = to_batch(splits["train"][0]), torch.from_numpy(splits["train"][1])
    val_x, val_y = to_batch(splits["val"][0]), torch.from_numpy(splits["val"][1])
    steps = math.ceil(len(x) / batch)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=epochs * steps)
    best_loss, best, best_state = math.inf, {}, model.state_dict()
    for epoch in range(1, epochs + 1):
        model.train()
        for index in torch.randperm(len(x)).split(batch):
            loss = F.cross_entropy(model(augment(x[index])), y[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        model.eval()
        with torch.no_grad():
            scores = model(val_x)
        val_loss = float(F.cross_entropy(scores, val_y))
        correct = int((scores.argmax(1) == val_y).sum())
        if val_loss < best_loss:
            best_loss, best_state = val_loss, copy.deepcopy(model.state_dict())
            best = {"epoch": epoch, "val_loss": round(val_loss, 5), "val_correct": correct}
        if epoch % 10 == 0:
            print(f"epoch {epoch}: val {correct}/{len(val_y)}, loss {val_loss:.4f}, best {best}", flush=True)
    model.load_state_dict(best_state)
    return model.eval(), best


def build_onnx(model: DigitsSqueezeNet) -> onnx.ModelProto:
    """Write the network as a plain ONNX graph (opset 17, dynamic batch ``N``)."""
    nodes: list[onnx.NodeProto] = []
    weights: list[onnx.TensorProto] = []
    modules = dict(model.named_modules())

    def add(op: str, name: str, inputs: list[str], **attributes: Any) -> str:
        output = "logits" if op == "Flatten" else name
        nodes.append(helper.make_node(op, inputs, [output], name, **attributes))
        return output

    def conv(name: str, source: str, prefix: str = "") -> str:
        full = prefix + name
        module = modules[full.replace("/", ".")]
        assert isinstance(module, nn.Conv2d) and module.bias is not None
        weight = module.weight.detach().numpy() / np.float32(PIXEL_SCALE if name == "conv1" else 1)
        weights.append(numpy_helper.from_array(weight, f"{full}.weight"))
        weights.append(numpy_helper.from_array(module.bias.detach().numpy(), f"{full}.bias"))
        window = {"kernel_shape": module.kernel_size, "strides": module.stride, "pads": [*module.padding] * 2}
        add("Conv", full, [source, f"{full}.weight", f"{full}.bias"], dilations=[1, 1], group=1, **window)
        return add("Relu", f"{prefix}relu_{name}", [full])

    def fire(name: str, source: str) -> str:
        squeezed = conv("squeeze1x1", source, f"{name}/")
        expanded = [conv(kind, squeezed, f"{name}/") for kind in ("expand1x1", "expand3x3")]
        return add("Concat", f"{name}/concat", expanded, axis=1)

    def pool(name: str, source: str) -> str:
        return add("MaxPool", name, [source], kernel_shape=[3, 3], strides=[2, 2], pads=[0] * 4, ceil_mode=1)

    x = fire("fire3", fire("fire2", pool("pool1", conv("conv1", "input"))))
    x = fire("fire5", fire("fire4", pool("pool3", x)))
    add("Flatten", "flatten", [add("GlobalAveragePool", "pool10", [conv("conv10", x)])], axis=1)
    inputs = [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 1, 32, 32])]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", NUM_CLASSES])]
    graph = helper.make_graph(nodes, "digits_squeezenet", inputs, outputs, weights)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(proto, full_check=True)
    return proto


def main() -> None:
    """Train, export, measure the exported file, and write the data files."""
    parser = argparse.ArgumentParser(description="Train and export the digits SqueezeNet.")
    parser.add_argument("--seed", type=int, default=0, help="seed of initialisation, shuffling, augmentation")
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="output directory")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    small = load_splits()
    splits = {name: (to_pixels(images), labels) for name, (images, labels) in small.items()}
    model, selected = train(splits, args.epochs)
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "digits_squeezenet.onnx"
    onnx.save(build_onnx(model), path)

    images, labels = splits["test"]
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    scores = np.asarray(session.run(["logits"], {"input": to_batch(images).numpy()})[0])
    with torch.no_grad():
        difference = float(np.abs(scores - model(to_batch(images)).numpy()).max())
    assert difference < 1e-4, f"the exported network differs from the trained one by {difference}"
    correct = int((scores.argmax(1) == labels).sum())
    percent = round(100 * correct / len(labels), 2)
    facts: dict[str, Any] = {
        "model": path.name,
        "script": "training/train_digits.py",
        "dataset": "scikit-learn load_digits (UCI Optical Recognition of Handwritten Digits, CC BY 4.0), "
        "8x8 upscaled to 32x32 uint8",
        "split": {name: len(split[1]) for name, split in splits.items()} | {"seed": SPLIT_SEED},
        "input": {"shape": ["N", 1, 32, 32], "range": [0, 255], "preprocess": "none"},
        "training": {"seed": args.seed, "epochs": args.epochs, "selected": selected},
        "parameters": sum(p.numel() for p in model.parameters()),
        "float_test_accuracy": {"correct": correct, "total": len(labels), "percent": percent},
        "max_abs_difference_torch_onnxruntime": difference,
        "versions": {m.__name__: str(m.__version__) for m in (torch, sklearn, onnx, ort, np)},
    }
    (args.out / "digits_squeezenet.json").write_text(json.dumps(facts, indent=2) + "\n")
    test_images, test_labels = partition(splits["test"], TEST_SUBSET)[1]
    calibration_images, _ = partition(splits["train"], CALIBRATION_SIZE)[1]
    np.savez_compressed(
        args.out / "digits_images.npz",
        test_images=test_images[..., None],
        test_labels=test_labels,
        calibration_images=calibration_images[..., None],
        accuracy_images=images[..., None],
        accuracy_labels=labels,
    )
    training = {
        f"{name}_{what}": array.astype(np.uint8)
        for name in ("train", "val")
        for what, array in zip(("images", "labels"), small[name], strict=True)
    }
    np.savez_compressed(args.out / TRAINING, **training)
    print(json.dumps(facts, indent=2))


if __name__ == "__main__":
    main()
