"""What each operation is in ONNX; a file per family. Importing them fills ``tinygrad_hw.onnx.graph.RULES``."""

from __future__ import annotations

from tinygrad_hw.onnx.rules import (
    activation,
    attention,
    conv,
    elementwise,
    image,
    index,
    norm,
    pool,
    recurrent,
    reduce,
    shape,
    write,
)

__all__ = [
    "activation",
    "attention",
    "conv",
    "elementwise",
    "image",
    "index",
    "norm",
    "pool",
    "recurrent",
    "reduce",
    "shape",
    "write",
]
