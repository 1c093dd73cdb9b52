"""Every layer: the same repr, state_dict, initial weights, outputs and gradients as PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_hw

torch = pytest.importorskip("torch")

IMAGE, SEQUENCE, ROWS = (2, 4, 6, 6), (2, 4, 8), (3, 4)

LAYERS: list[tuple[str, dict[str, Any] | tuple[Any, ...], tuple[int, ...]]] = [
    ("Identity", (), ROWS),
    ("Linear", (4, 5), ROWS),
    ("Linear", {"in_features": 4, "out_features": 5, "bias": False}, ROWS),
    ("Flatten", (), IMAGE),
    ("Unflatten", (1, (2, 2)), IMAGE),
    ("Conv1d", (4, 6, 3), SEQUENCE),
    ("Conv2d", (4, 6, 3), IMAGE),
    (
        "Conv2d",
        {"in_channels": 4, "out_channels": 8, "kernel_size": (3, 2), "stride": 2, "padding": 1, "groups": 2},
        IMAGE,
    ),
    (
        "Conv2d",
        {"in_channels": 4, "out_channels": 2, "kernel_size": 3, "padding": "same", "padding_mode": "reflect"},
        IMAGE,
    ),
    ("Conv2d", {"in_channels": 4, "out_channels": 2, "kernel_size": 2, "dilation": 2, "bias": False}, IMAGE),
    ("ConvTranspose1d", (4, 2, 3, 2), SEQUENCE),
    (
        "ConvTranspose2d",
        {"in_channels": 4, "out_channels": 2, "kernel_size": 3, "stride": 2, "output_padding": 1},
        IMAGE,
    ),
    ("MaxPool1d", (2,), SEQUENCE),
    ("MaxPool2d", (2,), IMAGE),
    ("MaxPool2d", {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}, IMAGE),
    ("AvgPool1d", (2,), SEQUENCE),
    ("AvgPool2d", (2,), IMAGE),
    ("AdaptiveAvgPool1d", (3,), SEQUENCE),
    ("AdaptiveAvgPool2d", ((2, 3),), IMAGE),
    ("AdaptiveMaxPool1d", (3,), SEQUENCE),
    ("AdaptiveMaxPool2d", (2,), IMAGE),
    ("LPPool1d", (2, 2), SEQUENCE),
    ("LPPool2d", (2, 2), IMAGE),
    ("BatchNorm1d", (4,), ROWS),
    ("BatchNorm1d", (4,), SEQUENCE),
    ("BatchNorm2d", (4,), IMAGE),
    ("BatchNorm2d", {"num_features": 4, "affine": False, "track_running_stats": False}, IMAGE),
    ("BatchNorm2d", {"num_features": 4, "momentum": None}, IMAGE),
    ("InstanceNorm1d", (4,), SEQUENCE),
    ("InstanceNorm2d", {"num_features": 4, "affine": True, "track_running_stats": True}, IMAGE),
    ("LayerNorm", (4,), ROWS),
    ("LayerNorm", {"normalized_shape": (6, 6), "bias": False}, IMAGE),
    ("GroupNorm", (2, 4), IMAGE),
    ("BatchNorm2d", {"num_features": 4, "bias": False}, IMAGE),
    ("RMSNorm", (4,), ROWS),
    ("LocalResponseNorm", (2,), IMAGE),
    ("Dropout", (0.3,), ROWS),
    ("Dropout1d", (0.3,), SEQUENCE),
    ("Dropout2d", (0.3,), IMAGE),
    ("AlphaDropout", (0.3,), ROWS),
    ("FeatureAlphaDropout", (0.3,), IMAGE),
    *[
        (name, (), ROWS)
        for name in (
            "ReLU",
            "ReLU6",
            "LeakyReLU",
            "ELU",
            "SELU",
            "CELU",
            "GELU",
            "SiLU",
            "Mish",
            "Sigmoid",
            "Tanh",
            "LogSigmoid",
            "Softplus",
            "Softsign",
            "Softshrink",
            "Hardshrink",
            "Tanhshrink",
            "Hardtanh",
            "Hardsigmoid",
            "Hardswish",
            "GLU",
            "PReLU",
            "RReLU",
        )
    ],
    ("ReLU", (True,), ROWS),
    ("LeakyReLU", (0.2, True), ROWS),
    ("GELU", {"approximate": "tanh"}, ROWS),
    ("Threshold", (0.1, 2.0), ROWS),
    ("Softmax", (1,), ROWS),
    ("Softmin", (1,), ROWS),
    ("LogSoftmax", (1,), ROWS),
    ("Softmax2d", (), IMAGE),
    ("PReLU", (4,), IMAGE),
    ("Upsample", {"scale_factor": 2}, IMAGE),
    ("Upsample", {"size": (5, 7), "mode": "bilinear"}, IMAGE),
    ("UpsamplingNearest2d", {"scale_factor": 2}, IMAGE),
    ("UpsamplingBilinear2d", {"scale_factor": 2}, IMAGE),
    ("Unfold", (2,), IMAGE),
    ("Fold", ((3, 4), 2), (2, 4, 6)),
    ("PixelShuffle", (2,), IMAGE),
    ("PixelUnshuffle", (2,), IMAGE),
    *[(f"{kind}1d", (2,), SEQUENCE) for kind in ("ZeroPad", "ReflectionPad", "ReplicationPad", "CircularPad")],
    *[(f"{kind}2d", ((1, 2, 0, 1),), IMAGE) for kind in ("ZeroPad", "ReflectionPad", "ReplicationPad", "CircularPad")],
    ("ConstantPad1d", (2, 1.5), SEQUENCE),
    ("ConstantPad2d", (1, 1.5), IMAGE),
]

LOSSES: list[tuple[str, dict[str, Any]]] = [
    (name, {})
    for name in (
        "L1Loss",
        "MSELoss",
        "SmoothL1Loss",
        "HuberLoss",
        "NLLLoss",
        "CrossEntropyLoss",
        "KLDivLoss",
        "BCELoss",
        "BCEWithLogitsLoss",
        "SoftMarginLoss",
        "HingeEmbeddingLoss",
        "MultiLabelMarginLoss",
        "MultiLabelSoftMarginLoss",
        "MultiMarginLoss",
        "CosineEmbeddingLoss",
        "MarginRankingLoss",
        "TripletMarginLoss",
        "PoissonNLLLoss",
        "GaussianNLLLoss",
        "CosineSimilarity",
        "PairwiseDistance",
    )
]


def make(t: Any, name: str, arguments: Any) -> Any:
    t.manual_seed(3)
    layer = getattr(t.nn, name)
    return layer(**arguments) if isinstance(arguments, dict) else layer(*arguments)


def names(case: tuple[Any, ...]) -> str:
    return f"{case[0]}{case[1]}"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", LAYERS, ids=names)
def test_layer(case: Any) -> None:
    name, arguments, shape = case
    ours, theirs = make(tinygrad_hw, name, arguments), make(torch, name, arguments)
    assert repr(ours) == repr(theirs)
    a, b = ours.state_dict(), theirs.state_dict()
    assert list(a) == list(b)
    for key in a:
        assert str(a[key].dtype) == str(b[key].dtype)
        np.testing.assert_array_equal(a[key].numpy(), b[key].numpy(), err_msg=key)
    values = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    if name.startswith("LPPool"):
        values = np.abs(values) + 0.1  # powers of negative sums differ by rounding only, but wildly
    for mode in ("train", "eval"):
        getattr(ours, mode)()
        getattr(theirs, mode)()
        inplace = "inplace=True" in repr(ours)
        x = tinygrad_hw.from_numpy(values.copy()).requires_grad_(not inplace)
        y = torch.from_numpy(values.copy()).requires_grad_(not inplace)
        tinygrad_hw.manual_seed(5)
        torch.manual_seed(5)
        out, expected = ours(x), theirs(y)
        np.testing.assert_allclose(out.detach().numpy(), expected.detach().numpy(), rtol=1e-4, atol=1e-5)
        if not expected.requires_grad:
            continue
        g = np.random.default_rng(1).standard_normal(tuple(expected.shape)).astype(np.float32)
        ours.zero_grad()
        theirs.zero_grad()
        out.backward(tinygrad_hw.from_numpy(g))
        expected.backward(torch.from_numpy(g))
        if y.grad is not None:
            np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), rtol=1e-3, atol=1e-4)
        for (key, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-3, atol=1e-4, err_msg=key)
    for key, value in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[key].numpy(), value.numpy(), rtol=1e-5, atol=1e-6, err_msg=key)


@pytest.mark.parametrize("case", LOSSES, ids=names)
def test_loss_has_the_same_repr(case: Any) -> None:
    name, arguments = case
    assert repr(make(tinygrad_hw, name, arguments)) == repr(make(torch, name, arguments))


def test_embedding_and_bilinear() -> None:
    for name, arguments, inputs in (
        ("Embedding", (5, 3), [np.array([[1, 2], [4, 0]])]),
        ("Embedding", {"num_embeddings": 5, "embedding_dim": 3, "padding_idx": 1}, [np.array([1, 1, 2])]),
        ("Bilinear", (2, 3, 4), [np.ones((5, 2), np.float32), np.ones((5, 3), np.float32)]),
    ):
        ours, theirs = make(tinygrad_hw, name, arguments), make(torch, name, arguments)
        assert repr(ours) == repr(theirs)
        for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
            np.testing.assert_array_equal(p.detach().numpy(), q.detach().numpy())
        out = ours(*map(tinygrad_hw.from_numpy, inputs))
        expected = theirs(*map(torch.from_numpy, inputs))
        np.testing.assert_allclose(out.detach().numpy(), expected.detach().numpy(), rtol=1e-5, atol=1e-6)
        out.sum().backward()
        expected.sum().backward()
        for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
            np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-5, atol=1e-6)
