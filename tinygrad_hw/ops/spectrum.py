"""Short-time Fourier transforms: the spectra of overlapping pieces of a signal, and back."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.autocast import in_float32
from tinygrad_hw.autograd.complex import is_complex
from tinygrad_hw.autograd.graph import TensorBase, array_of, wrap
from tinygrad_hw.ops import fourier
from tinygrad_hw.ops.complex import view_as_real
from tinygrad_hw.ops.pad import pad
from tinygrad_hw.ops.permutation import transpose
from tinygrad_hw.ops.shape import squeeze, unsqueeze
from tinygrad_hw.ops.strided import _unfold_adjoint, unfold_dim

__all__ = ["istft", "stft"]


def _window(name: str, window: Any, win_length: int, n_fft: int, kind: Any) -> Any:
    """Return the window with zeros at both ends, of length ``n_fft``."""
    if window is None:
        window = wrap(np.ones(win_length, kind))
    elif window.ndim != 1 or window.shape[0] != win_length:
        raise RuntimeError(
            f"{name}: expected a 1D window tensor of size equal to win_length={win_length}, but got window with size "
            f"{list(window.shape)}"
        )
    left = (n_fft - win_length) // 2
    return pad(window, (left, n_fft - win_length - left)) if win_length != n_fft else window


def _no_window(instead: str) -> None:
    warnings.warn(
        f"A window was not provided. A rectangular window will be applied.{instead}"
        "To suppress this warning and use a rectangular window, explicitly set "
        "`window=torch.ones(n_fft, device=<device>)`.",
        UserWarning,
        stacklevel=3,
    )


@in_float32
def stft(
    input: Any,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Any = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Any:
    r"""Return the Fourier transforms of overlapping pieces of a signal.

    .. math:: X[k, m] = \sum_{j=0}^{n - 1} window[j] \; input[m \cdot hop + j] \; e^{-2 \pi i j k / n}

    Args:
        input: (L,) or (B, L), real or complex.
        n_fft: n, the length of a piece.
        hop_length: the distance of pieces; ``n_fft // 4`` by default.
        win_length: the length of the window, centred in the piece; ``n_fft`` by default.
        window: (win_length,); ones by default.
        center: pad the signal with ``n_fft // 2`` at both ends, so that piece m is centred at m * hop.
        pad_mode: how, as in ``nn.functional.pad``.
        normalized: multiply by :math:`1/\sqrt n`.
        onesided: only the first ``n_fft // 2 + 1`` frequencies; by default if everything is real.
        return_complex: True for a complex result; False for parts in a last dimension of 2, which is deprecated.
            Must be given for real signals.
        align_to_window: without ``center``, let the first window, not the first piece, begin at the signal.

    Returns:
        (frequencies, pieces) or (B, frequencies, pieces).

    Raises:
        RuntimeError: an argument does not fit the signal.

    Source: ``torch.stft``; Griffin and Lim, "Signal Estimation from Modified Short-Time Fourier Transform" (1984).

    Example:
        >>> signal = torch.cos(torch.arange(16.0) * (torch.pi / 4))
        >>> torch.stft(signal, 8, window=torch.ones(8), return_complex=True).abs().mean(1).argmax()
        tensor(1)
    """
    if not isinstance(input, TensorBase):
        raise TypeError(f"stft(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    if center and align_to_window is not None:
        raise RuntimeError("stft align_to_window should only be set when center = false")
    hop = n_fft // 4 if hop_length is None else hop_length
    length = n_fft if win_length is None else win_length
    kind = array_of(input).dtype
    complex = kind.kind == "c" or (window is not None and is_complex(window))
    if return_complex is None and not complex:
        raise RuntimeError(
            "stft requires the return_complex parameter be given for real inputs, and will further require that "
            "return_complex=True in a future PyTorch release."
        )
    if kind.kind not in "fcVW":
        raise RuntimeError(
            f"stft: expected a tensor of floating point or complex values, got {dtypes.from_numpy(kind)}"
        )
    if input.ndim not in (1, 2):
        raise RuntimeError(f"stft: expected a 1D or 2D tensor, got one of shape {list(input.shape)}")
    if return_complex is False:
        warnings.warn(
            "stft with return_complex=False is deprecated. In a future pytorch release, stft will return complex "
            "tensors for all inputs, and return_complex=False will raise an error.\nNote: you can still call "
            "torch.view_as_real on the complex output to recover the old return format.",
            UserWarning,
            stacklevel=2,
        )
    signal = input if input.ndim == 2 else unsqueeze(input, 0)
    if center:
        signal = squeeze(pad(unsqueeze(signal, 1), (n_fft // 2, n_fft // 2), pad_mode), 1)
    elif align_to_window:
        signal = pad(signal, ((n_fft - length) // 2,) * 2)
    if not 0 < n_fft <= signal.shape[1]:
        raise RuntimeError(f"stft: expected 0 < n_fft < {signal.shape[1]}, but got n_fft={n_fft}")
    if hop <= 0:
        raise RuntimeError(f"stft: expected hop_length > 0, but got hop_length={hop}")
    if not 0 < length <= n_fft:
        raise RuntimeError(f"stft: expected 0 < win_length <= n_fft, but got win_length={length}")
    if onesided and complex:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    if window is None:
        _no_window(
            "which is known to cause spectral leakage. Other windows such as torch.hann_window or "
            "torch.hamming_window are recommended to reduce spectral leakage."
        )
    pieces = unfold_dim(signal, 1, n_fft, hop)
    if window is not None or length != n_fft:
        pieces = pieces * _window("stft", window, length, n_fft, kind)
    onesided = not complex if onesided is None else onesided
    transform = fourier.rfft if onesided else fourier.fft
    result = transpose(transform(pieces, norm="ortho" if normalized else None), 1, 2)
    if input.ndim == 1:
        result = squeeze(result, 0)
    return view_as_real(result) if return_complex is False else result


def istft(
    input: Any,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Any = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Any:
    r"""Return the signal of which ``stft`` with the same arguments makes ``input``.

    Pieces are multiplied by the window, added where they overlap, and divided by the sum of the squared windows;
    for a spectrum that belongs to no signal this is the signal with the nearest one.

    Args:
        input: (frequencies, pieces) or (B, frequencies, pieces), complex.
        n_fft: the length of a piece.
        hop_length: the distance of pieces; ``n_fft // 4`` by default.
        win_length: the length of the window; ``n_fft`` by default.
        window: (win_length,); ones by default.
        center: whether the signal was padded with ``n_fft // 2`` at both ends, which is cut off.
        normalized: whether the transforms were multiplied by :math:`1/\sqrt{n}`.
        onesided: whether there are only the first ``n_fft // 2 + 1`` frequencies; seen by their number by default.
        length: of the result; what the pieces give by default.
        return_complex: whether the signal is complex.

    Returns:
        (L,) or (B, L).

    Raises:
        RuntimeError: an argument does not fit the spectra, or windows leave out a place of the signal.

    Source: ``torch.istft``; Griffin and Lim, "Signal Estimation from Modified Short-Time Fourier Transform" (1984).

    Example:
        >>> window = torch.hann_window(4)
        >>> spectra = torch.stft(torch.arange(8.0), 4, window=window, return_complex=True)
        >>> torch.istft(spectra, 4, window=window).round()
        tensor([0., 1., 2., 3., 4., 5., 6., 7.])
    """
    if not isinstance(input, TensorBase):
        raise TypeError(f"istft(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    if not is_complex(input):
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with return_complex=True."
        )
    if window is None:
        _no_window("Please provide the same window used by stft to make the inversion lossless.")
    hop = n_fft // 4 if hop_length is None else hop_length
    width = n_fft if win_length is None else win_length
    if array_of(input).size == 0:
        raise RuntimeError("istft: input tensor cannot be empty.")
    if input.ndim not in (2, 3):
        raise RuntimeError(f"istft: expected (frequencies, pieces), with or without a batch, got {list(input.shape)}")
    frequencies, pieces = input.shape[-2:]
    half = frequencies != n_fft if onesided is None else onesided
    wanted = n_fft // 2 + 1 if half else n_fft
    if frequencies != wanted:
        raise RuntimeError(
            f"istft: expected the frequency dimension (2nd to the last) of the input tensor to be {wanted} when "
            f"onesided={half}, but got {frequencies}"
        )
    if not 0 < hop <= width:
        raise RuntimeError(f"istft: expected 0 < hop_length <= win_length, but got {hop} and {width}")
    if not 0 < width <= n_fft:
        raise RuntimeError(f"istft: expected 0 < win_length <= n_fft, but got win_length={width}")
    real_kind = array_of(input).real.dtype
    given, window = window, _window("istft", window, width, n_fft, real_kind)
    norm = "ortho" if normalized else None
    spectra = transpose(input if input.ndim == 3 else unsqueeze(input, 0), 1, 2)
    if return_complex:
        if half:
            raise RuntimeError("Cannot have onesided output if window or input is complex")
        parts = fourier.ifft(spectra, norm=norm)
    else:
        if given is not None and is_complex(given):
            raise RuntimeError("Complex windows are incompatible with return_complex=False")
        parts = fourier.irfft(spectra if half else spectra[..., : n_fft // 2 + 1], n_fft, norm=norm)
    parts = parts * window
    whole = n_fft + hop * (pieces - 1)
    signal = _overlapping(parts, n_fft, hop, whole)
    weight = _overlapping((window * window).expand(1, pieces, n_fft), n_fft, hop, whole)
    start = n_fft // 2 if center else 0
    end = start + length if length is not None else whole - start
    signal, weight = signal[:, start:end], weight[:, start:end]
    least = np.abs(array_of(weight)).min(initial=np.inf)
    if least < 1e-11:
        raise RuntimeError(
            f"istft: window overlap add min: {least}: places of the signal lie in no window. Use a window without "
            "zeros at its ends, a smaller hop_length, or center=True"
        )
    signal = signal / weight
    if end > whole:
        warnings.warn(
            "The length of signal is shorter than the length parameter. Result is being padded with zeros in the tail. "
            "Please check your center and hop_length settings.",
            UserWarning,
            stacklevel=2,
        )
        signal = pad(signal, (0, end - whole))
    return signal if input.ndim == 3 else squeeze(signal, 0)


def _overlapping(pieces: Any, size: int, step: int, length: int) -> Any:
    """Return (B, length), the sum of pieces (B, n, size) that begin ``step`` apart."""
    return _unfold_adjoint(pieces, dim=1, size=size, step=step, shape=(pieces.shape[0], length))
