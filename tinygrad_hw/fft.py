"""Discrete Fourier transforms and their frequencies: ``torch.fft``."""

from tinygrad_hw.numpy_names import FFT, with_numpy_names
from tinygrad_hw.ops import fourier as _fourier
from tinygrad_hw.ops import frequencies as _frequencies
from tinygrad_hw.ops.fourier import *
from tinygrad_hw.ops.frequencies import *

__all__ = sorted([*_fourier.__all__, *_frequencies.__all__])

with_numpy_names(globals(), FFT)
