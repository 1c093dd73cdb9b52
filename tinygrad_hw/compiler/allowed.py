"""What a call may consist of, if it is to be replayed.

The ops and functions listed here were looked at one by one: their results depend on the values of tensors only through
ops; whatever else they do (checks, sizes, the choice of an op) depends on shapes, dtypes and plain arguments.
"""

from __future__ import annotations

import builtins
import contextlib
import dis
import functools
import math
import operator
import types
from pathlib import Path
from typing import Any

import numpy as np

__all__ = [
    "MUTATORS",
    "OPS",
    "READERS",
    "global_names",
    "is_allowed",
    "is_pure",
    "is_shapely",
    "objection",
    "of_numpy",
    "place_of",
]

_ROOT = str(Path(__file__).parents[1])
_NUMPY = str(Path(np.__file__).parent)
_OP = "<tinygrad_hw op "
_COMPILED = "<tinygrad_hw compiled "


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Ops that may be replayed.
OPS = _names(
    """
    add sub mul div neg abs sign sgn exp log log2 log10 log1p expm1 exp2 sqrt rsqrt square reciprocal sin cos tan sinh
    cosh asin acos atan tanh sigmoid erf erfc floor ceil trunc pow_scalar pow_tensor maximum minimum clamp clamp_below
    clamp_above where cast eq ne lt le gt ge logical_not logical_and logical_or logaddexp
    relu hardtanh leaky_relu elu gelu gelu_tanh silu softplus mish log_sigmoid softshrink hardshrink threshold
    hardsigmoid hardswish prelu
    linear linear_without_bias linear_of_many linear_of_many_without_bias matmul bmm mv dot
    sum sum_all mean mean_all var std amax amin max_all min_all logsumexp softmax log_softmax
    view unsafe_view unsqueeze squeeze permute transpose t expand cat stack split unbind getitem getitem_select
    getitem_unsqueeze getitem_alias tril triu sum_to
    conv2d conv2d_relu max_pool2d max_pool2d_quarters avg_pool2d adaptive_avg_pool2d layer_norm rms_norm group_norm
    scaled_dot_product_attention
    conv_transpose2d nll_rows norm xlogy constant_pad_nd max_dim min_dim cumsum baddbmm
    batch_norm batch_norm_relu channel_affine embedding dropout alpha_dropout alpha_dropout_scale clone
    lstm_layer recurrent_layer lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell
    mse_loss huber_loss smooth_l1_loss binary_cross_entropy_with_logits soft_margin_loss cross_entropy_rows
    """
)

#: Functions by file: names, or "*" for all of them.
_FUNCTIONS: dict[str, str] = {
    "autograd/autocast.py": "call",
    "autograd/basics.py": "sync",
    "autograd/complex.py": "check_real is_complex",
    "autograd/grad_mode.py": "is_grad_enabled is_inference_mode_enabled __new__ __init__ __enter__ __exit__ _clone "
    "wrapper",
    "autograd/inplace.py": "apply_inplace check_inplace _several_views _of_custom_function",
    "autograd/graph.py": "wrap edge_of array_of",
    "autograd/observe.py": "call whole",
    "autograd/op.py": "call core _promote _same_dtype _wrapped",
    "autograd/saved.py": "deferred",
    "autograd/tracer.py": "tracing",
    "device.py": "*",
    "dtypes.py": "*",
    "kernels/pool2d.py": "pool_output_size is_quarters",
    "kernels/runtime.py": "compiled_kernels compiles _why_not_compiled",
    "methods/conversion.py": "to type type_as float double contiguous clone bool int long _converted",
    "methods/elementwise.py": "*",
    "methods/index.py": "__getitem__ masked_fill",
    "methods/linalg.py": "*",
    "methods/nn.py": "*",
    "methods/reduce.py": "*",
    "methods/shape.py": "view reshape flatten transpose permute T mT t unsqueeze squeeze expand view_as "
    "reshape_as expand_as chunk "
    "split unbind unflatten movedim swapaxes narrow tril triu size select",
    "methods/unary.py": "*",
    "nn/hooks.py": "_call_impl _call_with_hooks has_hooks any",
    "nn/module.py": "__call__ children named_children modules named_modules forward parameters "
    "named_parameters _named_members "
    "buffers named_buffers",
    "nn/modules/activation.py": "forward",
    "nn/modules/container.py": "forward _with_relu __iter__ __len__ __getitem__ __contains__ keys values "
    "items <listcomp> _position",
    "nn/modules/conv.py": "forward _convolve forward_then _enlarge _output_padding",
    "nn/modules/dropout.py": "forward",
    "nn/modules/embedding.py": "forward",
    "nn/modules/linear.py": "forward",
    "nn/modules/loss.py": "forward",
    "nn/modules/normalization.py": "forward forward_then _check_input_dim _apply_instance_norm",
    "nn/modules/pooling.py": "forward _pool",
    "nn/modules/attention.py": "forward",
    "nn/modules/padding.py": "forward",
    "nn/modules/softmax.py": "forward",
    "nn/modules/transformer.py": "forward _attend _feed_forward to_itself to_memory _is_causal _zeroes_padding",
    "nn/modules/rnn.py": "forward _expected get_expected_hidden_size get_expected_cell_size check_input "
    "check_hidden_size check_forward_args permute_hidden _states _joined _check_dimensions _zero_states _flat_weights",
    "nn/modules/rnn_cell.py": "forward _prepared",
    "nn/modules/shape.py": "forward",
    "numpy_names.py": "*",
    "size.py": "*",
    "tensor.py": "shape ndim dtype dim size requires_grad is_leaf numel __len__ device grad_fn detach",
}

#: Functions in ``ops/``, in whichever file, but for those that use such names for something else.
_IN_OPS = _names(
    """
    linear _values _apply relu relu_ relu6 hardtanh hardtanh_ leaky_relu leaky_relu_ elu elu_ selu selu_ celu gelu
    silu softplus mish softsign logsigmoid
    tanhshrink softshrink hardshrink threshold hardsigmoid hardswish glu prelu cross_entropy _class_losses
    _window _whole convolution _named_view
    _reduction _reduced mse_loss l1_loss smooth_l1_loss huber_loss _times _weighted _pair
    binary_cross_entropy_with_logits soft_margin_loss _kind _check_alpha add sub _minus rsub mul div _dtype pow
    where _need_tensors maximum minimum clamp clamp_min clamp_max addcmul addcdiv _array _check_tensors
    _check_dtypes _by _check_dims _inner_mismatch mm bmm mv dot matmul addmm _scaled outer _one_dim _dims
    _check_mean _converted sum mean var std _correction _spread_arguments amax amin _check_not_empty max min
    logsumexp _kept _back values_of one_dim as_size infer_size _can_view _reshaped reshape view flatten ravel
    unflatten squeeze unsqueeze permute transpose t movedim expand broadcast_to broadcast_tensors _check_list cat
    stack _some chunk split split_with_sizes unbind tril triu select narrow getitem _normalise _convert
    _is_plain _is_sequence_index softmax log_softmax softmin _check_types _check_normalized layer_norm rms_norm
    _rms_norm_of group_norm _tuple _check _convolve conv2d conv2d_then _check_input _check_window _batched _unbatched
    _max max_pool2d _avg avg_pool2d _target _adaptive adaptive_avg_pool2d _four _spread scaled_dot_product_attention
    dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout _feature _alpha _finish _scale _padding
    batch_norm batch_norm_then embedding masked_fill _mask clone contiguous conv1d
    conv_transpose1d conv_transpose2d transposed_convolution _transpose instance_norm nll_loss kl_div xlogy norm pad
    max_dim argmax argmin multi_head_attention_forward _check_shapes _project _check_projection _canonical_mask
    baddbmm cumsum _filled_dim run_layers _same_dtypes _check_sizes lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell _cell
    _integer_arrays
    """
)
_OTHER_OPS = {f"ops/{name}.py" for name in _names("masked ldl creation windows fourier distance image")}

_NAMES = {file: None if names == "*" else _names(names) for file, names in _FUNCTIONS.items()}


@functools.cache
def place_of(filename: str) -> str | None:
    """Return the file's name within the package; "" for an op's wrapper, None for a file that is not the package's."""
    if filename.startswith(_OP):
        return ""
    if filename.startswith(_COMPILED):
        return "compiler/program.py"
    if filename.startswith(_ROOT):
        return Path(filename).relative_to(_ROOT).as_posix()
    return None


def is_allowed(place: str, name: str) -> bool:
    """Return whether a function of the package may run outside of ops."""
    if place == "":
        return True
    if place.startswith("ops/"):
        return place not in _OTHER_OPS and (name in _IN_OPS or name[0] == "<")
    if place not in _NAMES:
        return False
    names = _NAMES[place]
    if names is None:
        return not name.startswith("set")
    return name in names or name[0] == "<"  # inside of one of them


#: Functions that are allowed as long as this argument is no tensor, whose value they would read.
READERS = {
    ("ops/index.py", "_convert"): "item",
    ("nn/modules/transformer.py", "_is_causal"): "mask",
    ("nn/modules/transformer.py", "_zeroes_padding"): "padding",
}


#: What such a function may call of numpy's: functions that look at shapes and dtypes only.
_NUMPY_FUNCTIONS = {"asarray", "ascontiguousarray", "empty", "result_type", "can_cast", "reduce"}
_ARRAY_METHODS = {"reshape", "view", "transpose"}


def is_shapely(function: Any) -> bool:
    """Return whether a function in C, called by one of the package's, does not look at values of arrays."""
    owner = getattr(function, "__self__", None)
    if isinstance(owner, (np.ndarray, np.generic)):
        return function.__name__ in _ARRAY_METHODS
    if isinstance(owner, np.ufunc) or (getattr(function, "__module__", None) or "").startswith("numpy"):
        return function.__name__ in _NUMPY_FUNCTIONS
    return function.__name__ != "warn"


def is_context_manager(code: types.CodeType) -> bool:
    """Return whether a function belongs to what ``contextlib.contextmanager`` makes of a generator."""
    return code.co_filename == contextlib.__file__ and code.co_name in ("helper", "__init__", "__enter__", "__exit__")


@functools.cache
def of_numpy(filename: str) -> str:
    """Return the name of a file of numpy's; "" for others."""
    return Path(filename).name if filename.startswith(_NUMPY) else ""


# -- the user's functions --------------------------------------------------------------------------

_BUILTINS = frozenset(
    getattr(builtins, name)
    for name in _names(
        "len isinstance issubclass getattr hasattr min max abs any all sorted iter next callable divmod pow round sum "
        "chr ord hash repr"
    )
) | {tuple.__new__}
_METHODS_OF = (list, dict, tuple, str, bytes, set, frozenset, int, float, bool, slice, range)


def is_pure(function: Any) -> bool:
    """Return whether a function that is written in C neither looks at the world nor changes it.

    Methods of containers do change them; a container that outlives the call is compared afterwards.
    """
    if function in _BUILTINS:
        return True
    owner = getattr(function, "__self__", None)
    if isinstance(owner, types.ModuleType):
        return owner in (math, operator) or owner.__name__ in ("math", "_operator")
    return isinstance(owner, _METHODS_OF) or type(owner) in _METHODS_OF


#: Methods by which containers are changed.
MUTATORS = _names(
    "append extend insert pop popitem remove clear update setdefault add discard sort reverse __setitem__ __delitem__ "
    "__ior__ __iadd__ intersection_update difference_update symmetric_difference_update move_to_end"
)

_BANNED = {"array", "data_ptr", "__dict__", "__array__", "eval", "exec", "globals", "locals", "vars", "_node", "_grad"}
_STORES = {
    "STORE_SUBSCR",
    "DELETE_SUBSCR",
    "STORE_ATTR",
    "DELETE_ATTR",
    "STORE_GLOBAL",
    "DELETE_GLOBAL",
    "IMPORT_NAME",
    "IMPORT_FROM",
    "STORE_NAME",
}


@functools.lru_cache(4096)
def objection(code: types.CodeType) -> str:
    """Return what a function of the user's does that cannot be followed; "" if nothing."""
    where = f"{code.co_name} ({Path(code.co_filename).name}:{code.co_firstlineno})"
    banned = _BANNED & ({*code.co_names} | {c for c in code.co_consts if isinstance(c, str)})
    if banned:
        return f"{where} uses {sorted(banned)[0]!r}"
    for i in dis.get_instructions(code):
        if i.opname in _STORES or (i.opname in ("STORE_DEREF", "DELETE_DEREF") and i.argval in code.co_freevars):
            return f"{where} writes to {i.argval or 'an element'!r}, which may outlive the call"
    return ""


@functools.lru_cache(4096)
def global_names(code: types.CodeType) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the globals that a function and those inside it read, and the attributes."""
    names: dict[str, None] = {}
    attributes: dict[str, None] = {}
    for i in dis.get_instructions(code):
        if i.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            names[i.argval] = None
        elif i.opname in ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR", "LOAD_SUPER_METHOD"):
            attributes[i.argval] = None
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            more = global_names(inner)
            names.update(dict.fromkeys(more[0]))
            attributes.update(dict.fromkeys(more[1]))
    return tuple(names), tuple(attributes)
