"""Every layer of ``nn`` that has a form in ONNX, run in onnxruntime with two batch sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_hw as torch
from tests.onnx.common import check
from tinygrad_hw import nn


def floats(*shape: int) -> torch.Tensor:
    rng = np.random.default_rng(sum(shape) + len(shape))
    return torch.tensor(rng.standard_normal(shape).astype(np.float32))


def ints(high: int, *shape: int) -> torch.Tensor:
    return torch.tensor(np.random.default_rng(sum(shape)).integers(0, high, shape))


def stirred(model: nn.Module) -> nn.Module:
    """Give parameters and running statistics values that show whether they are used."""
    rng = np.random.default_rng(0)
    for name, t in (*model.named_parameters(), *model.named_buffers()):
        if t.dtype is torch.float32:
            low, high = (0.5, 1.5) if "var" in name else (-0.8, 0.8)
            t.data.copy_(torch.tensor(rng.uniform(low, high, tuple(t.shape)).astype(np.float32)))
    return model


#: Name: (layer, shape of the input without the batch).
LAYERS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "Linear": (lambda: nn.Linear(5, 3), (5,)),
    "Linear, no bias": (lambda: nn.Linear(5, 3, bias=False), (5,)),
    "Linear, 3-D": (lambda: nn.Linear(5, 3), (4, 5)),
    "Linear, 3-D, no bias": (lambda: nn.Linear(5, 3, bias=False), (4, 5)),
    "Identity": (lambda: nn.Identity(), (5,)),
    "Conv1d": (lambda: nn.Conv1d(4, 6, 3), (4, 9)),
    "Conv1d, all options": (lambda: nn.Conv1d(4, 6, 3, stride=2, padding=2, dilation=2, groups=2, bias=False), (4, 11)),
    "Conv1d, same": (lambda: nn.Conv1d(4, 6, 4, padding="same"), (4, 9)),
    "Conv2d": (lambda: nn.Conv2d(4, 6, 3), (4, 7, 8)),
    "Conv2d, all options": (
        lambda: nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 2), dilation=(2, 1), groups=2), (4, 9, 8)
    ),
    "Conv2d, depthwise": (lambda: nn.Conv2d(4, 8, 3, padding=1, groups=4), (4, 7, 8)),
    "Conv2d, same": (lambda: nn.Conv2d(4, 6, (4, 3), padding="same", dilation=(1, 2)), (4, 7, 8)),
    "Conv2d, valid": (lambda: nn.Conv2d(4, 6, 3, padding="valid"), (4, 7, 8)),
    "Conv2d, reflect": (lambda: nn.Conv2d(4, 6, 3, padding=(1, 2), padding_mode="reflect"), (4, 7, 8)),
    "Conv2d, replicate": (lambda: nn.Conv2d(4, 6, 3, padding=(1, 2), padding_mode="replicate"), (4, 7, 8)),
    "Conv2d, circular": (lambda: nn.Conv2d(4, 6, 3, padding=(1, 2), padding_mode="circular"), (4, 7, 8)),
    "Conv3d": (lambda: nn.Conv3d(2, 4, 3, padding=1, stride=2), (2, 5, 6, 7)),
    "Conv3d, groups and dilation": (lambda: nn.Conv3d(2, 4, 2, groups=2, dilation=(1, 2, 1)), (2, 5, 6, 7)),
    "ConvTranspose1d": (lambda: nn.ConvTranspose1d(4, 6, 3, stride=2, padding=1, output_padding=1), (4, 9)),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(4, 6, 3), (4, 5, 6)),
    "ConvTranspose2d, all options": (
        lambda: nn.ConvTranspose2d(
            4, 6, 3, stride=(3, 2), padding=1, output_padding=(2, 1), groups=2, dilation=(2, 1), bias=False
        ), (4, 5, 6)
    ),
    "ConvTranspose3d": (lambda: nn.ConvTranspose3d(2, 3, 3, stride=2, padding=1, output_padding=1), (2, 3, 4, 5)),
    "MaxPool1d": (lambda: nn.MaxPool1d(3, stride=2, padding=1), (4, 9)),
    "MaxPool2d": (lambda: nn.MaxPool2d(2), (4, 6, 8)),
    "MaxPool2d, dilation": (lambda: nn.MaxPool2d(3, stride=1, padding=1, dilation=2), (4, 7, 8)),
    "MaxPool2d, ceil": (lambda: nn.MaxPool2d(2, ceil_mode=True), (4, 7, 9)),
    "MaxPool2d, ceil and padding": (lambda: nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True), (4, 8, 7)),
    "MaxPool2d, ceil, window outside": (lambda: nn.MaxPool2d(2, stride=3, padding=1, ceil_mode=True), (4, 7, 8)),
    "MaxPool3d": (lambda: nn.MaxPool3d(2, padding=1), (2, 5, 6, 7)),
    "AvgPool1d": (lambda: nn.AvgPool1d(3, stride=2, padding=1), (4, 9)),
    "AvgPool2d": (lambda: nn.AvgPool2d(2), (4, 6, 8)),
    "AvgPool2d, padding": (lambda: nn.AvgPool2d(3, stride=2, padding=1), (4, 7, 8)),
    "AvgPool2d, padding not counted": (lambda: nn.AvgPool2d(3, 2, padding=1, count_include_pad=False), (4, 7, 8)),
    "AvgPool2d, ceil": (lambda: nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True), (4, 8, 10)),
    "AvgPool2d, ceil, padding not counted": (
        lambda: nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True, count_include_pad=False), (4, 8, 10)
    ),
    "AvgPool2d, ceil, window outside": (lambda: nn.AvgPool2d(2, stride=3, padding=1, ceil_mode=True), (4, 7, 8)),
    "AvgPool2d, divisor": (lambda: nn.AvgPool2d(3, padding=1, divisor_override=5), (4, 7, 8)),
    "AvgPool3d": (lambda: nn.AvgPool3d(2, padding=1), (2, 5, 6, 7)),
    "AdaptiveAvgPool1d": (lambda: nn.AdaptiveAvgPool1d(3), (4, 9)),
    "AdaptiveAvgPool2d, one": (lambda: nn.AdaptiveAvgPool2d(1), (4, 6, 9)),
    "AdaptiveAvgPool2d, divisors": (lambda: nn.AdaptiveAvgPool2d((2, None)), (4, 6, 9)),
    "AdaptiveAvgPool2d, uneven": (lambda: nn.AdaptiveAvgPool2d((4, 5)), (4, 6, 9)),
    "AdaptiveAvgPool2d, larger": (lambda: nn.AdaptiveAvgPool2d(7), (2, 3, 5)),
    "AdaptiveAvgPool3d": (lambda: nn.AdaptiveAvgPool3d((1, 2, 3)), (2, 4, 4, 5)),
    "AdaptiveMaxPool1d": (lambda: nn.AdaptiveMaxPool1d(4), (4, 9)),
    "AdaptiveMaxPool2d": (lambda: nn.AdaptiveMaxPool2d((2, 3)), (4, 6, 9)),
    "AdaptiveMaxPool2d, one": (lambda: nn.AdaptiveMaxPool2d(1), (4, 6, 9)),
    "AdaptiveMaxPool3d": (lambda: nn.AdaptiveMaxPool3d(2), (2, 4, 4, 5)),
    "LPPool1d": (lambda: nn.LPPool1d(2, 3, stride=2), (4, 9)),
    "LPPool2d": (lambda: nn.LPPool2d(2, (2, 3)), (4, 6, 9)),
    "LPPool2d, ceil": (lambda: nn.LPPool2d(2, 2, ceil_mode=True), (4, 7, 9)),
    "LPPool3d": (lambda: nn.LPPool3d(2, 2), (2, 4, 4, 6)),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(4), (4,)),
    "BatchNorm1d, 3-D": (lambda: nn.BatchNorm1d(4), (4, 6)),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(4), (4, 5, 6)),
    "BatchNorm2d, not affine": (lambda: nn.BatchNorm2d(4, affine=False, eps=0.1), (4, 5, 6)),
    "BatchNorm3d": (lambda: nn.BatchNorm3d(4), (4, 2, 3, 4)),
    "BatchNorm2d and ReLU": (lambda: nn.Sequential(nn.BatchNorm2d(4), nn.ReLU()), (4, 5, 6)),
    "LayerNorm": (lambda: nn.LayerNorm(6), (4, 6)),
    "LayerNorm, two dimensions": (lambda: nn.LayerNorm((4, 6)), (3, 4, 6)),
    "LayerNorm, not affine": (lambda: nn.LayerNorm(6, elementwise_affine=False), (4, 6)),
    "LayerNorm, no bias": (lambda: nn.LayerNorm(6, bias=False), (4, 6)),
    "RMSNorm": (lambda: nn.RMSNorm(6), (4, 6)),
    "RMSNorm, eps": (lambda: nn.RMSNorm((4, 6), eps=0.1, elementwise_affine=False), (4, 6)),
    "GroupNorm": (lambda: nn.GroupNorm(2, 6), (6, 5, 4)),
    "GroupNorm, 2-D": (lambda: nn.GroupNorm(3, 6), (6,)),
    "GroupNorm, not affine": (lambda: nn.GroupNorm(2, 6, affine=False), (6, 5)),
    "InstanceNorm1d": (lambda: nn.InstanceNorm1d(4), (4, 9)),
    "InstanceNorm2d": (lambda: nn.InstanceNorm2d(4, affine=True), (4, 5, 6)),
    "InstanceNorm2d, running": (lambda: nn.InstanceNorm2d(4, track_running_stats=True), (4, 5, 6)),
    "InstanceNorm3d": (lambda: nn.InstanceNorm3d(4), (4, 2, 3, 4)),
    "LocalResponseNorm": (lambda: nn.LocalResponseNorm(3, alpha=0.1), (6, 5, 4)),
    "Dropout": (lambda: nn.Dropout(0.5), (7,)),
    "Dropout1d": (lambda: nn.Dropout1d(0.5), (4, 7)),
    "Dropout2d": (lambda: nn.Dropout2d(0.5), (4, 7, 2)),
    "Dropout3d": (lambda: nn.Dropout3d(0.5), (4, 7, 2, 2)),
    "AlphaDropout": (lambda: nn.AlphaDropout(0.5), (7,)),
    "FeatureAlphaDropout": (lambda: nn.FeatureAlphaDropout(0.5), (4, 7)),
    "Flatten": (lambda: nn.Flatten(), (3, 4, 5)),
    "Flatten, part": (lambda: nn.Flatten(2, 3), (3, 4, 5)),
    "Flatten, with the batch": (lambda: nn.Flatten(0, 1), (3, 4)),
    "Unflatten": (lambda: nn.Unflatten(1, (2, 3)), (6, 4)),
    "Upsample, nearest": (lambda: nn.Upsample(scale_factor=2), (3, 4, 5)),
    "Upsample, nearest, size": (lambda: nn.Upsample(size=(6, 9)), (3, 4, 5)),
    "Upsample, nearest, 1-D": (lambda: nn.Upsample(scale_factor=3), (3, 5)),
    "Upsample, nearest, 3-D": (lambda: nn.Upsample(scale_factor=2), (3, 2, 3, 4)),
    "Upsample, nearest-exact": (lambda: nn.Upsample(size=(7, 3), mode="nearest-exact"), (3, 4, 5)),
    "Upsample, linear": (lambda: nn.Upsample(scale_factor=2, mode="linear"), (3, 5)),
    "Upsample, bilinear": (lambda: nn.Upsample(scale_factor=2, mode="bilinear"), (3, 4, 5)),
    "Upsample, bilinear, down": (lambda: nn.Upsample(size=(3, 2), mode="bilinear"), (3, 7, 5)),
    "Upsample, bilinear, corners": (lambda: nn.Upsample(size=(7, 9), mode="bilinear", align_corners=True), (3, 4, 5)),
    "Upsample, bicubic": (lambda: nn.Upsample(scale_factor=2, mode="bicubic"), (3, 4, 5)),
    "Upsample, trilinear": (lambda: nn.Upsample(scale_factor=2, mode="trilinear"), (3, 2, 3, 4)),
    "UpsamplingNearest2d": (lambda: nn.UpsamplingNearest2d(scale_factor=2), (3, 4, 5)),
    "UpsamplingBilinear2d": (lambda: nn.UpsamplingBilinear2d(scale_factor=2), (3, 4, 5)),
    "PixelShuffle": (lambda: nn.PixelShuffle(2), (8, 3, 4)),
    "PixelUnshuffle": (lambda: nn.PixelUnshuffle(2), (2, 6, 4)),
    "ChannelShuffle": (lambda: nn.ChannelShuffle(2), (6, 3, 4)),
    "ConstantPad1d": (lambda: nn.ConstantPad1d((1, 2), 3.5), (3, 4)),
    "ConstantPad2d": (lambda: nn.ConstantPad2d((1, 2, 0, 3), -1.0), (3, 4, 5)),
    "ConstantPad2d, cropping": (lambda: nn.ConstantPad2d((-1, 2, 1, -1), 0.5), (3, 4, 5)),
    "ConstantPad3d": (lambda: nn.ConstantPad3d(1, 2.0), (2, 3, 4, 5)),
    "ZeroPad1d": (lambda: nn.ZeroPad1d(2), (3, 4)),
    "ZeroPad2d": (lambda: nn.ZeroPad2d((0, 1, 2, 3)), (3, 4, 5)),
    "ZeroPad3d": (lambda: nn.ZeroPad3d(1), (2, 3, 4, 5)),
    "ReflectionPad1d": (lambda: nn.ReflectionPad1d((2, 1)), (3, 5)),
    "ReflectionPad2d": (lambda: nn.ReflectionPad2d((1, 2, 0, 1)), (3, 4, 5)),
    "ReflectionPad3d": (lambda: nn.ReflectionPad3d(1), (2, 3, 4, 5)),
    "ReplicationPad1d": (lambda: nn.ReplicationPad1d((2, 1)), (3, 5)),
    "ReplicationPad2d": (lambda: nn.ReplicationPad2d((1, 2, 0, 1)), (3, 4, 5)),
    "ReplicationPad3d": (lambda: nn.ReplicationPad3d(1), (2, 3, 4, 5)),
    "CircularPad1d": (lambda: nn.CircularPad1d((2, 1)), (3, 5)),
    "CircularPad2d": (lambda: nn.CircularPad2d((1, 2, 0, 1)), (3, 4, 5)),
    "CircularPad3d": (lambda: nn.CircularPad3d(1), (2, 3, 4, 5)),
    "Fold": (lambda: nn.Fold((4, 5), (2, 3), padding=1), (12, 25)),
    "Unfold": (lambda: nn.Unfold((2, 3), padding=1, stride=2), (2, 4, 5)),
    "Softmax2d": (lambda: nn.Softmax2d(), (3, 4, 5)),
    "RNN": (lambda: nn.RNN(5, 4, batch_first=True), (6, 5)),
    "RNN, relu": (lambda: nn.RNN(5, 4, nonlinearity="relu", bias=False, batch_first=True), (6, 5)),
    "RNN, two ways": (lambda: nn.RNN(5, 4, nonlinearity="relu", bidirectional=True, batch_first=True), (6, 5)),
    "LSTM": (lambda: nn.LSTM(5, 4, batch_first=True), (6, 5)),
    "LSTM, layers": (lambda: nn.LSTM(5, 4, num_layers=3, batch_first=True, dropout=0.5), (6, 5)),
    "LSTM, layers, two ways": (lambda: nn.LSTM(5, 4, num_layers=2, bidirectional=True, batch_first=True), (6, 5)),
    "LSTM, no bias": (lambda: nn.LSTM(5, 4, bias=False, bidirectional=True, batch_first=True), (6, 5)),
    "GRU": (lambda: nn.GRU(5, 4, batch_first=True), (6, 5)),
    "GRU, layers, two ways": (lambda: nn.GRU(5, 4, num_layers=2, bidirectional=True, batch_first=True), (6, 5)),
    "RNNCell": (lambda: nn.RNNCell(5, 4), (5,)),
    "RNNCell, relu": (lambda: nn.RNNCell(5, 4, nonlinearity="relu"), (5,)),
    "LSTMCell": (lambda: nn.LSTMCell(5, 4), (5,)),
    "GRUCell": (lambda: nn.GRUCell(5, 4, bias=False), (5,)),
    "TransformerEncoderLayer": (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (5, 8)),
    "TransformerEncoderLayer, first": (
        lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True, activation="gelu"), (5, 8)
    ),
    "TransformerEncoder": (
        lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2), (5, 8)
    ),
    "Sequential": (lambda: nn.Sequential(nn.Linear(5, 4), nn.Sequential(nn.ReLU(), nn.Linear(4, 2))), (5,)),
}  # fmt: skip

ACTIVATIONS = {
    "ReLU": lambda: nn.ReLU(),
    "ReLU, in place": lambda: nn.Sequential(nn.Linear(7, 7), nn.ReLU(inplace=True)),
    "ReLU6": lambda: nn.ReLU6(),
    "LeakyReLU": lambda: nn.LeakyReLU(0.2),
    "LeakyReLU, in place": lambda: nn.LeakyReLU(0.2, inplace=True),
    "PReLU": lambda: nn.PReLU(),
    "PReLU, channels": lambda: nn.PReLU(7),
    "RReLU": lambda: nn.RReLU(),
    "ELU": lambda: nn.ELU(0.7),
    "CELU": lambda: nn.CELU(0.7),
    "SELU": lambda: nn.SELU(),
    "GELU": lambda: nn.GELU(),
    "GELU, tanh": lambda: nn.GELU(approximate="tanh"),
    "SiLU": lambda: nn.SiLU(),
    "Mish": lambda: nn.Mish(),
    "Sigmoid": lambda: nn.Sigmoid(),
    "LogSigmoid": lambda: nn.LogSigmoid(),
    "Hardsigmoid": lambda: nn.Hardsigmoid(),
    "Hardswish": lambda: nn.Hardswish(),
    "Hardtanh": lambda: nn.Hardtanh(-0.5, 0.7),
    "Hardshrink": lambda: nn.Hardshrink(0.3),
    "Softshrink": lambda: nn.Softshrink(0.3),
    "Tanhshrink": lambda: nn.Tanhshrink(),
    "Tanh": lambda: nn.Tanh(),
    "Softplus": lambda: nn.Softplus(),
    "Softplus, options": lambda: nn.Softplus(beta=2.0, threshold=1.0),
    "Softsign": lambda: nn.Softsign(),
    "Threshold": lambda: nn.Threshold(0.1, -3.0),
    "Softmax": lambda: nn.Softmax(1),
    "Softmax, first dimension": lambda: nn.Softmax(0),
    "Softmin": lambda: nn.Softmin(1),
    "LogSoftmax": lambda: nn.LogSoftmax(-1),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layer(name: str) -> None:
    make, shape = LAYERS[name]
    check(stirred(make()), (floats(2, *shape),), (floats(5, *shape),))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(name: str) -> None:
    check(ACTIVATIONS[name](), (floats(3, 7) * 2,), (floats(4, 7) * 2,))


@pytest.mark.parametrize("name", ["GELU", "GELU, tanh", "ELU", "Hardswish"])
def test_activation_by_the_newest_operators(name: str) -> None:
    check(ACTIVATIONS[name](), (floats(3, 7) * 2,), (floats(4, 7) * 2,), opset_version=20)


def test_glu() -> None:
    check(nn.GLU(1), (floats(3, 8),), (floats(5, 8),))
    check(nn.GLU(2), (floats(3, 5, 4),), (floats(2, 5, 4),))


def test_embedding() -> None:
    check(nn.Embedding(9, 4, padding_idx=2), (ints(9, 3, 5),), (ints(9, 4, 5),))


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("padding_idx", [None, 1])
def test_embedding_bag(mode: str, padding_idx: int | None) -> None:
    layer = nn.EmbeddingBag(9, 4, mode=mode, padding_idx=padding_idx)
    check(layer, (ints(9, 3, 5),), (ints(9, 6, 5),))
    bags = (ints(9, 7), torch.tensor([0, 2, 2, 5]))
    others = (ints(9, 11), torch.tensor([0, 0, 6]))
    check(layer, bags, others, axes=[{0: "indices"}, {0: "bags"}])


def test_embedding_bag_with_weights() -> None:
    layer = nn.EmbeddingBag(9, 4, mode="sum", include_last_offset=True)
    args = (ints(9, 7), torch.tensor([0, 2, 2, 7]), floats(7))
    others = (ints(9, 5), torch.tensor([0, 5]), floats(5))
    check(layer, args, others, axes=[{0: "indices"}, {0: "bags"}, {0: "indices"}])


def test_bilinear() -> None:
    check(nn.Bilinear(4, 5, 3), (floats(2, 4), floats(2, 5)), (floats(6, 4), floats(6, 5)))


def test_cosine_similarity_and_pairwise_distance() -> None:
    check(nn.CosineSimilarity(1), (floats(3, 5), floats(3, 5) + 1), (floats(4, 5), floats(4, 5) + 1))
    check(nn.PairwiseDistance(2.0), (floats(3, 5), floats(3, 5) + 1), (floats(4, 5), floats(4, 5) + 1))


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU])
def test_recurrent_layer_with_a_first_state(kind: Any) -> None:
    layer = kind(5, 4, num_layers=2, bidirectional=True)
    check(layer, (floats(6, 2, 5), floats(4, 2, 4)), (floats(6, 3, 5), floats(4, 3, 4)), axes=1)


def test_lstm_with_first_states() -> None:
    layer = nn.LSTM(5, 4, num_layers=2)
    args = floats(6, 2, 5), (floats(2, 2, 4), floats(2, 2, 4) + 1)
    others = floats(9, 3, 5), (floats(2, 3, 4), floats(2, 3, 4) - 1)
    model = check(layer, args, others, axes=[{0: "time", 1: "batch"}, {1: "batch"}, {1: "batch"}])
    assert [n.op_type for n in model.graph.node].count("LSTM") == 2


def test_recurrent_layers_of_sequences_without_batch() -> None:
    check(nn.LSTM(5, 4), (floats(6, 5),), (floats(9, 5),))


def test_two_ways_are_one_operator() -> None:
    model = check(nn.GRU(5, 4, bidirectional=True), (floats(6, 2, 5),), (floats(6, 3, 5),), axes=1)
    (node,) = (n for n in model.graph.node if n.op_type == "GRU")
    assert {a.name: a.s for a in node.attribute}["direction"] == b"bidirectional"


class Attention(nn.Module):
    """Self- or cross-attention with masks."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.need_weights = options.pop("need_weights", True)
        self.average = options.pop("average", True)
        self.inner = nn.MultiheadAttention(8, 2, batch_first=True, **options)

    def forward(self, query: Any, key: Any = None, padding: Any = None, mask: Any = None) -> Any:
        key = query if key is None else key
        value = key if self.inner.vdim == 8 else key[..., : self.inner.vdim]
        return self.inner(
            query, key, value, key_padding_mask=padding, attn_mask=mask, need_weights=self.need_weights,
            average_attn_weights=self.average,
        )  # fmt: skip


@pytest.mark.parametrize("need_weights", [True, False])
def test_attention(need_weights: bool) -> None:
    check(stirred(Attention(need_weights=need_weights)), (floats(2, 5, 8),), (floats(4, 5, 8),))
    check(
        stirred(Attention(need_weights=need_weights, average=False, bias=False)), (floats(2, 5, 8),), (floats(4, 5, 8),)
    )
    args, others = (floats(2, 5, 8), floats(2, 3, 8)), (floats(3, 5, 8), floats(3, 3, 8))
    check(stirred(Attention(need_weights=need_weights)), args, others)
    check(stirred(Attention(need_weights=need_weights, add_bias_kv=True, add_zero_attn=True)), args, others)


@pytest.mark.parametrize("need_weights", [True, False])
def test_attention_with_lengths_that_vary(need_weights: bool) -> None:
    sizes = {0: "batch", 1: "time"}
    check(stirred(Attention(need_weights=need_weights)), (floats(2, 5, 8),), (floats(4, 7, 8),), axes=[sizes])


@pytest.mark.parametrize("need_weights", [True, False])
def test_attention_with_masks(need_weights: bool) -> None:
    model = stirred(Attention(need_weights=need_weights))
    padding = torch.tensor([[False, False, True], [False, True, True]])
    mask = torch.tensor(np.triu(np.ones((3, 3), bool), 1))
    x, y = floats(2, 3, 8), floats(4, 3, 8)
    wide = torch.cat([padding, padding])
    check(model, (x, x, padding), (y, y, wide))
    check(model, (x, x, padding, mask), (y, y, wide, mask), axes=[0, 0, 0, None])
    check(
        model, (x, x, padding.float(), mask.float() * -9), (y, y, wide.float(), mask.float() * -9), axes=[0, 0, 0, None]
    )


def test_attention_with_other_sizes() -> None:
    model = stirred(Attention(kdim=6, vdim=5))
    check(model, (floats(2, 5, 8), floats(2, 3, 6)), (floats(3, 5, 8), floats(3, 3, 6)))


def test_transformer() -> None:
    model = stirred(nn.Transformer(8, 2, 1, 1, 16, batch_first=True))
    check(model, (floats(2, 5, 8), floats(2, 3, 8)), (floats(3, 5, 8), floats(3, 3, 8)), rtol=2e-5)


def test_transformer_decoder_with_masks() -> None:
    class Decoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16, batch_first=True), 2)

        def forward(self, x: Any, memory: Any) -> Any:
            mask = nn.Transformer.generate_square_subsequent_mask(x.size(1))
            return self.inner(x, memory, tgt_mask=mask, tgt_is_causal=True)

    sizes = [{0: "batch", 1: "time"}, {0: "batch"}]
    args, others = (floats(2, 5, 8), floats(2, 3, 8)), (floats(3, 6, 8), floats(3, 3, 8))
    check(stirred(Decoder()), args, others, axes=sizes, rtol=2e-5)


def test_every_layer_of_nn_is_here_or_has_no_form_in_onnx() -> None:
    """Layers with a ``forward`` of tensors; containers, losses and what the package's docstring lists aside."""
    tested = {n.split(",")[0].split(" ")[0] for n in (*LAYERS, *ACTIVATIONS)} | {
        "GLU", "Embedding", "EmbeddingBag", "Bilinear", "CosineSimilarity", "PairwiseDistance", "MultiheadAttention",
        "Transformer", "TransformerDecoder", "TransformerDecoderLayer",
    }  # fmt: skip
    refused = {
        "MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d", "FractionalMaxPool2d", "FractionalMaxPool3d",
        "AdaptiveLogSoftmaxWithLoss", "SyncBatchNorm", "CrossMapLRN2d",
    }  # fmt: skip
    aside = {"Module", "Container", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict"}
    aside |= {
        "RNNBase",
        "RNNCellBase",
        "Parameter",
        "Buffer",
        "UninitializedParameter",
        "UninitializedBuffer",
        "LinearCrossEntropyOptions",
        "DataParallel",
    }
    layers = {
        n
        for n in dir(nn)
        if isinstance(getattr(nn, n), type) and n[0].isupper() and "Loss" not in n and not n.startswith("Lazy")
    }
    missing = layers - tested - refused - aside
    assert not missing, missing
    for name in refused - {"AdaptiveLogSoftmaxWithLoss", "SyncBatchNorm"}:
        assert hasattr(nn, name)
