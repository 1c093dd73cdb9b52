"""Random numbers on arrays, the same as PyTorch's on the CPU for the same seed.

Functions named as PyTorch's creation functions (:func:`rand`, :func:`randint`, :func:`randperm`,
...) return a new array; those that end in an underscore fill the array they are given, in the order
of its memory (a transposed array is filled as its base would be), and return it. All take
``generator``, None for :data:`default_generator`, and leave the stream where PyTorch leaves it.

Which words of the stream an element takes, by target:

===================  =============================================================================
uniforms             float16 and float32 take 1 word (24 bits), float64 2 words (53 bits)
normals, 16 or more  a uniform per element, in blocks of 16 (``random_normal``); where 16 does not
                     divide the size, 16 more uniforms rewrite the last 16 elements
normals, up to 15    pairs of float64 uniforms for 2 elements each; an odd one out waits in the
                     generator; so too for every array that is not contiguous
integers             1 word modulo the range, 2 words for ranges of ``2**28`` and more
permutations         1 word per swap
all other draws      float64 uniforms; float32 ones for the chances in a float16 or float32 array
===================  =============================================================================

Uniforms, integers, permutations, masks and float32 normals are those of PyTorch 2.13 bit for bit,
as it computes them on x86 CPUs with AVX2. Other draws pass through log, exp, sin or tan of the C
library, which PyTorch uses too.
"""

from __future__ import annotations

from tinygrad_hw.kernels.generator import Generator, default_generator
from tinygrad_hw.kernels.random_chance import (
    bernoulli,
    bernoulli_,
    dropout_mask,
    feature_dropout_mask,
    multinomial,
    poisson,
)
from tinygrad_hw.kernels.random_continuous import (
    cauchy_,
    exponential_,
    geometric_,
    log_normal_,
    normal,
    normal_,
    rand,
    randn,
    trunc_normal_,
    uniform_,
)
from tinygrad_hw.kernels.random_integers import randint, random_, randperm

__all__ = [
    "Generator",
    "bernoulli",
    "bernoulli_",
    "cauchy_",
    "default_generator",
    "dropout_mask",
    "exponential_",
    "feature_dropout_mask",
    "geometric_",
    "log_normal_",
    "multinomial",
    "normal",
    "normal_",
    "poisson",
    "rand",
    "randint",
    "randn",
    "random_",
    "randperm",
    "trunc_normal_",
    "uniform_",
]
