"""Special functions: ``torch.special``."""

from tinygrad_hw.ops.bessel import i0, i0e, i1, i1e
from tinygrad_hw.ops.elementwise import xlogy
from tinygrad_hw.ops.gamma import (
    digamma,
    gammainc,
    gammaincc,
    gammaln,
    multigammaln,
    polygamma,
    psi,
    zeta,
)
from tinygrad_hw.ops.reduce import logsumexp
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
    "digamma",
    "erf",
    "erfc",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gammainc",
    "gammaincc",
    "gammaln",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "log1p",
    "logit",
    "logsumexp",
    "multigammaln",
    "polygamma",
    "psi",
    "round",
    "sinc",
    "xlogy",
    "zeta",
]
