"""Special functions: ``torch.special``."""

from tinygrad_hw.ops.elementwise import xlogy
from tinygrad_hw.ops.reduce import logsumexp
from tinygrad_hw.ops.softmax import log_softmax, softmax
from tinygrad_hw.ops.unary import (
    erf,
    erfc,
    erfinv,
    exp2,
    expit,
    expm1,
    log1p,
    logit,
    round,
    sinc,
)

__all__ = [
    "erf",
    "erfc",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "log1p",
    "log_softmax",
    "logit",
    "logsumexp",
    "round",
    "sinc",
    "softmax",
    "xlogy",
]
