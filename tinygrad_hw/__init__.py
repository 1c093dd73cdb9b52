"""The PyTorch API on numpy and numba: ``import tinygrad_hw as torch``."""

from __future__ import annotations

from tinygrad_hw import _blas_hint

_blas_hint.apply_blas_hint()

from tinygrad_hw.kernels import memory as _memory

_memory.keep_freed_memory()

import builtins as _builtins
import importlib as _importlib
import math
import warnings
from typing import TYPE_CHECKING

# Like PyTorch, operations are silent about NaN and overflow. numpy warns where the operation is called, which
# is always in this package, so its filter does not touch what users' own numpy code says. (np.errstate around
# each operation would cost 0.5 us a call.)
warnings.filterwarnings("ignore", message=r".*encountered in", category=RuntimeWarning, module=r"tinygrad_hw")

from tinygrad_hw.version import __version__ as __version__  # isort: skip
from tinygrad_hw import autograd as autograd
from tinygrad_hw import fft as fft
from tinygrad_hw import linalg as linalg
from tinygrad_hw import masked as masked
from tinygrad_hw import nn as nn
from tinygrad_hw import numpy_names as _numpy_names
from tinygrad_hw import optim as optim
from tinygrad_hw import random as random
from tinygrad_hw import return_types as return_types
from tinygrad_hw import serialization as serialization
from tinygrad_hw import signal as signal
from tinygrad_hw import special as special
from tinygrad_hw import utils as utils
from tinygrad_hw.autograd import enable_grad as enable_grad
from tinygrad_hw.autograd import inference_mode as inference_mode
from tinygrad_hw.autograd import is_grad_enabled as is_grad_enabled
from tinygrad_hw.autograd import is_inference_mode_enabled as is_inference_mode_enabled
from tinygrad_hw.autograd import no_grad as no_grad
from tinygrad_hw.autograd import set_grad_enabled as set_grad_enabled
from tinygrad_hw.autograd.anomaly import is_anomaly_check_nan_enabled as is_anomaly_check_nan_enabled
from tinygrad_hw.autograd.anomaly import is_anomaly_enabled as is_anomaly_enabled
from tinygrad_hw.autograd.anomaly import set_anomaly_enabled as set_anomaly_enabled
from tinygrad_hw.device import device as _Device
from tinygrad_hw.device import device as device
from tinygrad_hw.dtypes import bfloat16 as bfloat16
from tinygrad_hw.dtypes import bool as bool
from tinygrad_hw.dtypes import can_cast as can_cast
from tinygrad_hw.dtypes import cdouble as cdouble
from tinygrad_hw.dtypes import cfloat as cfloat
from tinygrad_hw.dtypes import chalf as chalf
from tinygrad_hw.dtypes import complex32 as complex32
from tinygrad_hw.dtypes import complex64 as complex64
from tinygrad_hw.dtypes import complex128 as complex128
from tinygrad_hw.dtypes import double as double
from tinygrad_hw.dtypes import dtype as dtype
from tinygrad_hw.dtypes import finfo as finfo
from tinygrad_hw.dtypes import float as float
from tinygrad_hw.dtypes import float16 as float16
from tinygrad_hw.dtypes import float32 as float32
from tinygrad_hw.dtypes import float64 as float64
from tinygrad_hw.dtypes import get_default_dtype as get_default_dtype
from tinygrad_hw.dtypes import half as half
from tinygrad_hw.dtypes import iinfo as iinfo
from tinygrad_hw.dtypes import int as int
from tinygrad_hw.dtypes import int8 as int8
from tinygrad_hw.dtypes import int16 as int16
from tinygrad_hw.dtypes import int32 as int32
from tinygrad_hw.dtypes import int64 as int64
from tinygrad_hw.dtypes import long as long
from tinygrad_hw.dtypes import promote_types as promote_types
from tinygrad_hw.dtypes import result_type as result_type
from tinygrad_hw.dtypes import set_default_dtype as set_default_dtype
from tinygrad_hw.dtypes import short as short
from tinygrad_hw.dtypes import uint8 as uint8
from tinygrad_hw.dtypes import uint16 as uint16
from tinygrad_hw.dtypes import uint32 as uint32
from tinygrad_hw.dtypes import uint64 as uint64
from tinygrad_hw.kernels.runtime import get_num_threads as get_num_threads
from tinygrad_hw.kernels.runtime import set_flush_denormal as set_flush_denormal
from tinygrad_hw.kernels.runtime import set_num_threads as set_num_threads
from tinygrad_hw.kernels.runtime import show_config as show_config
from tinygrad_hw.layout import channels_last as channels_last
from tinygrad_hw.layout import channels_last_3d as channels_last_3d
from tinygrad_hw.layout import contiguous_format as contiguous_format
from tinygrad_hw.layout import layout as layout
from tinygrad_hw.layout import memory_format as memory_format
from tinygrad_hw.layout import preserve_format as preserve_format
from tinygrad_hw.layout import strided as strided
from tinygrad_hw.legacy import BoolTensor as BoolTensor
from tinygrad_hw.legacy import ByteTensor as ByteTensor
from tinygrad_hw.legacy import CharTensor as CharTensor
from tinygrad_hw.legacy import DoubleTensor as DoubleTensor
from tinygrad_hw.legacy import FloatTensor as FloatTensor
from tinygrad_hw.legacy import HalfTensor as HalfTensor
from tinygrad_hw.legacy import IntTensor as IntTensor
from tinygrad_hw.legacy import LongTensor as LongTensor
from tinygrad_hw.legacy import ShortTensor as ShortTensor
from tinygrad_hw.nn.functional import adaptive_avg_pool1d as adaptive_avg_pool1d
from tinygrad_hw.nn.functional import adaptive_max_pool1d as adaptive_max_pool1d
from tinygrad_hw.nn.functional import alpha_dropout as alpha_dropout
from tinygrad_hw.nn.functional import avg_pool1d as avg_pool1d
from tinygrad_hw.nn.functional import bilinear as bilinear
from tinygrad_hw.nn.functional import celu as celu
from tinygrad_hw.nn.functional import celu_ as celu_
from tinygrad_hw.nn.functional import channel_shuffle as channel_shuffle
from tinygrad_hw.nn.functional import conv1d as conv1d
from tinygrad_hw.nn.functional import conv2d as conv2d
from tinygrad_hw.nn.functional import conv3d as conv3d
from tinygrad_hw.nn.functional import conv_transpose1d as conv_transpose1d
from tinygrad_hw.nn.functional import conv_transpose2d as conv_transpose2d
from tinygrad_hw.nn.functional import conv_transpose3d as conv_transpose3d
from tinygrad_hw.nn.functional import cosine_similarity as cosine_similarity
from tinygrad_hw.nn.functional import dropout as dropout
from tinygrad_hw.nn.functional import embedding_bag as embedding_bag
from tinygrad_hw.nn.functional import feature_alpha_dropout as feature_alpha_dropout
from tinygrad_hw.nn.functional import group_norm as group_norm
from tinygrad_hw.nn.functional import hardshrink as hardshrink
from tinygrad_hw.nn.functional import layer_norm as layer_norm
from tinygrad_hw.nn.functional import max_pool1d as max_pool1d
from tinygrad_hw.nn.functional import max_pool2d as max_pool2d
from tinygrad_hw.nn.functional import max_pool3d as max_pool3d
from tinygrad_hw.nn.functional import pairwise_distance as pairwise_distance
from tinygrad_hw.nn.functional import pixel_shuffle as pixel_shuffle
from tinygrad_hw.nn.functional import pixel_unshuffle as pixel_unshuffle
from tinygrad_hw.nn.functional import prelu as prelu
from tinygrad_hw.nn.functional import relu as relu
from tinygrad_hw.nn.functional import relu_ as relu_
from tinygrad_hw.nn.functional import rms_norm as rms_norm
from tinygrad_hw.nn.functional import rrelu as rrelu
from tinygrad_hw.nn.functional import rrelu_ as rrelu_
from tinygrad_hw.nn.functional import selu as selu
from tinygrad_hw.nn.functional import selu_ as selu_
from tinygrad_hw.nn.functional import threshold as threshold
from tinygrad_hw.nn.functional import threshold_ as threshold_
from tinygrad_hw.ops.aliases import *
from tinygrad_hw.ops.arithmetic import *
from tinygrad_hw.ops.bessel import i0 as i0
from tinygrad_hw.ops.binary import *
from tinygrad_hw.ops.broadcasting import *
from tinygrad_hw.ops.comparison import *
from tinygrad_hw.ops.complex import *
from tinygrad_hw.ops.contraction import *
from tinygrad_hw.ops.conversion import clone as clone
from tinygrad_hw.ops.copies import *
from tinygrad_hw.ops.dropout import alpha_dropout_ as alpha_dropout_
from tinygrad_hw.ops.dropout import dropout_ as dropout_
from tinygrad_hw.ops.dropout import feature_alpha_dropout_ as feature_alpha_dropout_
from tinygrad_hw.ops.dropout import feature_dropout as feature_dropout
from tinygrad_hw.ops.dropout import feature_dropout_ as feature_dropout_
from tinygrad_hw.ops.pool3d import max_pool1d_with_indices as max_pool1d_with_indices
from tinygrad_hw.ops.creation import *
from tinygrad_hw.ops.decomposition import cholesky as cholesky
from tinygrad_hw.ops.decomposition import pca_lowrank as pca_lowrank
from tinygrad_hw.ops.decomposition import svd_lowrank as svd_lowrank
from tinygrad_hw.ops.decomposition import torch_qr as qr  # noqa: F401
from tinygrad_hw.ops.decomposition import torch_svd as svd  # noqa: F401
from tinygrad_hw.ops.diagonals import *
from tinygrad_hw.ops.distance import *
from tinygrad_hw.ops.extrema import *
from tinygrad_hw.ops.factor import geqrf as geqrf
from tinygrad_hw.ops.factor import lu_unpack as lu_unpack
from tinygrad_hw.ops.factor import orgqr as orgqr
from tinygrad_hw.ops.factor import ormqr as ormqr
from tinygrad_hw.ops.factor import torch_lu as lu  # noqa: F401
from tinygrad_hw.ops.factor import torch_lu_solve as lu_solve  # noqa: F401
from tinygrad_hw.ops.from_data import *

# The submodule `tensor` took the function's name when it was first imported.
from tinygrad_hw.ops.from_data import tensor as tensor
from tinygrad_hw.ops.gamma import _dirichlet_grad as _dirichlet_grad
from tinygrad_hw.ops.gamma import _sample_dirichlet as _sample_dirichlet
from tinygrad_hw.ops.gamma import _standard_gamma as _standard_gamma
from tinygrad_hw.ops.gamma import _standard_gamma_grad as _standard_gamma_grad
from tinygrad_hw.ops.gamma import binomial as binomial
from tinygrad_hw.ops.gamma import digamma as digamma
from tinygrad_hw.ops.gamma import igamma as igamma
from tinygrad_hw.ops.gamma import igammac as igammac
from tinygrad_hw.ops.gamma import lgamma as lgamma
from tinygrad_hw.ops.gamma import mvlgamma as mvlgamma
from tinygrad_hw.ops.gamma import polygamma as polygamma
from tinygrad_hw.ops.grid import grid_sampler as grid_sampler
from tinygrad_hw.ops.grid import grid_sampler_2d as grid_sampler_2d
from tinygrad_hw.ops.grid import grid_sampler_3d as grid_sampler_3d
from tinygrad_hw.ops.index import *
from tinygrad_hw.ops.index_select import *
from tinygrad_hw.ops.inplace import *
from tinygrad_hw.ops.joining import *
from tinygrad_hw.ops.masks import *
from tinygrad_hw.ops.matmul import *
from tinygrad_hw.ops.matrix_functions import matrix_exp as matrix_exp
from tinygrad_hw.ops.matrix_functions import matrix_power as matrix_power
from tinygrad_hw.ops.matrix_functions import vander as vander
from tinygrad_hw.ops.matrix_properties import det as det
from tinygrad_hw.ops.matrix_properties import logdet as logdet
from tinygrad_hw.ops.matrix_properties import slogdet as slogdet
from tinygrad_hw.ops.native_norm import *
from tinygrad_hw.ops.numbers import *
from tinygrad_hw.ops.permutation import *
from tinygrad_hw.ops.placing import *
from tinygrad_hw.ops.quantile import *
from tinygrad_hw.ops.random import *
from tinygrad_hw.ops.ranges import *
from tinygrad_hw.ops.recurrent import *
from tinygrad_hw.ops.reduce import *
from tinygrad_hw.ops.rounding import *
from tinygrad_hw.ops.scan import *
from tinygrad_hw.ops.scatter import *
from tinygrad_hw.ops.selection import *
from tinygrad_hw.ops.shape import *
from tinygrad_hw.ops.softmax import torch_log_softmax as log_softmax  # noqa: F401
from tinygrad_hw.ops.softmax import torch_softmax as softmax  # noqa: F401
from tinygrad_hw.ops.solvers import cholesky_inverse as cholesky_inverse
from tinygrad_hw.ops.solvers import pinverse as pinverse
from tinygrad_hw.ops.solvers import cholesky_solve as cholesky_solve
from tinygrad_hw.ops.solvers import triangular_solve as triangular_solve
from tinygrad_hw.ops.sort import *
from tinygrad_hw.ops.spectrum import istft as istft
from tinygrad_hw.ops.spectrum import stft as stft
from tinygrad_hw.ops.splitting import *
from tinygrad_hw.ops.statistics import *
from tinygrad_hw.ops.strided import *
from tinygrad_hw.ops.trigonometry import *
from tinygrad_hw.ops.unary import *
from tinygrad_hw.ops.variance import *
from tinygrad_hw.ops.view_scatter import *
from tinygrad_hw.ops.windows import bartlett_window as bartlett_window
from tinygrad_hw.ops.windows import blackman_window as blackman_window
from tinygrad_hw.ops.windows import hamming_window as hamming_window
from tinygrad_hw.ops.windows import hann_window as hann_window
from tinygrad_hw.ops.windows import kaiser_window as kaiser_window
from tinygrad_hw.printing import get_printoptions as get_printoptions
from tinygrad_hw.printing import set_printoptions as set_printoptions
from tinygrad_hw.serialization import load as load
from tinygrad_hw.serialization import load_npz as load_npz
from tinygrad_hw.serialization import save as save
from tinygrad_hw.serialization import save_npz as save_npz
from tinygrad_hw.settings import *
from tinygrad_hw.size import Size as Size
from tinygrad_hw.tensor import Tensor as Tensor

if TYPE_CHECKING:
    from tinygrad_hw import accelerator as accelerator
    from tinygrad_hw import amp as amp
    from tinygrad_hw import backends as backends
    from tinygrad_hw import compiler as compiler
    from tinygrad_hw import cpu as cpu
    from tinygrad_hw import cuda as cuda
    from tinygrad_hw import distributions as distributions
    from tinygrad_hw import func as func
    from tinygrad_hw import mps as mps
    from tinygrad_hw import onnx as onnx
    from tinygrad_hw import profiler as profiler
    from tinygrad_hw import storage as storage
    from tinygrad_hw import testing as testing
    from tinygrad_hw import types as types
    from tinygrad_hw import xpu as xpu
    from tinygrad_hw.amp import GradScaler as GradScaler
    from tinygrad_hw.amp.autocast import autocast as autocast
    from tinygrad_hw.amp.autocast import clear_autocast_cache as clear_autocast_cache
    from tinygrad_hw.amp.autocast import get_autocast_cpu_dtype as get_autocast_cpu_dtype
    from tinygrad_hw.amp.autocast import get_autocast_dtype as get_autocast_dtype
    from tinygrad_hw.amp.autocast import is_autocast_cache_enabled as is_autocast_cache_enabled
    from tinygrad_hw.amp.autocast import is_autocast_cpu_enabled as is_autocast_cpu_enabled
    from tinygrad_hw.amp.autocast import is_autocast_enabled as is_autocast_enabled
    from tinygrad_hw.compiler import compile as compile
    from tinygrad_hw.func import vmap as vmap

#: Modules that most programs do without, and names in them.
_LATER: dict[str, tuple[str, str | None]] = {
    "accelerator": ("accelerator", None),
    "amp": ("amp", None),
    "backends": ("backends", None),
    "compiler": ("compiler", None),
    "cpu": ("cpu", None),
    "cuda": ("cuda", None),
    "distributions": ("distributions", None),
    "func": ("func", None),
    "mps": ("mps", None),
    "onnx": ("onnx", None),
    "profiler": ("profiler", None),
    "storage": ("storage", None),
    "testing": ("testing", None),
    "types": ("types", None),
    "xpu": ("xpu", None),
    "GradScaler": ("amp", "GradScaler"),
    "autocast": ("amp", "autocast"),
    "clear_autocast_cache": ("amp.autocast", "clear_autocast_cache"),
    "get_autocast_cpu_dtype": ("amp.autocast", "get_autocast_cpu_dtype"),
    "get_autocast_dtype": ("amp.autocast", "get_autocast_dtype"),
    "is_autocast_cache_enabled": ("amp.autocast", "is_autocast_cache_enabled"),
    "is_autocast_cpu_enabled": ("amp.autocast", "is_autocast_cpu_enabled"),
    "is_autocast_enabled": ("amp.autocast", "is_autocast_enabled"),
    "compile": ("compiler", "compile"),
    "vmap": ("func", "vmap"),
}

inf = math.inf
nan = math.nan
pi = math.pi
e = math.e
newaxis = None
inverse = linalg.inv

_numpy_names.with_numpy_names(globals(), _numpy_names.FUNCTIONS)


def is_tensor(obj: object) -> _builtins.bool:
    """Return whether ``obj`` is a tensor.

    Example:
        >>> torch.is_tensor(torch.ones(1))
        True
    """
    return isinstance(obj, Tensor)


def is_floating_point(input: Tensor) -> _builtins.bool:
    """Return whether a tensor is float16, bfloat16, float32 or float64.

    Example:
        >>> torch.is_floating_point(torch.ones(1))
        True
    """
    return input.is_floating_point()


def is_nonzero(input: Tensor) -> _builtins.bool:
    """Return whether the only element of a tensor is not zero.

    Example:
        >>> torch.is_nonzero(torch.tensor([1.5]))
        True
    """
    return input.__bool__()


def is_inference(input: Tensor) -> _builtins.bool:
    """Return whether a tensor was made under ``inference_mode``, or is a view of one that was.

    Example:
        >>> with torch.inference_mode():
        ...     x = torch.ones(1)
        >>> torch.is_inference(x), torch.is_inference(x * 2)
        (True, False)
    """
    if not isinstance(input, Tensor):
        raise TypeError(f"is_inference(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    return input.is_inference()


def is_distributed(input: Tensor) -> _builtins.bool:
    """Return whether a tensor is spread over processes, which no tensor here is.

    Example:
        >>> torch.is_distributed(torch.ones(1))
        False
    """
    return False


def get_device_module(device: object = None) -> object:
    """Return the module of a kind of device: ``torch.cpu``.

    Args:
        device: a device or the name of one; the CPU by default.

    Raises:
        RuntimeError: there is no such device.

    Example:
        >>> torch.get_device_module("cpu").is_available()
        True
    """
    kind = "cpu" if device is None else _Device(device).type
    return _importlib.import_module(f"tinygrad_hw.{kind}")


def __getattr__(name: str) -> object:
    """Import what most programs do without when it is first used; say why something is not there."""
    if name in _LATER:
        place, member = _LATER[name]
        module = _importlib.import_module(f"tinygrad_hw.{place}")
        return module if member is None else getattr(module, member)
    from tinygrad_hw.absent import hint

    raise AttributeError(f"module 'tinygrad_hw' has no attribute {name!r}{hint(name, 'torch')}")
