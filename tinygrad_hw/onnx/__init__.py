"""Models as ONNX files: ``torch.onnx.export``."""

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
