r"""Discrete Fourier transforms: ``torch.fft``, computed by numpy's pocketfft in the input's own precision.

Everything is made of three linear ops, and each one's gradient rule is one of the three:

* ``fft_c2c``, complex to complex. Its matrix :math:`e^{\mp 2 \pi i k n / N}` is symmetric, so that the rule for
  conjugated gradients (``autograd/complex.py``) is the same transform again.
* ``fft_r2c``, real to the first half of a spectrum, the other half being its conjugate.
* ``fft_c2r``, half a spectrum to real numbers. It counts the numbers inside of the half twice, once for the other
  half; the rules of the last two are each other but for those weights.

Source: Cooley and Tukey, "An Algorithm for the Machine Calculation of Complex Fourier Series" (1965).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.autocast import as_float32
from tinygrad_hw.autograd.basics import cast
from tinygrad_hw.autograd.complex import is_complex
from tinygrad_hw.autograd.graph import TensorBase, array_of
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into
from tinygrad_hw.ops.arguments import one_dim
from tinygrad_hw.ops.complex import conj
from tinygrad_hw.ops.pad import pad

__all__ = [
    "fft",
    "fft2",
    "fftn",
    "hfft",
    "hfft2",
    "hfftn",
    "ifft",
    "ifft2",
    "ifftn",
    "ihfft",
    "ihfft2",
    "ihfftn",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftn",
]


Dims = int | Sequence[int] | None


#: How the same factor is called for a transform in the other direction.
_OTHER_WAY = {"backward": "forward", "ortho": "ortho", "forward": "backward"}


# -- the three ops --------------------------------------------------------------------------------


def _c2c_forward(input: Any, *, dim: tuple[int, ...], norm: str, inverse: bool) -> Any:
    if not dim:
        return input.astype(np.result_type(input.dtype, np.complex64))
    return (np.fft.ifftn if inverse else np.fft.fftn)(input, axes=dim, norm=norm)  # type: ignore[arg-type]


def _c2c_rule(g: Any, dim: tuple[int, ...], norm: str, inverse: bool) -> Any:
    return _c2c(g, dim=dim, norm=norm, inverse=inverse)


_c2c = op("fft_c2c", _c2c_forward, node_name="FftC2CBackward0", input=_c2c_rule)


#: The same of a real tensor, whose gradient is the real part: the walk takes it.
_r2c_whole = op("fft_r2c_whole", _c2c_forward, node_name="FftR2CBackward0", input=_c2c_rule)


def _half_weights(size: int, ndim: int, dim: int, kind: Any, inside: float) -> Any:
    """Return 1 for the numbers of half a spectrum that are their own conjugates, ``inside`` for the others."""
    weights = np.full(size // 2 + 1, inside, kind)
    weights[0] = 1
    if size % 2 == 0:
        weights[-1] = 1
    return weights.reshape([-1 if i == dim else 1 for i in range(ndim)])


def _real_kind(g: Any) -> Any:
    return array_of(g).real.dtype


def _r2c_rule(g: Any, input_shape: Sequence[int], dim: tuple[int, ...], norm: str) -> Any:
    size = input_shape[dim[-1]]
    halved = conj(g) * _half_weights(size, g.ndim, dim[-1], _real_kind(g), 0.5)
    return _c2r(halved, dim=dim, norm=_OTHER_WAY[norm], size=size)


def _c2r_rule(g: Any, dim: tuple[int, ...], norm: str, size: int) -> Any:
    half = conj(_r2c(g, dim=dim, norm=_OTHER_WAY[norm]))
    return half * _half_weights(size, g.ndim, dim[-1], _real_kind(g), 2.0)


def _c2r_forward(input: Any, *, dim: tuple[int, ...], norm: str, size: int) -> Any:
    sizes = [input.shape[d] for d in dim[:-1]]
    return np.fft.irfftn(input, s=[*sizes, size], axes=dim, norm=norm)  # type: ignore[arg-type]


_r2c = op(
    "fft_r2c",
    lambda input, *, dim, norm: np.fft.rfftn(input, axes=dim, norm=norm),
    node_name="FftR2CBackward0",
    input=_r2c_rule,
)


_c2r = op("fft_c2r", _c2r_forward, node_name="FftC2RBackward0", input=_c2r_rule)


# -- arguments ------------------------------------------------------------------------------------


def _prepared(name: str, input: Any, complex: bool | None = None) -> Any:
    """Return the input with a dtype to transform: real, complex (True) or either (None)."""
    if not isinstance(input, (TensorBase, np.ndarray)):
        raise TypeError(f"fft_{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    input = as_float32(input)
    kind = array_of(input).dtype
    if kind == np.float16 or kind.kind == "V":
        which = "Half" if kind == np.float16 else "BFloat16"
        raise RuntimeError(f"{name}: Unsupported dtype {which}. Convert it with .float()")
    if complex is False and kind.kind == "c":
        raise RuntimeError(f"{name} expects a real input tensor, but got {dtypes.from_numpy(kind)}")
    if kind.kind in "biu":
        input = cast(input, dtype=dtypes.get_default_dtype().numpy)
    if complex and kind.kind != "c":
        real = dtypes.from_numpy(array_of(input).dtype)
        input = cast(input, dtype=real.to_complex().numpy)
    return input


def _norm(norm: str | None) -> str:
    if norm is None:
        return "backward"
    if norm not in _OTHER_WAY:
        raise RuntimeError(f'Invalid normalization mode: "{norm}": use "forward", "backward" or "ortho"')
    return norm


def _one(dim: int, ndim: int) -> int:
    if ndim == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return one_dim(dim, ndim)


def _tuple(value: Any) -> tuple[int, ...]:
    return (int(value),) if isinstance(value, (int, np.integer)) else tuple(value)


def _sizes_and_dims(input: Any, s: Dims, dim: Dims) -> tuple[list[int], tuple[int, ...]]:
    """Return the lengths of a transform, -1 where the input's own is meant, and its dimensions."""
    n = input.ndim
    if dim is not None:
        dims = tuple(_one(d, n) for d in _tuple(dim))
        if len(set(dims)) != len(dims):
            raise RuntimeError(f"FFT dims must be unique, got {list(_tuple(dim))}")
        sizes = [-1] * len(dims) if s is None else list(_tuple(s))
        if len(sizes) != len(dims):
            raise RuntimeError(
                f"When given, dim and shape arguments must have the same length, got {len(dims)} and {len(sizes)}"
            )
        return sizes, dims
    if s is None:
        return [-1] * n, tuple(range(n))
    sizes = list(_tuple(s))
    if len(sizes) > n:
        raise RuntimeError(f"Got shape with {len(sizes)} values but input tensor only has {n} dimensions.")
    return sizes, tuple(range(n - len(sizes), n))


def _resized(input: Any, sizes: Sequence[int], dims: Sequence[int]) -> Any:
    """Return the input cut, or filled up with zeros, to lengths of which -1 is the input's own."""
    amounts = [0] * (2 * input.ndim)
    for n, d in zip(sizes, dims, strict=True):
        size = input.shape[d] if n == -1 else n
        if size < 1:
            raise RuntimeError(f"Invalid number of data points ({size}) specified")
        amounts[2 * (input.ndim - 1 - d) + 1] = size - input.shape[d]
    return pad(input, amounts) if any(amounts) else input


def _single(n: int | None, dim: int, input: Any) -> tuple[list[int], tuple[int, ...]]:
    """The same as ``_sizes_and_dims`` for a transform along one dimension."""
    if n is not None and n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")
    return [-1 if n is None else int(n)], (_one(dim, input.ndim),)


# -- transforms over any dimensions ---------------------------------------------------------------


def _complex(input: Any, sizes: Sequence[int], dims: tuple[int, ...], norm: str | None, inverse: bool) -> Any:
    mode = _norm(norm)
    input = _resized(input, sizes, dims)
    return (_c2c if is_complex(input) else _r2c_whole)(input, dim=dims, norm=mode, inverse=inverse)


def _to_half(name: str, input: Any, sizes: Sequence[int], dims: tuple[int, ...], norm: str | None) -> Any:
    if not dims:
        raise RuntimeError(f"{name} must transform at least one axis")
    mode = _norm(norm)
    return _r2c(_resized(input, sizes, dims), dim=dims, norm=mode)


def _from_half(name: str, input: Any, sizes: Sequence[int], dims: tuple[int, ...], norm: str | None) -> Any:
    if not dims:
        raise RuntimeError(f"{name} must transform at least one axis")
    mode = _norm(norm)
    size = 2 * (input.shape[dims[-1]] - 1) if sizes[-1] == -1 else sizes[-1]
    if size < 1:
        raise RuntimeError(f"Invalid number of data points ({size}) specified")
    return _c2r(_resized(input, [*sizes[:-1], size // 2 + 1], dims), dim=dims, norm=mode, size=size)


def fft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None) -> Any:
    r"""Return the discrete Fourier transform :math:`X_k = \sum_{j=0}^{N-1} x_j e^{-2 \pi i j k / N}`.

    Args:
        input: a real or complex tensor; integers become the default dtype.
        n: the length N: longer inputs are cut, shorter ones filled up with zeros. The input's by default.
        dim: the dimension.
        norm: ``"backward"`` (default) for no factor, ``"ortho"`` for :math:`1/\sqrt N`, ``"forward"`` for
            :math:`1/N`.
        out: a tensor to write the result into.

    Returns:
        A complex tensor.

    Raises:
        IndexError: there is no such dimension.
        RuntimeError: the length is not positive, or the mode is unknown.

    Source: ``torch.fft.fft``.

    Example:
        >>> torch.fft.fft(torch.tensor([1.0, 2.0, 3.0, 4.0]))
        tensor([10.+0.j, -2.+2.j, -2.+0.j, -2.-2.j])
    """
    if out is not None:
        return into(out, fft, input, n, dim, norm)
    input = _prepared("fft", input)
    return _complex(input, *_single(n, dim, input), norm, False)


def ifft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None) -> Any:
    r"""Return the inverse transform :math:`x_j = \frac{1}{N} \sum_{k=0}^{N-1} X_k e^{2 \pi i j k / N}`.

    Args:
        input: a real or complex tensor.
        n: the length N; the input's by default.
        dim: the dimension.
        norm: ``"backward"`` (default) for the factor :math:`1/N`, ``"ortho"`` for :math:`1/\sqrt N`,
            ``"forward"`` for none.
        out: a tensor to write the result into.

    Raises:
        IndexError: there is no such dimension.
        RuntimeError: the length is not positive, or the mode is unknown.

    Source: ``torch.fft.ifft``.

    Example:
        >>> torch.fft.ifft(torch.fft.fft(torch.tensor([1.0, 2.0])))
        tensor([1.+0.j, 2.+0.j])
    """
    if out is not None:
        return into(out, ifft, input, n, dim, norm)
    input = _prepared("ifft", input)
    return _complex(input, *_single(n, dim, input), norm, True)


def fftn(input: Any, s: Dims = None, dim: Dims = None, norm: str | None = None, *, out: Any = None) -> Any:
    """Return the Fourier transform over several dimensions; see ``fft``.

    Args:
        input: a real or complex tensor.
        s: the lengths, -1 for the input's own; those by default.
        dim: the dimensions; all by default, the last ``len(s)`` if ``s`` is given.
        norm: as in ``fft``, N being the product of the lengths.
        out: a tensor to write the result into.

    Raises:
        IndexError: there is no such dimension.
        RuntimeError: dimensions repeat, ``s`` and ``dim`` differ in length, or a length is not positive.

    Source: ``torch.fft.fftn``.

    Example:
        >>> torch.fft.fftn(torch.ones(2, 2))
        tensor([[4.+0.j, 0.+0.j],
                [0.+0.j, 0.+0.j]])
    """
    if out is not None:
        return into(out, fftn, input, s, dim, norm)
    input = _prepared("fftn", input)
    return _complex(input, *_sizes_and_dims(input, s, dim), norm, False)


def ifftn(input: Any, s: Dims = None, dim: Dims = None, norm: str | None = None, *, out: Any = None) -> Any:
    """Return the inverse Fourier transform over several dimensions; see ``ifft`` and ``fftn``.

    Source: ``torch.fft.ifftn``.

    Example:
        >>> torch.fft.ifftn(torch.ones(2, 2))
        tensor([[1.+0.j, 0.+0.j],
                [0.+0.j, 0.+0.j]])
    """
    if out is not None:
        return into(out, ifftn, input, s, dim, norm)
    input = _prepared("ifftn", input)
    return _complex(input, *_sizes_and_dims(input, s, dim), norm, True)


def rfft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None) -> Any:
    r"""Return the first :math:`\lfloor N/2 \rfloor + 1` numbers of the Fourier transform of a real tensor.

    The others are conjugates of these: :math:`X_{N-k} = \overline{X_k}`.

    Args:
        input: a real tensor.
        n: the length N; the input's by default.
        dim: the dimension.
        norm: as in ``fft``.
        out: a tensor to write the result into.

    Raises:
        IndexError: there is no such dimension.
        RuntimeError: the tensor is complex, the length is not positive, or the mode is unknown.

    Source: ``torch.fft.rfft``.

    Example:
        >>> torch.fft.rfft(torch.tensor([1.0, 0.0, 0.0, 0.0]))
        tensor([1.+0.j, 1.+0.j, 1.+0.j])
    """
    if out is not None:
        return into(out, rfft, input, n, dim, norm)
    input = _prepared("rfft", input, False)
    return _to_half("rfft", input, *_single(n, dim, input), norm)


def irfft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None) -> Any:
    r"""Return the real tensor whose Fourier transform has ``input`` as its first half, the inverse of ``rfft``.

    Args:
        input: a tensor of :math:`\lfloor N/2 \rfloor + 1` numbers along the dimension.
        n: the length N of the result; :math:`2 (m - 1)` for m numbers by default. Give it where it is odd.
        dim: the dimension.
        norm: as in ``ifft``.
        out: a tensor to write the result into.

    Raises:
        IndexError: there is no such dimension.
        RuntimeError: the length is not positive, or the mode is unknown.

    Source: ``torch.fft.irfft``.

    Example:
        >>> torch.fft.irfft(torch.fft.rfft(torch.tensor([1.0, 2.0, 3.0])), 3)
        tensor([1., 2., 3.])
    """
    if out is not None:
        return into(out, irfft, input, n, dim, norm)
    input = _prepared("irfft", input, True)
    return _from_half("irfft", input, *_single(n, dim, input), norm)


def rfftn(input: Any, s: Dims = None, dim: Dims = None, norm: str | None = None, *, out: Any = None) -> Any:
    """Return the Fourier transform of a real tensor over several dimensions, half of it along the last one.

    Args:
        input: a real tensor.
        s: the lengths, -1 for the input's own; those by default.
        dim: the dimensions; all by default, the last ``len(s)`` if ``s`` is given.
        norm: as in ``fft``.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: the tensor is complex; otherwise as in ``fftn``.

    Source: ``torch.fft.rfftn``.

    Example:
        >>> torch.fft.rfftn(torch.ones(2, 2))
        tensor([[4.+0.j, 0.+0.j],
                [0.+0.j, 0.+0.j]])
    """
    if out is not None:
        return into(out, rfftn, input, s, dim, norm)
    input = _prepared("rfftn", input, False)
    return _to_half("rfftn", input, *_sizes_and_dims(input, s, dim), norm)


def irfftn(input: Any, s: Dims = None, dim: Dims = None, norm: str | None = None, *, out: Any = None) -> Any:
    """Return the real tensor of which ``rfftn`` makes ``input``; see ``irfft`` for its last length.

    Source: ``torch.fft.irfftn``.

    Example:
        >>> torch.fft.irfftn(torch.fft.rfftn(torch.ones(2, 2)))
        tensor([[1., 1.],
                [1., 1.]])
    """
    if out is not None:
        return into(out, irfftn, input, s, dim, norm)
    input = _prepared("irfftn", input, True)
    return _from_half("irfftn", input, *_sizes_and_dims(input, s, dim), norm)


def hfft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None) -> Any:
    r"""Return the Fourier transform, which is real, of the signal of which ``input`` is the first half.

    The other half is its conjugate: :math:`x_{N-j} = \overline{x_j}`.

    Args:
        input: a tensor of :math:`\lfloor N/2 \rfloor + 1` numbers along the dimension.
        n: the length N of the result; :math:`2 (m - 1)` for m numbers by default.
        dim: the dimension.
        norm: as in ``fft``.
        out: a tensor to write the result into.

    Raises:
        IndexError: there is no such dimension.
        RuntimeError: the length is not positive, or the mode is unknown.

    Source: ``torch.fft.hfft``.

    Example:
        >>> torch.fft.hfft(torch.tensor([1.0, 0.0, 0.0]))
        tensor([1., 1., 1., 1.])
    """
    if out is not None:
        return into(out, hfft, input, n, dim, norm)
    input = _prepared("hfft", input, True)
    return _from_half("hfft", conj(input), *_single(n, dim, input), _OTHER_WAY[_norm(norm)])


def ihfft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None) -> Any:
    r"""Return the first :math:`\lfloor N/2 \rfloor + 1` numbers of the inverse transform of a real tensor.

    Args:
        input: a real tensor.
        n: the length N; the input's by default.
        dim: the dimension.
        norm: as in ``ifft``.
        out: a tensor to write the result into.

    Raises:
        IndexError: there is no such dimension.
        RuntimeError: the tensor is complex, the length is not positive, or the mode is unknown.

    Source: ``torch.fft.ihfft``.

    Example:
        >>> torch.fft.ihfft(torch.tensor([4.0, 0.0, 0.0, 0.0]))
        tensor([1.-0.j, 1.-0.j, 1.-0.j])
    """
    if out is not None:
        return into(out, ihfft, input, n, dim, norm)
    input = _prepared("ihfft", input, False)
    return conj(_to_half("ihfft", input, *_single(n, dim, input), _OTHER_WAY[_norm(norm)]))


def hfftn(input: Any, s: Dims = None, dim: Dims = None, norm: str | None = None, *, out: Any = None) -> Any:
    """Return the Fourier transform over several dimensions of the signal of which ``input`` is half; see ``hfft``.

    Args:
        input: a real or complex tensor.
        s: the lengths of the result, -1 for the input's own (for the last one 2 (m - 1)); those by default.
        dim: the dimensions; all by default, the last ``len(s)`` if ``s`` is given.
        norm: as in ``fft``.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: as in ``fftn``.

    Source: ``torch.fft.hfftn``.

    Example:
        >>> torch.fft.hfftn(torch.ones(2, 2))
        tensor([[4., 0.],
                [0., 0.]])
    """
    if out is not None:
        return into(out, hfftn, input, s, dim, norm)
    input = _prepared("hfftn", input, True)
    return _from_half("hfftn", conj(input), *_sizes_and_dims(input, s, dim), _OTHER_WAY[_norm(norm)])


def ihfftn(input: Any, s: Dims = None, dim: Dims = None, norm: str | None = None, *, out: Any = None) -> Any:
    """Return half of the inverse Fourier transform of a real tensor over several dimensions; see ``ihfft``.

    Source: ``torch.fft.ihfftn``.

    Example:
        >>> torch.fft.ihfftn(torch.ones(2, 2)).real
        tensor([[1., 0.],
                [0., 0.]])
    """
    if out is not None:
        return into(out, ihfftn, input, s, dim, norm)
    input = _prepared("ihfftn", input, False)
    return conj(_to_half("ihfftn", input, *_sizes_and_dims(input, s, dim), _OTHER_WAY[_norm(norm)]))


# -- over two dimensions --------------------------------------------------------------------------


def fft2(input: Any, s: Dims = None, dim: Dims = (-2, -1), norm: str | None = None, *, out: Any = None) -> Any:
    """Return the Fourier transform over the last two dimensions; see ``fftn``.

    Source: ``torch.fft.fft2``.

    Example:
        >>> torch.fft.fft2(torch.ones(2, 2))
        tensor([[4.+0.j, 0.+0.j],
                [0.+0.j, 0.+0.j]])
    """
    if out is not None:
        return into(out, fft2, input, s, dim, norm)
    return fftn(input, s, dim, norm)


def ifft2(input: Any, s: Dims = None, dim: Dims = (-2, -1), norm: str | None = None, *, out: Any = None) -> Any:
    """Return the inverse Fourier transform over the last two dimensions; see ``ifftn``.

    Source: ``torch.fft.ifft2``.

    Example:
        >>> torch.fft.ifft2(torch.ones(2, 2))
        tensor([[1.+0.j, 0.+0.j],
                [0.+0.j, 0.+0.j]])
    """
    if out is not None:
        return into(out, ifft2, input, s, dim, norm)
    return ifftn(input, s, dim, norm)


def rfft2(input: Any, s: Dims = None, dim: Dims = (-2, -1), norm: str | None = None, *, out: Any = None) -> Any:
    """Return half of the Fourier transform of a real tensor over the last two dimensions; see ``rfftn``.

    Source: ``torch.fft.rfft2``.

    Example:
        >>> torch.fft.rfft2(torch.ones(2, 2))
        tensor([[4.+0.j, 0.+0.j],
                [0.+0.j, 0.+0.j]])
    """
    if out is not None:
        return into(out, rfft2, input, s, dim, norm)
    return rfftn(input, s, dim, norm)


def irfft2(input: Any, s: Dims = None, dim: Dims = (-2, -1), norm: str | None = None, *, out: Any = None) -> Any:
    """Return the inverse of ``rfft2``; see ``irfftn``.

    Source: ``torch.fft.irfft2``.

    Example:
        >>> torch.fft.irfft2(torch.fft.rfft2(torch.ones(2, 2)))
        tensor([[1., 1.],
                [1., 1.]])
    """
    if out is not None:
        return into(out, irfft2, input, s, dim, norm)
    return irfftn(input, s, dim, norm)


def hfft2(input: Any, s: Dims = None, dim: Dims = (-2, -1), norm: str | None = None, *, out: Any = None) -> Any:
    """Return ``hfftn`` over the last two dimensions.

    Source: ``torch.fft.hfft2``.

    Example:
        >>> torch.fft.hfft2(torch.ones(2, 2))
        tensor([[4., 0.],
                [0., 0.]])
    """
    if out is not None:
        return into(out, hfft2, input, s, dim, norm)
    return hfftn(input, s, dim, norm)


def ihfft2(input: Any, s: Dims = None, dim: Dims = (-2, -1), norm: str | None = None, *, out: Any = None) -> Any:
    """Return ``ihfftn`` over the last two dimensions.

    Source: ``torch.fft.ihfft2``.

    Example:
        >>> torch.fft.ihfft2(torch.ones(2, 2)).real
        tensor([[1., 0.],
                [0., 0.]])
    """
    if out is not None:
        return into(out, ihfft2, input, s, dim, norm)
    return ihfftn(input, s, dim, norm)
