"""Neural networks: modules, their parameters, and everything to build them from."""

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING

from tinygrad_hw.nn import attention as attention
from tinygrad_hw.nn import functional as functional
from tinygrad_hw.nn import init as init
from tinygrad_hw.nn import parallel as parallel
from tinygrad_hw.nn import utils as utils
from tinygrad_hw.nn.module import Module as Module
from tinygrad_hw.nn.modules import module as _module  # noqa: F401 - nn.modules.module
from tinygrad_hw.nn.modules.activation import *
from tinygrad_hw.nn.modules.adaptive import *
from tinygrad_hw.nn.modules.attention import *
from tinygrad_hw.nn.modules.container import *
from tinygrad_hw.nn.modules.conv import *
from tinygrad_hw.nn.modules.distance import *
from tinygrad_hw.nn.modules.dropout import *
from tinygrad_hw.nn.modules.embedding import *
from tinygrad_hw.nn.modules.embedding_bag import *
from tinygrad_hw.nn.modules.lazy import *
from tinygrad_hw.nn.modules.linear import *
from tinygrad_hw.nn.modules.loss import *
from tinygrad_hw.nn.modules.loss_sequence import *
from tinygrad_hw.nn.modules.normalization import *
from tinygrad_hw.nn.modules.padding import *
from tinygrad_hw.nn.modules.pooling import *
from tinygrad_hw.nn.modules.pooling3d import *
from tinygrad_hw.nn.modules.rnn import *
from tinygrad_hw.nn.modules.shape import *
from tinygrad_hw.nn.modules.transformer import *
from tinygrad_hw.nn.parallel import DataParallel as DataParallel
from tinygrad_hw.nn.parameter import Buffer as Buffer
from tinygrad_hw.nn.parameter import Parameter as Parameter
from tinygrad_hw.nn.parameter import UninitializedBuffer as UninitializedBuffer
from tinygrad_hw.nn.parameter import UninitializedParameter as UninitializedParameter

if _TYPE_CHECKING:
    from tinygrad_hw.nn import grad as grad


def __getattr__(name: str) -> object:
    """Import what most programs do without when it is first used; say why something is not there."""
    if name == "grad":
        return _importlib.import_module("tinygrad_hw.nn.grad")
    from tinygrad_hw.absent import hint

    raise AttributeError(f"module 'tinygrad_hw.nn' has no attribute {name!r}{hint(name, 'torch.nn')}")
