"""The loops behind the layers, timed through the public functions, with Gflop/s or GB/s.

GB/s counts what has to be moved at least: each input read once, each output written once. What stays in the caches
between calls can so be faster than the memory.
"""

from benchmarks.kernels import activation, conv, embedding, linear, loss, norm, optim, pool

__all__ = ["WORKLOADS"]

WORKLOADS = [
    *linear.WORKLOADS,
    *conv.WORKLOADS,
    *pool.WORKLOADS,
    *norm.WORKLOADS,
    *loss.WORKLOADS,
    *activation.WORKLOADS,
    *embedding.WORKLOADS,
    *optim.WORKLOADS,
]
