"""The operators of ONNX by what the walk does with them, and advice for those that it refuses."""

from __future__ import annotations

ADVICE = {
    "Gemm": "fully connected layers are not supported; write them as 1x1 convolutions",
    "MatMul": "fully connected layers are not supported; write them as 1x1 convolutions",
    **dict.fromkeys(
        ("Elu", "HardSigmoid", "HardSwish", "LeakyRelu", "PRelu", "Sigmoid", "Tanh"),
        "only Relu and Clip are supported as activation",
    ),
    "Cast": "only floats are computed with; cast constants, or behind a softmax",
    "Div": "no kernel divides one map by another",
    "Mul": "no kernel multiplies two maps",
    "Sub": "no kernel takes one map from another; negate a convolution's weights and use Add",
    "Max": "no kernel takes the larger of two maps; with a constant 0 it is a Relu",
    "Min": "no kernel takes the smaller of two maps; with a constant it is a Clip",
}
IDENTITY = "put a 1x1 convolution with the identity as weights in front of it"
"""The way out that leaves a network what it is, wherever a node needs a convolution of its own."""
POOLED = ("GlobalAveragePool", "AveragePool")
REDUCED = ("ReduceMean", "ReduceSum")
RESHAPED = ("Flatten", "Reshape", "Squeeze", "Transpose", "Unsqueeze")
LAST = ("ArgMax", "LogSoftmax", "Softmax")
PAIRS = ("QuantizeLinear", "DequantizeLinear")
ONE_INPUT = (
    *("BatchNormalization", "Cast", "Clip", "Conv", "MaxPool", "Pad", "Relu", "Shape"),
    *(*PAIRS, *POOLED, *REDUCED, *RESHAPED, *LAST),
)
"""Operators whose first input is a map; what else they read is constant."""
SEVERAL = ("Add", "Concat", "Div", "Max", "Min", "Mul", "Sub", "Sum")
SAME_SHAPE = (
    "LeakyRelu",
    "Sigmoid",
    "HardSwish",
    "HardSigmoid",
    "Elu",
    "PRelu",
    "Tanh",
)
"""Operators that are refused but hide nothing of what stands behind them."""
SUMMED = ("Div", "Mul", *REDUCED, *RESHAPED)
"""What may stand between a sum and its division by the number of pixels."""
ROUNDED = 1e-6
"""A sum times 1 / N is a mean where the product differs by no more than this from one: 1 / N was rounded to float32."""
