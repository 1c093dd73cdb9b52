"""Models as ONNX files: ``torch.onnx.export``.

How: the model is called in evaluation mode, without gradients, while a recorder notes every operation. A table has a
rule for each operation that says what it is in ONNX. Parameters and buffers keep their ``state_dict`` names, nodes are
named by the path of their module, constants are computed at once. Writes into tensors, also through views, become
values; the model itself stays as it was.

Sizes are plain ints in Python. So with dynamic axes the model is called with inputs of three sizes or more (repeated
elements of the given ones), and the recordings are compared. A number that was 8, 16 and 24 where the batch was is the
batch size; the file then reads it from its input. Known are sizes of tensors, their sums, products and quotients with
constants, products of two, and powers of one as factors (``1 / sqrt(size)``); anything else raises.

What is fixed in the file, as in PyTorch: ``if``, ``for`` and numbers that were taken out of tensors (``item()``,
``numpy()``), and random numbers. A call with other values of the input finds most of that, and a warning says so.

What cannot be exported, and raises:

* sizes that depend on values: ``x[mask]`` (but ``x[mask] = number`` can), ``nonzero``, ``unique``, ``masked_select``;
* pooling's indices, ``MaxUnpool``, ``FractionalMaxPool``, pooling to more than one element along a dynamic axis;
* packed sequences, LSTMs with ``proj_size``; ``Embedding`` with ``max_norm``;
* ``scatter_reduce`` with ``"mean"`` or without ``include_self``, ``cumprod``, ``cummax``, median, quantile, losses with
  a form of their own, factorisations and solvers, special functions but ``erf``;
* dropout in training mode; models over 2 GiB; and all else without a rule, by name and place.

The ``onnx`` library is needed (the extra ``onnx``), onnxruntime only for ``verify=True``.
"""

from __future__ import annotations

from tinygrad_hw.onnx import errors as errors
from tinygrad_hw.onnx.errors import OnnxExporterError, OnnxExporterWarning, UnsupportedOperatorError
from tinygrad_hw.onnx.export import ONNXProgram, TrainingMode, export, is_in_onnx_export

__all__ = [
    "ONNXProgram",
    "OnnxExporterError",
    "OnnxExporterWarning",
    "TrainingMode",
    "UnsupportedOperatorError",
    "export",
    "is_in_onnx_export",
]
