"""Random tensors, from PyTorch's stream: the same seed gives the same numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.graph import TensorBase, count_write, mode, wrap
from tinygrad_hw.autograd.inplace import check_inplace, write
from tinygrad_hw.autograd.observe import announce_write, whole
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into
from tinygrad_hw.device import device as Device
from tinygrad_hw.kernels import random as kernels
from tinygrad_hw.ops.creation import _kind, _like

__all__ = [
    "Generator",
    "bernoulli",
    "default_generator",
    "fork_rng",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "multinomial",
    "normal",
    "poisson",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
    "seed",
    "set_rng_state",
]

default_generator = kernels.default_generator


class Generator(kernels.Generator):
    """A stream of random numbers of its own; pass it as ``generator=``.

    Args:
        device: the CPU.

    Source: ``torch.Generator``.

    Example:
        >>> g = torch.Generator()
        >>> _ = g.manual_seed(0)
        >>> torch.rand(2, generator=g)
        tensor([0.4963, 0.7682])
    """

    __slots__ = ()

    def get_state(self) -> Any:
        """Return the state as a uint8 tensor of 5056 elements."""
        return wrap(super().get_state())

    def set_state(self, new_state: Any) -> Generator:
        """Continue from a state that ``get_state`` returned."""
        super().set_state(_state_array(new_state))
        return self

    def clone_state(self) -> Generator:
        """Return a new generator that continues from the same place."""
        twin = type(self)()
        return twin.set_state(self.get_state())


def _state_array(state: Any) -> Any:
    if not isinstance(state, TensorBase):
        raise TypeError(f"expected a torch.ByteTensor as random state, but got {type(state).__name__}")
    if state.array.dtype != np.uint8:
        raise TypeError(f"expected a torch.ByteTensor as random state, but got {dtypes.from_numpy(state.array.dtype)}")
    return state.array


def manual_seed(seed: int) -> kernels.Generator:
    """Start the default stream from ``seed``; returns the default generator.

    Args:
        seed: an integer from -2**63 to 2**64 - 1.

    Source: ``torch.manual_seed``.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> torch.rand(2)
        tensor([0.4963, 0.7682])
    """
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Seed the default stream from the system's entropy; returns the seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """Return the seed that the default stream was last started from."""
    return default_generator.initial_seed()


def get_rng_state() -> Any:
    """Return the state of the default stream as a uint8 tensor."""
    return wrap(default_generator.get_state())


def set_rng_state(new_state: Any) -> None:
    """Continue the default stream from a state that ``get_rng_state`` returned."""
    default_generator.set_state(_state_array(new_state))


@contextmanager
def fork_rng(devices: Any = None, enabled: bool = True) -> Iterator[None]:
    """Put the default stream back, at the end of the block, to where it was.

    Args:
        devices: ignored; there is only the CPU.
        enabled: False to do nothing.

    Source: ``torch.random.fork_rng``.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> with torch.random.fork_rng():
        ...     _ = torch.rand(1)
        >>> torch.rand(2)
        tensor([0.4963, 0.7682])
    """
    if not enabled:
        yield
        return
    state = default_generator.get_state()
    try:
        yield
    finally:
        default_generator.set_state(state)


# -- new tensors -----------------------------------------------------------------------------------


def _size(name: str, size: Sequence[Any]) -> tuple[int, ...]:
    """Return ``f(2, 3)``'s, ``f((2, 3))``'s or ``f(size)``'s sizes."""
    if len(size) == 1 and isinstance(size[0], (tuple, list)):
        size = size[0]
    for n in size:
        if n.__class__ is not int or n < 0:
            break
    else:
        return tuple(size)
    sizes = []
    for n in size:
        if isinstance(n, TensorBase) and n.array.ndim == 0:
            n = n.array.item()
        if not isinstance(n, (int, np.integer)) or isinstance(n, bool):
            raise TypeError(f"{name}(): argument 'size' must be tuple of ints, but found element {n!r}")
        if n < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {n}: {list(size)}")
        sizes.append(int(n))
    return tuple(sizes)


def _finish(array: Any, requires_grad: bool) -> Any:
    t = wrap(array)
    if requires_grad:
        if array.dtype.kind not in "fcVW":
            raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
        t._requires_grad = True
    return t


def _filled(out: Any, draw: Any, part: float, generator: Any) -> Any:
    """Fill an array; the parts of complex numbers, of scale ``part``, as the elements of a real one."""
    if out.dtype.kind != "c":
        return draw(out, 0.0, 1.0, generator)
    parts = np.empty((*out.shape, 2), out.real.dtype)
    draw(parts, 0.0, part, generator)
    out.real, out.imag = parts[..., 0], parts[..., 1]
    return out


#: How real numbers are made, how memory is filled, and the scale of a complex number's parts.
_UNIFORM = (kernels.rand, kernels.uniform_, 1.0)
_NORMAL = (kernels.randn, kernels.normal_, math.sqrt(0.5))


def _new(name: str, numbers: Any, size: Any, generator: Any, dtype: Any, device: Any, requires_grad: bool) -> Any:
    make, draw, part = numbers
    Device.check(device)
    kind = _kind(dtype)
    shape = _size(name, size)
    if kind.kind == "c":
        return _finish(_filled(np.empty(shape, kind), draw, part, generator), requires_grad)
    return _finish(make(shape, kind, generator), requires_grad)


def _new_like(numbers: Any, input: Any, generator: Any, dtype: Any, device: Any, requires_grad: bool) -> Any:
    _, draw, part = numbers
    Device.check(device)
    memory = np.empty_like(input.array, dtype=_like(input, dtype), subok=False)
    return _finish(_filled(memory, draw, part, generator), requires_grad)


def rand(
    *size: Any,
    generator: kernels.Generator | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    out: Any = None,
) -> Any:
    """Return uniform numbers in [0, 1).

    Args:
        *size: sizes, as numbers or one sequence.
        generator: the stream; the default one if None.
        dtype: a floating point dtype; the default one if None.
        layout: ignored.
        device: the CPU.
        requires_grad: whether the result requires grad.
        pin_memory: ignored.
        out: a tensor to write the result into.

    Source: ``torch.rand``.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> torch.rand(2)
        tensor([0.4963, 0.7682])
    """
    if out is not None:
        return into(out, rand, *size, generator=generator, dtype=dtype, device=device, requires_grad=requires_grad)
    return _new("rand", _UNIFORM, size, generator, dtype, device, requires_grad)


def randn(
    *size: Any,
    generator: kernels.Generator | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    out: Any = None,
) -> Any:
    """Return standard normal numbers; complex ones have variance 1, half of it in each part.

    Args:
        *size: sizes, as numbers or one sequence.
        generator: the stream; the default one if None.
        dtype: a floating point or complex dtype; the default one if None.
        layout: ignored.
        device: the CPU.
        requires_grad: whether the result requires grad.
        pin_memory: ignored.
        out: a tensor to write the result into.

    Source: ``torch.randn``; Box and Muller, "A Note on the Generation of Random Normal Deviates" (1958).

    Example:
        >>> _ = torch.manual_seed(0)
        >>> torch.randn(2)
        tensor([ 1.5410, -0.2934])
    """
    if out is not None:
        return into(out, randn, *size, generator=generator, dtype=dtype, device=device, requires_grad=requires_grad)
    return _new("randn", _NORMAL, size, generator, dtype, device, requires_grad)


def randint(
    low: Any,
    high: Any = None,
    size: Any = None,
    *,
    generator: kernels.Generator | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    out: Any = None,
) -> Any:
    """Return uniform integers from ``low`` to ``high - 1``; ``randint(high, size)`` starts from 0.

    Args:
        low: smallest integer; 0 if left out.
        high: one above the largest.
        size: sizes, a sequence.
        generator: the stream; the default one if None.
        dtype: int64 if None.
        layout: ignored.
        device: the CPU.
        requires_grad: whether the result requires grad (floating dtypes only).
        pin_memory: ignored.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: the range is empty or outside the dtype.

    Source: ``torch.randint``.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> torch.randint(10, (3,))
        tensor([4, 9, 3])
    """
    if out is not None:
        return into(
            out, randint, low, high, size, generator=generator, dtype=dtype, device=device, requires_grad=requires_grad
        )
    if size is None:
        if high is None:
            raise TypeError("randint() missing required argument 'size'")
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    if not isinstance(size, (tuple, list)):
        raise TypeError(f"randint(): argument 'size' must be tuple of ints, not {type(size).__name__}")
    Device.check(device)
    kind = dtypes.int64.numpy if dtype is None else dtypes.as_dtype(dtype).numpy
    array = kernels.randint(int(low), int(high), _size("randint", size), kind, generator)
    return _finish(array, requires_grad)


def randperm(
    n: int,
    *,
    generator: kernels.Generator | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    out: Any = None,
) -> Any:
    """Return a random permutation of 0 to n - 1.

    Args:
        n: how many.
        generator: the stream; the default one if None.
        dtype: int64 if None.
        layout: ignored.
        device: the CPU.
        requires_grad: whether the result requires grad (floating dtypes only).
        pin_memory: ignored.
        out: a tensor to write the result into.

    Source: ``torch.randperm``; Fisher and Yates' shuffle.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> torch.randperm(4)
        tensor([0, 1, 3, 2])
    """
    if out is not None:
        return into(out, randperm, n, generator=generator, dtype=dtype, device=device, requires_grad=requires_grad)
    Device.check(device)
    kind = dtypes.int64.numpy if dtype is None else dtypes.as_dtype(dtype).numpy
    return _finish(kernels.randperm(int(n), kind, generator), requires_grad)


def rand_like(
    input: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
    generator: kernels.Generator | None = None,
) -> Any:
    """Return uniform numbers in [0, 1) of the shape and dtype of ``input``; see ``rand``."""
    return _new_like(_UNIFORM, input, generator, dtype, device, requires_grad)


def randn_like(
    input: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
    generator: kernels.Generator | None = None,
) -> Any:
    """Return standard normal numbers of the shape and dtype of ``input``; see ``randn``."""
    return _new_like(_NORMAL, input, generator, dtype, device, requires_grad)


def randint_like(
    input: Any,
    low: int,
    high: int | None = None,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
    generator: kernels.Generator | None = None,
) -> Any:
    """Return uniform integers of the shape and dtype of ``input``; see ``randint``."""
    Device.check(device)
    low, high = (0, low) if high is None else (low, high)
    array = kernels.randint(int(low), int(high), input.array.shape, _like(input, dtype), generator)
    return _finish(array, requires_grad)


#: Values that came from a random draw: no gradient flows to what only gave their chances.
_drawn = op(
    "drawn",
    lambda input, *, values: values,
    node_name="BernoulliBackward0",
    input=lambda g: g * 0.0,
)


_drawn_normal = op(
    "drawn_normal",
    lambda mean, std, *, values: values,
    node_name="NormalBackward3",
    mean=lambda g: g * 0.0,
    std=lambda g: g * 0.0,
)


@whole
def bernoulli(
    input: Any, p: float | None = None, *, generator: kernels.Generator | None = None, out: Any = None
) -> Any:
    """Return ones with the chances in ``input`` (or ``p``), else zeros.

    Args:
        input: chances in [0, 1]; with ``p`` only shape and dtype count.
        p: one chance for all.
        generator: the stream; the default one if None.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: a chance is outside [0, 1].

    Source: ``torch.bernoulli``. The gradient with respect to ``input`` is zero.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> torch.bernoulli(torch.full((4,), 0.5))
        tensor([1., 0., 1., 1.])
    """
    if out is not None:
        return into(out, bernoulli, input, p, generator=generator)
    return _drawn(input, values=kernels.bernoulli(input.array, p, generator))


@whole
def poisson(input: Any, generator: kernels.Generator | None = None) -> Any:
    """Return Poisson counts with the rates in ``input``.

    Args:
        input: rates, not negative.
        generator: the stream; the default one if None.

    Source: ``torch.poisson``. The gradient is zero.

    Example:
        >>> torch.poisson(torch.zeros(2))
        tensor([0., 0.])
    """
    return _drawn(input, values=kernels.poisson(input.array, generator))


@whole
def multinomial(
    input: Any,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: kernels.Generator | None = None,
    out: Any = None,
) -> Any:
    """Return indices drawn with chances proportional to the weights in each row of ``input``.

    Args:
        input: (n,) or (m, n), weights, not negative, with a positive sum.
        num_samples: how many per row.
        replacement: whether an index may be drawn again.
        generator: the stream; the default one if None.
        out: a tensor to write the result into.

    Returns:
        An int64 tensor of shape (num_samples,) or (m, num_samples).

    Raises:
        RuntimeError: invalid weights, or more samples than non-zero weights without replacement.

    Source: ``torch.multinomial``.

    Example:
        >>> torch.multinomial(torch.tensor([0.0, 1.0, 0.0]), 2, replacement=True)
        tensor([1, 1])
    """
    if out is not None:
        return into(out, multinomial, input, num_samples, replacement, generator=generator)
    return wrap(kernels.multinomial(input.array, num_samples, replacement, generator))


def normal(
    mean: Any,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: kernels.Generator | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    out: Any = None,
) -> Any:
    """Return normal numbers of given means and standard deviations.

    Args:
        mean: a tensor or a number.
        std: a tensor or a number; 1 if left out.
        size: sizes, needed if both are numbers.
        generator: the stream; the default one if None.
        dtype: with ``size``.
        layout: ignored.
        device: the CPU.
        requires_grad: with ``size``.
        pin_memory: ignored.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: a negative standard deviation.

    Source: ``torch.normal``. The gradient is zero.

    Example:
        >>> torch.normal(torch.tensor([1.0, 2.0]), 0.0)
        tensor([1., 2.])
    """
    if out is not None:
        return into(
            out, normal, mean, std, size, generator=generator, dtype=dtype, device=device, requires_grad=requires_grad
        )
    if isinstance(mean, TensorBase) or isinstance(std, TensorBase):
        if size is not None:
            raise TypeError("normal(): size is given by the tensors; leave it out")
        m = mean.array if isinstance(mean, TensorBase) else mean
        s = std.array if isinstance(std, TensorBase) else std
        values = kernels.normal(m, s, generator)
        if isinstance(mean, TensorBase) and isinstance(std, TensorBase):
            return _drawn_normal(mean, std, values=values)
        return _drawn(mean if isinstance(mean, TensorBase) else std, values=values)
    if size is None:
        raise TypeError("normal() of two numbers needs a size")
    Device.check(device)
    out = np.empty(_size("normal", size if isinstance(size, (tuple, list)) else (size,)), _kind(dtype))
    return _finish(kernels.normal_(out, float(mean), float(std), generator), requires_grad)


# -- in place --------------------------------------------------------------------------------------


def fill_inplace(name: str, tensor: Any, fill: Callable[[Any], Any]) -> Any:
    """Fill a tensor's memory with random numbers; a recorded one gets no gradient through them."""
    check_inplace(tensor, name)
    recorded = tensor._node is not None or (tensor._base is not None and tensor._base._node is not None)
    if mode.enabled and recorded:
        values = fill(np.empty(tensor.array.shape, tensor.array.dtype))
        return write(tensor, _drawn(tensor, values=values), name)
    announce_write(tensor, None)
    fill(tensor.array)
    count_write(tensor)
    return tensor
