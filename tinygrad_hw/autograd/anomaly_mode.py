"""Anomaly detection under PyTorch's address for it."""

from tinygrad_hw.autograd.anomaly import detect_anomaly, set_detect_anomaly

__all__ = ["detect_anomaly", "set_detect_anomaly"]
