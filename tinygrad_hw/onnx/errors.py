"""The errors of the exporter."""

from __future__ import annotations

__all__ = ["OnnxExporterError", "OnnxExporterWarning", "UnsupportedOperatorError"]


class OnnxExporterWarning(UserWarning):
    """The exported file may not do what the model does."""


class OnnxExporterError(RuntimeError):
    """The model cannot be exported. The base class of all errors of the exporter."""


class UnsupportedOperatorError(OnnxExporterError):
    """The model uses an operation for which there is no rule."""
