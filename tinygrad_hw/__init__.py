"""The PyTorch API on numpy and numba: ``import tinygrad_hw as torch``."""

# ruff: noqa: E402 - the BLAS hint must come before numpy; the public names are the families' own lists.

from __future__ import annotations

from tinygrad_hw import _blas_hint

_blas_hint.apply_blas_hint()

import builtins as _builtins
import math
import warnings

# Like PyTorch, operations are silent about NaN and overflow. numpy warns where the operation is called, which
# is always in this package, so its filter does not touch what users' own numpy code says. (np.errstate around
# each operation would cost 0.5 us a call.)
warnings.filterwarnings("ignore", message=r".*encountered in", category=RuntimeWarning, module=r"tinygrad_hw")

from tinygrad_hw.version import __version__  # isort: skip
from tinygrad_hw import autograd, linalg, nn, optim, random, return_types, special, utils
from tinygrad_hw.autograd import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from tinygrad_hw.device import device
from tinygrad_hw.dtypes import (
    bool,
    can_cast,
    double,
    dtype,
    finfo,
    float,
    float16,
    float32,
    float64,
    get_default_dtype,
    half,
    iinfo,
    int,
    int8,
    int16,
    int32,
    int64,
    long,
    promote_types,
    result_type,
    set_default_dtype,
    short,
    uint8,
)
from tinygrad_hw.kernels.runtime import (
    get_num_threads,
    set_flush_denormal,
    set_num_threads,
    show_config,
)
from tinygrad_hw.legacy import (
    BoolTensor,
    ByteTensor,
    CharTensor,
    DoubleTensor,
    FloatTensor,
    HalfTensor,
    IntTensor,
    LongTensor,
    ShortTensor,
)
from tinygrad_hw.nn.functional import (
    celu,
    dropout,
    log_softmax,
    pixel_shuffle,
    pixel_unshuffle,
    relu,
    relu_,
    selu,
    softmax,
)
from tinygrad_hw.ops.comparison import *
from tinygrad_hw.ops.creation import *

# The submodule `tensor` took the function's name when it was first imported.
from tinygrad_hw.ops.creation import tensor
from tinygrad_hw.ops.elementwise import *
from tinygrad_hw.ops.index import *
from tinygrad_hw.ops.linalg import cholesky, det, matrix_power, slogdet
from tinygrad_hw.ops.linalg import pinv as pinverse
from tinygrad_hw.ops.matmul import *
from tinygrad_hw.ops.random import *
from tinygrad_hw.ops.reduce import *
from tinygrad_hw.ops.scan import *
from tinygrad_hw.ops.shape import *
from tinygrad_hw.ops.sort import *
from tinygrad_hw.ops.unary import *
from tinygrad_hw.printing import get_printoptions, set_printoptions
from tinygrad_hw.serialization import load_npz, save_npz
from tinygrad_hw.size import Size
from tinygrad_hw.tensor import Tensor

inf = math.inf
nan = math.nan
pi = math.pi
e = math.e
newaxis = None
strided = "torch.strided"
inverse = linalg.inv


def is_tensor(obj: object) -> _builtins.bool:
    """Return whether ``obj`` is a tensor.

    Example:
        >>> torch.is_tensor(torch.ones(1))
        True
    """
    return isinstance(obj, Tensor)


def is_floating_point(input: Tensor) -> _builtins.bool:
    """Return whether a tensor is float16, float32 or float64.

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
