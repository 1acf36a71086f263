"""Build an ONNX model from AugNet's tensors: ResNet-50, a linear layer of 768, tanh. Runs when the package is built.

Batch normalisation is folded into the convolution before it, in float64. Weights are stored as 16-bit integers with one
float32 scale for each output channel, which halves the file; ONNX Runtime multiplies them when it loads the model. This
changes an embedding by a fifth of what half-precision floats would (measured by `benchmarks/parity.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from imgsim_guard.augnet import DIMENSIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from onnx import NodeProto

BLOCKS_OF_STAGE = (3, 4, 6, 3)
"""ResNet-50: He et al., Deep Residual Learning for Image Recognition, table 1 (arXiv 1512.03385)."""

BATCH_NORM_EPSILON = 1e-5
"""The default of torch.nn.BatchNorm2d, with which AugNet was trained."""

OPSET, IR_VERSION = 17, 8
"""ONNX versions that every supported ONNX Runtime reads. They are pinned, so that the same weights
give the same file.
"""

INT16_MAX = 32767


def build_model(tensors: Mapping[str, NDArray[Any]]) -> bytes:
    """The serialised ONNX model: `pixels` float32 [n, 3, h, w] in, `embeddings` float32 [n, 768] out."""
    builder = _Builder({name.removeprefix("module.pre."): tensor for name, tensor in tensors.items()})
    graph = helper.make_graph(
        builder.resnet50(),
        "AugNet",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["n", DIMENSIONS])],
        builder.initializers,
    )
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION, producer_name="imgsim-guard")
    return bytes(model.SerializeToString(deterministic=True))


class _Builder:
    """Collects nodes and initializers. Each method appends what its name says and returns the name of the output."""

    def __init__(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        self.tensors = tensors
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = []

    def resnet50(self) -> list[NodeProto]:
        x = self.convolution("pixels", "conv1", "bn1", stride=2)
        x = self.node("Relu", [x], "stem")
        x = self.node("MaxPool", [x], "pool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
        for stage, blocks in enumerate(BLOCKS_OF_STAGE, start=1):
            for block in range(blocks):
                x = self.bottleneck(x, f"layer{stage}.{block}", stride=2 if stage > 1 and block == 0 else 1)
        x = self.node("GlobalAveragePool", [x], "average")
        x = self.node("Flatten", [x], "flat")
        weight, bias = self.tensors["fc.weight"], self.tensors["fc.bias"]
        x = self.node("Gemm", [x, self.weight("fc.weight", weight), self.constant("fc.bias", bias)], "fc", transB=1)
        self.node("Tanh", [x], "embeddings")
        return self.nodes

    def bottleneck(self, x: str, name: str, *, stride: int) -> str:
        shortcut = x
        if f"{name}.downsample.0.weight" in self.tensors:
            shortcut = self.convolution(x, f"{name}.downsample.0", f"{name}.downsample.1", stride=stride)
        x = self.convolution(x, f"{name}.conv1", f"{name}.bn1", stride=1)
        x = self.node("Relu", [x], f"{name}.relu1")
        x = self.convolution(x, f"{name}.conv2", f"{name}.bn2", stride=stride)
        x = self.node("Relu", [x], f"{name}.relu2")
        x = self.convolution(x, f"{name}.conv3", f"{name}.bn3", stride=1)
        return self.node("Relu", [self.node("Add", [x, shortcut], f"{name}.add")], name)

    def convolution(self, x: str, name: str, norm: str, *, stride: int) -> str:
        kernel = self.tensors[f"{name}.weight"]
        mean, variance, gain, offset = (
            self.tensors[f"{norm}.{part}"].astype(np.float64)
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        scale = gain / np.sqrt(variance + BATCH_NORM_EPSILON)
        folded = kernel.astype(np.float64) * scale[:, None, None, None]
        size = kernel.shape[2]
        inputs = [x, self.weight(f"{name}.weight", folded), self.constant(f"{name}.bias", offset - mean * scale)]
        pads = [size // 2] * 4
        return self.node("Conv", inputs, name, kernel_shape=[size, size], strides=[stride, stride], pads=pads)

    def weight(self, name: str, values: NDArray[Any]) -> str:
        """A weight of shape [out, ...] as int16 with one scale for each output channel."""
        per_channel = tuple(range(1, values.ndim))
        scale = np.abs(values).max(axis=per_channel, keepdims=True).astype(np.float64) / INT16_MAX
        scale[scale == 0] = 1.0
        self.initializers.append(numpy_helper.from_array(np.rint(values / scale).astype(np.int16), f"{name}.int16"))
        whole = self.node("Cast", [f"{name}.int16"], f"{name}.float", to=TensorProto.FLOAT)
        return self.node("Mul", [whole, self.constant(f"{name}.scale", scale)], name)

    def constant(self, name: str, values: NDArray[Any]) -> str:
        self.initializers.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:  # noqa: ANN401  each kind has its own
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output
