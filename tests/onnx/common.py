"""Exporting a model and holding what onnxruntime computes with the file against what the model computes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import tinygrad_hw as torch

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


def flat(nest: Any) -> list[Any]:
    """The tensors of a result, in order."""
    if isinstance(nest, torch.Tensor):
        return [nest]
    if isinstance(nest, dict):
        nest = list(nest.values())
    return [t for item in nest for t in flat(item)] if isinstance(nest, (tuple, list)) else []


def run(data: bytes, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What onnxruntime computes."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]
    return session.run(None, dict(zip(names, arrays, strict=True)))


def exported(model: Any, args: Any, **options: Any) -> bytes:
    """The bytes of the exported model, checked by the onnx library."""
    buffer = io.BytesIO()
    torch.onnx.export(model, args, buffer, **options)
    data = buffer.getvalue()
    proto = onnx.load_from_string(data)
    onnx.checker.check_model(proto, full_check=True)
    onnx.shape_inference.infer_shapes(proto, check_type=True, strict_mode=True, data_prop=True)
    return data


def compare(model: Any, args: tuple[Any, ...], data: bytes, rtol: float = 1e-5, atol: float = 1e-6) -> None:
    """Compare the file in onnxruntime with the model."""
    found = run(data, [t.numpy() for t in flat(args)])
    model.eval()
    with torch.no_grad():
        wanted = flat(model(*args))
    assert len(found) == len(wanted)
    for ours, theirs in zip(wanted, found, strict=True):
        assert theirs.dtype == ours.numpy().dtype
        assert theirs.shape == tuple(ours.shape)
        scale = (
            float(np.abs(ours.numpy().astype(np.float64)).max(initial=0)) if np.isfinite(ours.numpy()).all() else 1.0
        )
        np.testing.assert_allclose(theirs, ours.numpy(), rtol=rtol, atol=max(atol, rtol * scale))


def check(
    model: Any,
    args: tuple[Any, ...],
    others: tuple[Any, ...] | None = None,
    axes: Any = 0,
    rtol: float = 1e-5,
    **options: Any,
) -> Any:
    """Export with fixed sizes and with dynamic ones, and compare; ``others`` are arguments of other sizes.

    ``axes`` is the dynamic axis of every input, a list with an axis or a dictionary for each, or None.
    """
    data = exported(model, args, **options)
    compare(model, args, data, rtol)
    if axes is None:
        return onnx.load_from_string(data)
    tensors = flat(args)
    names = [f"in{i}" for i in range(len(tensors))]
    if isinstance(axes, int):
        axes = [axes] * len(tensors)
    dynamic = {n: a if isinstance(a, dict) else {a: "batch"} for n, a in zip(names, axes, strict=True) if a is not None}
    data = exported(model, args, input_names=names, dynamic_axes=dynamic, **options)
    compare(model, args, data, rtol)
    assert others is not None
    compare(model, others, data, rtol)
    return onnx.load_from_string(data)
