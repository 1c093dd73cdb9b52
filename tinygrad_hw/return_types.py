"""Named results of functions that return several tensors: ``torch.return_types``."""

from __future__ import annotations

from collections import namedtuple
from typing import Any


def _named(name: str, *fields: str) -> Any:
    """Return a named tuple type that prints as PyTorch's structseqs do."""
    base = namedtuple(name, fields)  # type: ignore[misc]

    def __repr__(self: Any) -> str:
        parts = [f"{f}={getattr(self, f)!r}" for f in fields]
        return f"torch.return_types.{name}(\n" + ",\n".join(parts) + ")"

    def __reduce__(self: Any) -> Any:
        return cls, tuple(self)

    cls = type(
        name,
        (base,),
        {
            "__slots__": (),
            "__repr__": __repr__,
            "__reduce__": __reduce__,
            "__doc__": f"Result of ``torch.{name}``: {', '.join(fields)}.",
            "__module__": __name__,
        },
    )
    return cls


max = _named("max", "values", "indices")
min = _named("min", "values", "indices")
median = _named("median", "values", "indices")
nanmedian = _named("nanmedian", "values", "indices")
mode = _named("mode", "values", "indices")
sort = _named("sort", "values", "indices")
topk = _named("topk", "values", "indices")
kthvalue = _named("kthvalue", "values", "indices")
cummax = _named("cummax", "values", "indices")
cummin = _named("cummin", "values", "indices")
aminmax = _named("aminmax", "min", "max")
frexp = _named("frexp", "mantissa", "exponent")
histogram = _named("histogram", "hist", "bin_edges")
histogramdd = _named("histogramdd", "hist", "bin_edges")
linalg_slogdet = _named("linalg_slogdet", "sign", "logabsdet")
linalg_qr = _named("linalg_qr", "Q", "R")
linalg_svd = _named("linalg_svd", "U", "S", "Vh")
linalg_eigh = _named("linalg_eigh", "eigenvalues", "eigenvectors")
linalg_lstsq = _named("linalg_lstsq", "solution", "residuals", "rank", "singular_values")

__all__ = [
    "aminmax",
    "cummax",
    "cummin",
    "frexp",
    "histogram",
    "histogramdd",
    "kthvalue",
    "linalg_eigh",
    "linalg_lstsq",
    "linalg_qr",
    "linalg_slogdet",
    "linalg_svd",
    "max",
    "median",
    "min",
    "mode",
    "nanmedian",
    "sort",
    "topk",
]
