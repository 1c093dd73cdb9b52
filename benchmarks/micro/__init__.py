"""Single operations on small arrays: what a call costs, forward and backward."""

from benchmarks.micro import chains, ops

__all__ = ["WORKLOADS"]

WORKLOADS = [*chains.WORKLOADS, *ops.WORKLOADS]
