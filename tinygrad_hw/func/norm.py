"""Batch normalisation without state."""

from __future__ import annotations

from tinygrad_hw.nn.module import Module
from tinygrad_hw.nn.modules.normalization import _BatchNorm

__all__ = ["replace_all_batch_norm_modules_"]


def replace_all_batch_norm_modules_(root: Module) -> Module:
    """Make the batch normalisation layers of a module, in place, use the statistics of each batch only.

    Running statistics are written in place, which a function that is mapped or differentiated must not do.

    Args:
        root: a module; it is changed and returned.

    Source: ``torch.func.replace_all_batch_norm_modules_``.

    Example:
        >>> net = torch.func.replace_all_batch_norm_modules_(torch.nn.Sequential(torch.nn.BatchNorm1d(3)))
        >>> net[0].running_mean is None
        True
    """
    for module in root.modules():
        if isinstance(module, _BatchNorm):
            module.running_mean = None
            module.running_var = None
            module.num_batches_tracked = None
            module.track_running_stats = False
    return root
