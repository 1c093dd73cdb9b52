"""Whole training steps and inference, epochs of MNIST, and how time grows with batch size and depth."""

from benchmarks.train import epoch, scaling, steps

__all__ = ["WORKLOADS"]

WORKLOADS = [*steps.WORKLOADS, *scaling.WORKLOADS, *epoch.WORKLOADS]
