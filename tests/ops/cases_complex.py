"""Complex numbers: parts, conjugates, arithmetic, products, sums, Fourier transforms."""

from __future__ import annotations

import numpy as np

import tinygrad_hw as tg
from tests.ops.harness import OpCase, T
from tests.ops.short import INT, C, E


def Z(*shape: int, **kw: object) -> T:
    return T(*shape, dtype="complex", **kw)  # type: ignore[arg-type]


HALF = {"low": 0.2, "high": 2.0}


def R(path: str, *args: object, reference: object, **kw: object) -> OpCase:
    """A case with a reference of its own."""
    case = C(path, *args, **kw)
    case.reference = reference  # type: ignore[assignment]
    return case


def alone(case: OpCase) -> OpCase:
    """A case that PyTorch refuses: the strides that numpy gives an empty gradient."""
    case.parity = False
    return case


CASES = [
    # -- parts
    R("real", Z(3, 4), reference=np.real),
    R("imag", Z(3, 4), reference=np.imag, errors=[E(RuntimeError, T(3)), E(TypeError, 1.0)]),
    R("imag", Z(), reference=np.imag),
    R("imag", Z(0, 2), reference=np.imag),
    R("view_as_real", Z(3, 2), reference=lambda z: np.stack([z.real, z.imag], -1), errors=[E(RuntimeError, T(3))]),
    C("view_as_real", Z()),
    alone(C("view_as_real", Z(0, 2))),
    R(
        "view_as_complex",
        T(3, 2),
        reference=lambda x: x[..., 0] + 1j * x[..., 1],
        errors=[E(RuntimeError, T(3)), E(RuntimeError, T()), E(RuntimeError, T(2, **INT)), E(RuntimeError, Z(2))],
    ),
    C("view_as_complex", T(2)),
    alone(C("view_as_complex", T(0, 2))),
    R(
        "complex",
        T(3, 4),
        T(4),
        reference=lambda a, b: a + 1j * b,
        errors=[E(RuntimeError, T(3, **INT), T(3, **INT)), E(RuntimeError, T(2), T(2, dtype="float64"))],
    ),
    C("complex", T(), T()),
    C("complex", T(0), T(0)),
    R("polar", T(3, 4, **HALF), T(4), reference=lambda a, b: a * np.exp(1j * b), errors=[E(TypeError, T(2), 1.0)]),
    C("polar", T(**HALF), T()),
    C("polar", T(0), T(0)),
    R("conj", Z(3, 4), reference=np.conj),
    R("conj_physical", Z(3, 4), reference=np.conj),
    C("Tensor.conj_physical_", Z(3, grad=False)),
    R("adjoint", Z(2, 3, 4), reference=lambda z: np.conj(np.swapaxes(z, -1, -2))),
    R("angle", Z(3, 4), reference=np.angle),
    R("abs", Z(3, 4), reference=np.abs),
    R("sgn", Z(3, 4), reference=lambda z: z / np.abs(z)),
    R("isreal", Z(3), reference=np.isreal, orders=0),
    R("is_complex", Z(3), reference=lambda z: True, orders=0),
    # -- arithmetic
    R("add", Z(3, 4), T(4), reference=np.add),
    R("add", T(3, 4), 2j, reference=np.add),
    R("mul", Z(3, 4), Z(4), reference=np.multiply),
    R("mul", T(3, 4), Z(4), reference=np.multiply),
    C("mul", T(3, **INT), 1j),
    R("div", Z(3, 4), Z(4), reference=np.divide),
    R("div", T(3, 4), Z(4), reference=np.divide),
    R("pow", Z(3), 3, reference=np.power),
    R("pow", Z(3), 2.5, reference=np.power),
    R("pow", Z(3), Z(3), reference=np.power),
    R("eq", Z(3), Z(3), reference=np.equal, orders=0),
    *[
        R(name, Z(2, 3), reference=getattr(np, name))
        for name in ("exp", "log", "log2", "log10", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "square")
    ],
    R("sigmoid", Z(2, 3), reference=lambda z: 1 / (1 + np.exp(-z))),
    R("matmul", Z(2, 3), Z(3, 2), reference=np.matmul),
    C("matmul", Z(2, 2, 3), Z(3)),
    R("vdot", Z(3), Z(3), reference=np.vdot, errors=[E(TypeError, Z(3), 1.0)]),
    R("linalg.vecdot", Z(2, 3), Z(2, 3), reference=lambda a, b: (a.conj() * b).sum(-1)),
    C("sum", Z(2, 3), 1),
    C("mean", Z(2, 3)),
    C("prod", Z(2, 3), 1),
    R("var", Z(2, 3), reference=lambda z: z.var(ddof=1)),
    R("std", Z(2, 3), reference=lambda z: z.std(ddof=1)),
    R("norm", Z(2, 3), reference=lambda z: np.linalg.norm(z.reshape(-1))),
    C("cumsum", Z(2, 3), 1),
    C("cumprod", Z(2, 3), 1),
    C("where", T(2, 3, dtype="bool"), Z(2, 3), Z(3)),
    C("cat", [Z(2, 3), T(1, 3)]),
    C("stack", [Z(2), Z(2)]),
    C("gather", Z(2, 3), 1, T(2, 2, dtype="int64", low=0, high=2)),
    C("index_select", Z(2, 3), 1, T(2, dtype="int64", low=0, high=2)),
    C("Tensor.index_add", Z(3, 2), 0, T(3, dtype="int64", low=0, high=2), Z(3, 2)),
    C("flip", Z(2, 3), (0,)),
    C("tril", Z(3, 3)),
    # -- what complex numbers have no order or no kernel for
    C("lt", T(2), T(2), orders=0, errors=[E(NotImplementedError, Z(2), Z(2)), E(NotImplementedError, Z(2), 1.0)]),
    *[
        C(name, T(4, grad=False), orders=0, errors=[E(RuntimeError, Z(4), *rest)])
        for name, *rest in [
            ("max",),
            ("min",),
            ("sort",),
            ("argsort",),
            ("argmax",),
            ("argmin",),
            ("median",),
            ("unique",),
            ("relu",),
            ("sign",),
            ("floor",),
            ("round",),
            ("nn.functional.gelu",),
            ("erf",),
            ("signbit",),
            ("frac",),
        ]
    ],
    *[
        C(name, T(4, grad=False), T(4, grad=False), orders=0, errors=[E(RuntimeError, Z(4), Z(4))])
        for name in ("maximum", "atan2", "fmod", "remainder", "hypot", "floor_divide", "nn.functional.mse_loss")
    ],
    C("clamp", T(4), 0.0, orders=0, errors=[E(RuntimeError, Z(4), 0.0)]),
    C("topk", T(4), 2, orders=0, errors=[E(RuntimeError, Z(4), 2)]),
    C("cummax", T(4), 0, orders=0, errors=[E(RuntimeError, Z(4), 0)]),
    C("softmax", T(4), 0, orders=0, errors=[E(RuntimeError, Z(4), 0)]),
    C("nn.functional.layer_norm", T(4), (4,), orders=0, errors=[E(RuntimeError, Z(4), (4,))]),
    # -- transforms
    R(
        "fft.fft",
        Z(2, 5),
        reference=np.fft.fft,
        errors=[
            E(IndexError, T()),
            E(IndexError, T(3), 2, 1),
            E(RuntimeError, T(0)),
            E(RuntimeError, T(3), 0),
            E(RuntimeError, T(3), None, -1, "abc"),
            E(RuntimeError, T(3, dtype="float16")),
            E(TypeError, 1.0),
        ],
    ),
    R("fft.fft", T(2, 4), reference=np.fft.fft),
    C("fft.fft", T(3, **INT)),
    R("fft.fft", Z(4, 3), 6, 0, "ortho", reference=lambda x, *a: np.fft.fft(x, *a)),
    R("fft.fft", T(4, 3), 2, 0, "forward", reference=lambda x, *a: np.fft.fft(x, *a)),
    R("fft.ifft", Z(2, 5), reference=np.fft.ifft),
    R("fft.ifft", T(4), 6, -1, "forward", reference=lambda x, *a: np.fft.ifft(x, *a)),
    R("fft.rfft", T(2, 5), reference=np.fft.rfft, errors=[E(RuntimeError, Z(3))]),
    R("fft.rfft", T(4, 2), 6, 0, "ortho", reference=lambda x, *a: np.fft.rfft(x, *a)),
    R("fft.irfft", Z(2, 4), reference=np.fft.irfft, errors=[E(RuntimeError, T(1))]),
    R("fft.irfft", Z(4), 7, -1, "ortho", reference=lambda x, *a: np.fft.irfft(x, *a)),
    R("fft.irfft", T(4), 5, reference=np.fft.irfft),
    R("fft.hfft", Z(2, 4), reference=np.fft.hfft),
    R("fft.hfft", T(4), 5, -1, "forward", reference=lambda x, *a: np.fft.hfft(x, *a)),
    R("fft.ihfft", T(2, 5), reference=np.fft.ihfft, errors=[E(RuntimeError, Z(3))]),
    R("fft.ihfft", T(4), 6, -1, "ortho", reference=lambda x, *a: np.fft.ihfft(x, *a)),
    R(
        "fft.fftn",
        Z(2, 3, 2),
        reference=np.fft.fftn,
        errors=[
            E(RuntimeError, T(2, 2), None, (0, 0)),
            E(RuntimeError, T(2, 2), (2,), (0, 1)),
            E(RuntimeError, T(2), (2, 2)),
            E(IndexError, T(), None, (0,)),
        ],
    ),
    C("fft.fftn", T(2, 3), (3, -1)),
    C("fft.fftn", T()),
    C("fft.fftn", Z(2, 3), 2),
    R("fft.ifftn", Z(2, 3), None, (1, 0), "ortho", reference=lambda x, *a: np.fft.ifftn(x, *a)),
    R("fft.rfftn", T(2, 3, 2), reference=np.fft.rfftn, errors=[E(RuntimeError, Z(2, 2)), E(RuntimeError, T())]),
    C("fft.rfftn", T(3, 4), (2, 5), (1, 0)),
    R("fft.irfftn", Z(2, 3), reference=np.fft.irfftn, errors=[E(RuntimeError, T(2), None, ())]),
    C("fft.irfftn", Z(3, 4), (2, 5), (1, 0), "ortho"),
    C("fft.hfftn", Z(2, 3)),
    C("fft.hfftn", Z(3, 4), (2, 5), (1, 0), "ortho"),
    C("fft.ihfftn", T(3, 4), errors=[E(RuntimeError, Z(2, 2))]),
    R("fft.fft2", Z(2, 3, 2), reference=np.fft.fft2, errors=[E(IndexError, T(3))]),
    R("fft.ifft2", Z(2, 3), reference=np.fft.ifft2),
    R("fft.rfft2", T(2, 3), reference=np.fft.rfft2),
    R("fft.irfft2", Z(2, 3), reference=np.fft.irfft2),
    C("fft.hfft2", Z(2, 3)),
    C("fft.ihfft2", T(2, 3)),
    R("fft.fftshift", T(3, 4), reference=np.fft.fftshift, errors=[E(IndexError, T(3), 1), E(TypeError, 1.0)]),
    R("fft.ifftshift", Z(3, 4), (1,), reference=lambda x, d: np.fft.ifftshift(x, d)),
    C("fft.fftfreq", 5, 0.5, errors=[E(RuntimeError, 4, dtype=tg.int64)]),
    C("fft.rfftfreq", 6, 0.5),
    C(
        "stft",
        T(12),
        4,
        return_complex=True,
        window=T(4, **HALF),
        errors=[
            E(RuntimeError, T(12), 4, window=T(4)),
            E(RuntimeError, T(1, 1, 12), 4, return_complex=True, window=T(4)),
            E(RuntimeError, T(12, **INT), 4, return_complex=True, window=T(4)),
            E(RuntimeError, T(12), 4, 0, return_complex=True, window=T(4)),
            E(RuntimeError, T(12), 4, 1, 5, return_complex=True, window=T(4)),
            E(RuntimeError, Z(12), 4, onesided=True, window=T(4)),
            E(RuntimeError, T(12), 4, window=T(3), return_complex=True),
            E(RuntimeError, T(12), 4, center=True, align_to_window=True, return_complex=True),
        ],
    ),
    C("stft", Z(2, 12), 5, 2, 3, window=Z(3), center=False),
    C("Tensor.stft", T(2, 12), 4, window=T(4), normalized=True, onesided=False, return_complex=True),
    C("stft", T(12), 6, 2, 4, window=T(4), center=False, align_to_window=True, return_complex=True),
    C(
        "istft",
        Z(3, 5),
        4,
        window=T(4, **HALF),
        errors=[
            E(RuntimeError, T(3, 5), 4, window=T(4)),
            E(RuntimeError, Z(4, 5), 7, window=T(4)),
            E(RuntimeError, Z(3, 0), 4, window=T(4)),
            E(RuntimeError, Z(3, 5), 4, 5, window=T(4)),
            E(RuntimeError, Z(3, 5), 4, 1, 5, window=T(4)),
            E(RuntimeError, Z(3, 5), 4, window=T(3)),
            E(RuntimeError, Z(3, 5), 4, window=Z(4)),
            E(RuntimeError, Z(3, 5), 4, return_complex=True, window=T(4)),
        ],
    ),
    C("istft", Z(2, 4, 5), 4, 2, window=Z(4), return_complex=True, onesided=False, length=7),
    C("Tensor.istft", Z(2, 3, 5), 4, 2, 3, window=T(3, **HALF), normalized=True, center=False, length=7),
]
