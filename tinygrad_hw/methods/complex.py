"""Methods of Tensor: parts, conjugates and angles of complex numbers, short-time Fourier transforms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygrad_hw.autograd.complex import is_complex
from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.autograd.inplace import apply_inplace
from tinygrad_hw.ops import complex as ops
from tinygrad_hw.ops import spectrum

if TYPE_CHECKING:
    from tinygrad_hw.tensor import Tensor

__all__ = ["ComplexMethods"]


class ComplexMethods(TensorBase):
    """Mixin of Tensor; see the package's docstring."""

    __slots__ = ()

    @property
    def real(self) -> Tensor:
        """The real part, a view; a real tensor itself. Assigning writes into it."""
        return ops.real(self)

    @real.setter
    def real(self, value: Tensor) -> None:
        ops.real(self).copy_(value)

    @property
    def imag(self) -> Tensor:
        """The imaginary part, a view. Assigning writes into it.

        Raises:
            RuntimeError: the tensor is real.
        """
        return ops.imag(self)

    @imag.setter
    def imag(self, value: Tensor) -> None:
        ops.imag(self).copy_(value)

    def angle(self) -> Tensor:
        """See ``torch.angle``."""
        return ops.angle(self)

    def conj(self) -> Tensor:
        """See ``torch.conj``."""
        return ops.conj(self)

    def conj_physical(self) -> Tensor:
        """See ``torch.conj_physical``."""
        return ops.conj_physical(self)

    def conj_physical_(self) -> Tensor:
        """In-place form of ``conj_physical``."""
        return apply_inplace(ops.conj_physical, "conj_physical_", self)

    def stft(
        self,
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
    ) -> Tensor:
        """See ``torch.stft``."""
        return spectrum.stft(
            self,
            n_fft,
            hop_length,
            win_length,
            window,
            center,
            pad_mode,
            normalized,
            onesided,
            return_complex,
            align_to_window,
        )

    def istft(
        self,
        n_fft: int,
        hop_length: int | None = None,
        win_length: int | None = None,
        window: Any = None,
        center: bool = True,
        normalized: bool = False,
        onesided: bool | None = None,
        length: int | None = None,
        return_complex: bool = False,
    ) -> Tensor:
        """See ``torch.istft``."""
        return spectrum.istft(
            self, n_fft, hop_length, win_length, window, center, normalized, onesided, length, return_complex
        )

    def is_complex(self) -> bool:
        """Return whether the dtype is complex64 or complex128."""
        return is_complex(self)

    def is_conj(self) -> bool:
        """Return whether a conjugation is pending: never."""
        return False

    def is_neg(self) -> bool:
        """Return whether a negation is pending: never."""
        return False

    def resolve_conj(self) -> Tensor:
        """Return the tensor itself: conjugates are computed at once."""
        return ops.resolve_conj(self)

    def resolve_neg(self) -> Tensor:
        """Return the tensor itself."""
        return ops.resolve_neg(self)
