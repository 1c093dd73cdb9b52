"""Windows for spectral analysis: ``torch.signal.windows``, and the older ``torch.hann_window`` and its like."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.graph import wrap
from tinygrad_hw.device import device as Device
from tinygrad_hw.kernels.cylinder import bessel_i
from tinygrad_hw.layout import strided

__all__ = [
    "bartlett",
    "bartlett_window",
    "blackman",
    "blackman_window",
    "cosine",
    "exponential",
    "gaussian",
    "general_cosine",
    "general_hamming",
    "hamming",
    "hamming_window",
    "hann",
    "hann_window",
    "kaiser",
    "kaiser_window",
    "nuttall",
]


def _kind(name: str, M: int, dtype: Any, layout: Any, device: Any) -> Any:
    """Check the arguments that all windows share and return the numpy dtype."""
    if M < 0:
        raise ValueError(f"{name} requires non-negative window size, got M={M}")
    if layout is not None and layout is not strided:
        raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
    Device.check(device)
    kind = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    if kind not in (dtypes.float32, dtypes.float64):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {kind}")
    return kind.numpy


def _finish(values: Any, kind: Any, requires_grad: bool) -> Any:
    return wrap(np.asarray(values).astype(kind)).requires_grad_(requires_grad)


def _line(start: float, step: float, M: int) -> Any:
    return start + step * np.arange(M)


def general_cosine(
    M: int,
    *,
    a: Iterable[float],
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    r"""Return :math:`w_n = \sum_i (-1)^i a_i \cos(2 \pi i n / (M - 1))`.

    Args:
        M: elements of the window.
        a: the coefficients.
        sym: whether the window is symmetric, for filters (default), or periodic, for spectra.
        dtype: float32 or float64; the default dtype if left out.
        layout: must be ``torch.strided``.
        device: the CPU.
        requires_grad: whether the result accumulates gradients.

    Raises:
        TypeError: the coefficients cannot be iterated.
        ValueError: an argument is out of range.

    Source: ``torch.signal.windows.general_cosine``.

    Example:
        >>> torch.signal.windows.general_cosine(3, a=[0.5, 0.5])
        tensor([0., 1., 0.])
    """
    kind = _kind("general_cosine", M, dtype, layout, device)
    if not isinstance(a, Iterable):
        raise TypeError("Coefficients must be a list/tuple")
    factors = list(a)
    if not factors:
        raise ValueError("Coefficients cannot be empty")
    if M < 2:
        return _finish(np.ones(M), kind, requires_grad)
    k = _line(0.0, 2 * math.pi / (M - 1 if sym else M), M)
    total = np.zeros(M)
    for i, factor in enumerate(factors):
        total += (-1) ** i * factor * np.cos(i * k)
    return _finish(total, kind, requires_grad)


def general_hamming(
    M: int,
    *,
    alpha: float = 0.54,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    r"""Return :math:`w_n = \alpha - (1 - \alpha) \cos(2 \pi n / (M - 1))`.

    Args:
        M: elements of the window.
        alpha: the coefficient.
        sym: whether the window is symmetric, for filters (default), or periodic, for spectra.
        dtype: float32 or float64; the default dtype if left out.
        layout: must be ``torch.strided``.
        device: the CPU.
        requires_grad: whether the result accumulates gradients.

    Raises:
        ValueError: an argument is out of range.

    Source: ``torch.signal.windows.general_hamming``.

    Example:
        >>> torch.signal.windows.general_hamming(3)
        tensor([0.0800, 1.0000, 0.0800])
    """
    return general_cosine(
        M, a=[alpha, 1 - alpha], sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad
    )


def hamming(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    r"""Return Hamming's window; see ``general_hamming``, with ``alpha=0.54``.

    Args:
        M: elements of the window.
        sym: whether the window is symmetric, for filters (default), or periodic, for spectra.
        dtype: float32 or float64; the default dtype if left out.
        layout: must be ``torch.strided``.
        device: the CPU.
        requires_grad: whether the result accumulates gradients.

    Raises:
        ValueError: an argument is out of range.

    Source: ``torch.signal.windows.hamming``.

    Example:
        >>> torch.signal.windows.hamming(3)
        tensor([0.0800, 1.0000, 0.0800])
    """
    return general_hamming(
        M, alpha=0.54, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad
    )


def hann(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    r"""Return Hann's window; see ``general_hamming``, with ``alpha=0.5``.

    Args:
        M: elements of the window.
        sym: whether the window is symmetric, for filters (default), or periodic, for spectra.
        dtype: float32 or float64; the default dtype if left out.
        layout: must be ``torch.strided``.
        device: the CPU.
        requires_grad: whether the result accumulates gradients.

    Raises:
        ValueError: an argument is out of range.

    Source: ``torch.signal.windows.hann``.

    Example:
        >>> torch.signal.windows.hann(3)
        tensor([0., 1., 0.])
    """
    return general_hamming(
        M, alpha=0.5, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad
    )


def blackman(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    r"""Return Blackman's window; see ``general_cosine``.

    Args:
        M: elements of the window.
        sym: whether the window is symmetric, for filters (default), or periodic, for spectra.
        dtype: float32 or float64; the default dtype if left out.
        layout: must be ``torch.strided``.
        device: the CPU.
        requires_grad: whether the result accumulates gradients.

    Raises:
        ValueError: an argument is out of range.

    Source: ``torch.signal.windows.blackman``.

    Example:
        >>> torch.signal.windows.blackman(5)[1:4]
        tensor([0.3400, 1.0000, 0.3400])
    """
    return general_cosine(
        M,
        a=[0.42, 0.5, 0.08],
        sym=sym,
        dtype=dtype,
        layout=layout,
        device=device,
        requires_grad=requires_grad,
    )


def nuttall(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    r"""Return Nuttall's four-term window; see ``general_cosine``.

    Args:
        M: elements of the window.
        sym: whether the window is symmetric, for filters (default), or periodic, for spectra.
        dtype: float32 or float64; the default dtype if left out.
        layout: must be ``torch.strided``.
        device: the CPU.
        requires_grad: whether the result accumulates gradients.

    Raises:
        ValueError: an argument is out of range.

    Source: ``torch.signal.windows.nuttall``.

    Example:
        >>> torch.signal.windows.nuttall(3)
        tensor([3.6280e-04, 1.0000e+00, 3.6280e-04])
    """
    return general_cosine(
        M,
        a=[0.3635819, 0.4891775, 0.1365995, 0.0106411],
        sym=sym,
        dtype=dtype,
        layout=layout,
        device=device,
        requires_grad=requires_grad,
    )


def bartlett(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    r"""Return Bartlett's triangular window, :math:`w_n = 1 - |2 n / (M - 1) - 1|`.

    Args:
        M: elements of the window.
        sym: whether the window is symmetric, for filters (default), or periodic, for spectra.
        dtype: float32 or float64; the default dtype if left out.
        layout: must be ``torch.strided``.
        device: the CPU.
        requires_grad: whether the result accumulates gradients.

    Raises:
        ValueError: an argument is out of range.

    Source: ``torch.signal.windows.bartlett``.

    Example:
        >>> torch.signal.windows.bartlett(3)
        tensor([0., 1., 0.])
    """
    kind = _kind("bartlett", M, dtype, layout, device)
    if M < 2:
        return _finish(np.ones(M), kind, requires_grad)
    return _finish(1 - np.abs(_line(-1.0, 2 / (M - 1 if sym else M), M)), kind, requires_grad)


def cosine(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    r"""Return a half period of the sine, :math:`w_n = \sin(\pi (n + 1/2) / M)`.

    Args:
        M: elements of the window.
        sym: whether the window is symmetric, for filters (default), or periodic, for spectra.
        dtype: float32 or float64; the default dtype if left out.
        layout: must be ``torch.strided``.
        device: the CPU.
        requires_grad: whether the result accumulates gradients.

    Raises:
        ValueError: an argument is out of range.

    Source: ``torch.signal.windows.cosine``.

    Example:
        >>> torch.signal.windows.cosine(3)
        tensor([0.5000, 1.0000, 0.5000])
    """
    kind = _kind("cosine", M, dtype, layout, device)
    if not M:
        return _finish(np.ones(M), kind, requires_grad)
    step = math.pi / (M + 1 if not sym and M > 1 else M)
    return _finish(np.sin(_line(0.5 * step, step, M)), kind, requires_grad)


def gaussian(
    M: int,
    *,
    std: float = 1.0,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    r"""Return :math:`w_n = e^{-(n - c)^2 / (2 \sigma^2)}` around the centre c.

    Args:
        M: elements of the window.
        std: the standard deviation.
        sym: whether the window is symmetric, for filters (default), or periodic, for spectra.
        dtype: float32 or float64; the default dtype if left out.
        layout: must be ``torch.strided``.
        device: the CPU.
        requires_grad: whether the result accumulates gradients.

    Raises:
        ValueError: an argument is out of range.

    Source: ``torch.signal.windows.gaussian``.

    Example:
        >>> torch.signal.windows.gaussian(3)
        tensor([0.6065, 1.0000, 0.6065])
    """
    kind = _kind("gaussian", M, dtype, layout, device)
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    start = -(M if not sym and M > 1 else M - 1) / 2.0
    k = _line(start, 1.0, M) / (std * math.sqrt(2))
    return _finish(np.exp(-(k**2)), kind, requires_grad)


def exponential(
    M: int,
    *,
    center: float | None = None,
    tau: float = 1.0,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    r"""Return :math:`w_n = e^{-|n - c| / \tau}`.

    Args:
        M: elements of the window.
        center: where the window is largest; its middle by default, which a symmetric one must keep.
        tau: the decay.
        sym: whether the window is symmetric, for filters (default), or periodic, for spectra.
        dtype: float32 or float64; the default dtype if left out.
        layout: must be ``torch.strided``.
        device: the CPU.
        requires_grad: whether the result accumulates gradients.

    Raises:
        ValueError: an argument is out of range.

    Source: ``torch.signal.windows.exponential``.

    Example:
        >>> torch.signal.windows.exponential(3)
        tensor([0.3679, 1.0000, 0.3679])
    """
    kind = _kind("exponential", M, dtype, layout, device)
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    middle = (M if not sym and M > 1 else M - 1) / 2.0 if center is None else center
    return _finish(np.exp(-np.abs(_line(-middle, 1.0, M)) / tau), kind, requires_grad)


def kaiser(
    M: int,
    *,
    beta: float = 12.0,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    r"""Return Kaiser's window, :math:`w_n = I_0(\beta \sqrt{1 - (2 n / (M - 1) - 1)^2}) / I_0(\beta)`.

    Args:
        M: elements of the window.
        beta: the shape; 0 for a rectangle.
        sym: whether the window is symmetric, for filters (default), or periodic, for spectra.
        dtype: float32 or float64; the default dtype if left out.
        layout: must be ``torch.strided``.
        device: the CPU.
        requires_grad: whether the result accumulates gradients.

    Raises:
        ValueError: an argument is out of range.

    Source: ``torch.signal.windows.kaiser``.

    Example:
        >>> torch.signal.windows.kaiser(3)
        tensor([5.2773e-05, 1.0000e+00, 5.2773e-05])
    """
    kind = _kind("kaiser", M, dtype, layout, device)
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    if M < 2 or beta == 0:
        return _finish(np.ones(M), kind, requires_grad)
    k = np.minimum(_line(-float(beta), 2.0 * beta / (M - 1 if sym else M), M), beta)
    inside = np.sqrt(np.maximum(beta * beta - k * k, 0.0))
    return _finish(bessel_i(0, inside) / bessel_i(0, np.array(float(beta))), kind, requires_grad)


def _older(
    name: str,
    window: Callable[..., Any],
    length: int,
    periodic: bool,
    dtype: Any,
    layout: Any,
    device: Any,
    requires_grad: bool,
    **form: Any,
) -> Any:
    if length < 0:
        raise RuntimeError(f"{name} requires non-negative window_length, got window_length={length}")
    return window(
        length, sym=not periodic, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad, **form
    )


def bartlett_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Any:
    """Return Bartlett's window.

    Args:
        window_length: elements of the window.
        periodic: whether it is periodic (default) or symmetric.
        dtype: float32 or float64; the default dtype if left out.
        layout: must be ``torch.strided``.
        device: the CPU.
        pin_memory: ignored.
        requires_grad: whether the result accumulates gradients.

    Raises:
        RuntimeError: the length is negative.

    Source: ``torch.bartlett_window``.

    Example:
        >>> torch.bartlett_window(4)
        tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _older("bartlett_window", bartlett, window_length, periodic, dtype, layout, device, requires_grad)


def blackman_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Any:
    """Return Blackman's window.

    Args:
        window_length: elements of the window.
        periodic: whether it is periodic (default) or symmetric.
        dtype: float32 or float64; the default dtype if left out.
        layout: must be ``torch.strided``.
        device: the CPU.
        pin_memory: ignored.
        requires_grad: whether the result accumulates gradients.

    Raises:
        RuntimeError: the length is negative.

    Source: ``torch.blackman_window``.

    Example:
        >>> torch.blackman_window(4)[1:]
        tensor([0.3400, 1.0000, 0.3400])
    """
    return _older("blackman_window", blackman, window_length, periodic, dtype, layout, device, requires_grad)


def hann_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Any:
    """Return Hann's window.

    Args:
        window_length: elements of the window.
        periodic: whether it is periodic (default) or symmetric.
        dtype: float32 or float64; the default dtype if left out.
        layout: must be ``torch.strided``.
        device: the CPU.
        pin_memory: ignored.
        requires_grad: whether the result accumulates gradients.

    Raises:
        RuntimeError: the length is negative.

    Source: ``torch.hann_window``.

    Example:
        >>> torch.hann_window(4)
        tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _older("hann_window", hann, window_length, periodic, dtype, layout, device, requires_grad)


def hamming_window(
    window_length: int,
    periodic: bool = True,
    alpha: float = 0.54,
    beta: float = 0.46,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Any:
    """Return Hamming's window.

    Args:
        window_length: elements of the window.
        periodic: whether it is periodic (default) or symmetric.
        alpha: see ``torch.signal.windows``.
        beta: see ``torch.signal.windows``.
        dtype: float32 or float64; the default dtype if left out.
        layout: must be ``torch.strided``.
        device: the CPU.
        pin_memory: ignored.
        requires_grad: whether the result accumulates gradients.

    Raises:
        RuntimeError: the length is negative.

    Source: ``torch.hamming_window``.

    Example:
        >>> torch.hamming_window(4)
        tensor([0.0800, 0.5400, 1.0000, 0.5400])
    """
    return _older(
        "hamming_window", general_cosine, window_length, periodic, dtype, layout, device, requires_grad, a=[alpha, beta]
    )


def kaiser_window(
    window_length: int,
    periodic: bool = True,
    beta: float = 12.0,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Any:
    """Return Kaiser's window.

    Args:
        window_length: elements of the window.
        periodic: whether it is periodic (default) or symmetric.
        beta: see ``torch.signal.windows``.
        dtype: float32 or float64; the default dtype if left out.
        layout: must be ``torch.strided``.
        device: the CPU.
        pin_memory: ignored.
        requires_grad: whether the result accumulates gradients.

    Raises:
        RuntimeError: the length is negative.

    Source: ``torch.kaiser_window``.

    Example:
        >>> torch.kaiser_window(4)
        tensor([5.2773e-05, 2.1567e-01, 1.0000e+00, 2.1567e-01])
    """
    return _older("kaiser_window", kaiser, window_length, periodic, dtype, layout, device, requires_grad, beta=beta)
