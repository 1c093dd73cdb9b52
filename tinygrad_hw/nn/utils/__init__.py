"""Helpers for gradients and parameters."""

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
from tinygrad_hw.nn.utils.spectral_norm import remove_spectral_norm, spectral_norm
from tinygrad_hw.nn.utils.weight_norm import remove_weight_norm, weight_norm

__all__ = [
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "fuse_conv_bn_eval",
    "fuse_conv_bn_weights",
    "fuse_linear_bn_eval",
    "fuse_linear_bn_weights",
    "get_total_norm",
    "parameters_to_vector",
    "remove_spectral_norm",
    "remove_weight_norm",
    "rnn",
    "spectral_norm",
    "vector_to_parameters",
    "weight_norm",
]
