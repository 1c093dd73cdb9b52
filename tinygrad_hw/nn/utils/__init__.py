"""Helpers for gradients and parameters."""

import importlib as _importlib
from typing import TYPE_CHECKING

from tinygrad_hw.nn.utils import parametrizations as parametrizations
from tinygrad_hw.nn.utils import parametrize as parametrize
from tinygrad_hw.nn.utils import rnn
from tinygrad_hw.nn.utils.clip_grad import (
    clip_grad_norm,
    clip_grad_norm_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
)
from tinygrad_hw.nn.utils.convert_parameters import parameters_to_vector, vector_to_parameters
from tinygrad_hw.nn.utils.fusion import (
    fuse_conv_bn_eval,
    fuse_conv_bn_weights,
    fuse_linear_bn_eval,
    fuse_linear_bn_weights,
)
from tinygrad_hw.nn.utils.init import skip_init
from tinygrad_hw.nn.utils.memory_format import (
    convert_conv2d_weight_memory_format,
    convert_conv3d_weight_memory_format,
)
from tinygrad_hw.nn.utils.spectral_norm import remove_spectral_norm, spectral_norm
from tinygrad_hw.nn.utils.weight_norm import remove_weight_norm, weight_norm

if TYPE_CHECKING:
    from tinygrad_hw.nn.utils import prune as prune
    from tinygrad_hw.nn.utils import stateless as stateless

__all__ = [
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "convert_conv2d_weight_memory_format",
    "convert_conv3d_weight_memory_format",
    "fuse_conv_bn_eval",
    "fuse_conv_bn_weights",
    "fuse_linear_bn_eval",
    "fuse_linear_bn_weights",
    "get_total_norm",
    "parameters_to_vector",
    "remove_spectral_norm",
    "remove_weight_norm",
    "rnn",
    "skip_init",
    "spectral_norm",
    "vector_to_parameters",
    "weight_norm",
]


def __getattr__(name: str) -> object:
    """Import what most programs do without when it is first used."""
    if name in ("prune", "stateless"):
        return _importlib.import_module(f"tinygrad_hw.nn.utils.{name}")
    raise AttributeError(f"module 'tinygrad_hw.nn.utils' has no attribute {name!r}")
