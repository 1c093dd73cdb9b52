"""Calling a module with other parameters: the older place of ``torch.func.functional_call``."""

from __future__ import annotations

import warnings
from typing import Any

from tinygrad_hw.func.functional_call import functional_call as _functional_call
from tinygrad_hw.nn.module import Module

__all__ = ["functional_call"]


def functional_call(
    module: Module,
    parameters_and_buffers: dict[str, Any],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with other parameters and buffers; deprecated in favour of ``torch.func.functional_call``.

    Args:
        module: to call.
        parameters_and_buffers: tensors by dotted name.
        args: a tuple of arguments, or the only argument.
        kwargs: keyword arguments.
        tie_weights: give a tensor that the module has under several names to all of them.
        strict: raise if a name is missing or unexpected.

    Source: ``torch.nn.utils.stateless.functional_call``.
    """
    warnings.warn(
        "`torch.nn.utils.stateless.functional_call` is deprecated as of PyTorch 2.0 and will be removed in a future "
        "version of PyTorch. Please use `torch.func.functional_call` instead which is a drop-in replacement.",
        FutureWarning,
        stacklevel=2,
    )
    return _functional_call(module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict)
