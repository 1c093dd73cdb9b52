"""Functions mapped over a dimension of their arguments."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.func.tree import Structure, flatten
from tinygrad_hw.ops.creation import zeros
from tinygrad_hw.ops.joining import stack
from tinygrad_hw.ops.random import default_generator

__all__ = ["vmap"]


def _name(func: Any) -> str:
    if hasattr(func, "__name__"):
        return str(func.__name__)
    if isinstance(func, functools.partial):
        return f"functools.partial({_name(func.func)}, ...)"
    return repr(func)


def _input_dims(func: Any, in_dims: Any, args: tuple[Any, ...]) -> tuple[list[Any], list[Any], Structure]:
    """Return the leaves of the arguments and along which dimension each is mapped, if it is."""
    start = f"vmap({_name(func)}, in_dims={in_dims}, ...)(<inputs>): "
    if not isinstance(in_dims, (int, tuple)):
        raise ValueError(
            f"{start}expected `in_dims` to be int or a (potentially nested) tuple matching the structure of inputs, "
            f"got: {type(in_dims)}."
        )
    if not args:
        raise ValueError(
            f"vmap({_name(func)})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to vmap "
            "over a function with no inputs. The latter is unsupported."
        )
    leaves, structure = flatten(args)
    dims = structure.spread(in_dims)
    if dims is None:
        raise ValueError(
            f"{start}in_dims is not compatible with the structure of `inputs`. in_dims has structure "
            f"{flatten(in_dims)[1]} but inputs has structure {structure}."
        )
    for i, (leaf, dim) in enumerate(zip(leaves, dims, strict=True)):
        if dim is None:
            continue
        if not isinstance(dim, int):
            raise ValueError(
                f"{start}Got in_dim={dim} for an input but in_dim must be either an integer dimension or None."
            )
        if not isinstance(leaf, TensorBase):
            raise ValueError(
                f"{start}Got in_dim={dim} for an input but the input is of type {type(leaf)}. We cannot vmap over "
                "non-Tensor arguments, please use None as the respective in_dim"
            )
        n = leaf.array.ndim
        if not -n <= dim < n:
            raise ValueError(
                f"{start}Got in_dim={dim} for some input, but that input is a Tensor of dimensionality {n} so expected "
                f"in_dim to satisfy -{n} <= in_dim < {n}."
            )
        dims[i] = dim % n
    return leaves, dims, structure


def _size(leaves: list[Any], dims: list[Any]) -> int:
    sizes = [leaf.shape[dim] for leaf, dim in zip(leaves, dims, strict=True) if dim is not None]
    if not sizes:
        raise ValueError("vmap: Expected at least one Tensor to vmap over")
    if any(size != sizes[0] for size in sizes):
        raise ValueError(
            f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sizes} for the "
            "mapped dimension"
        )
    return sizes[0]


def _output_dims(func: Any, out_dims: Any, structure: Structure) -> list[Any]:
    bad = [d for d in flatten(out_dims)[0] if not (d is None or isinstance(d, int))]
    if bad:
        raise ValueError(
            f"vmap({_name(func)}, ..., out_dims={out_dims}): `out_dims` must be an int, None or a python collection of "
            "ints representing where in the outputs the vmapped dimension should appear."
        )
    one_of_one = structure.kind is None and isinstance(out_dims, tuple) and len(out_dims) == 1
    dims = list(out_dims) if one_of_one else structure.spread(out_dims)
    if dims is None:
        raise ValueError(
            f"vmap({_name(func)}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with the structure "
            f"of `outputs`. out_dims has structure {flatten(out_dims)[1]} but outputs has structure {structure}."
        )
    return dims


class _Randomness:
    """What the default stream does while the function is called once for each element."""

    def __init__(self, how: str) -> None:
        self.how = how
        self.start = default_generator.get_state()

    def before(self) -> None:
        if self.how == "same":
            default_generator.set_state(self.start)

    def after(self) -> None:
        if self.how == "error" and (default_generator.get_state() != self.start).any():
            default_generator.set_state(self.start)
            raise RuntimeError(
                "vmap: called random operation while in randomness error mode. Please either use the 'same' or "
                "'different' randomness flags on vmap or perform the randomness operation out of vmap"
            )


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """Return a function that maps ``func`` over a dimension of its arguments.

    This is a loop: ``func`` is called for one slice after the other and the results are stacked. It gives the results
    of PyTorch's ``vmap``, also for functions that look at values (``if x > 0``), but not its speed; where that
    matters, write the function for batches.

    Args:
        func: takes nests of tensors, returns a nest of tensors.
        in_dims: the dimension of the inputs that is mapped; or a tuple, built as the arguments, of dimensions and None
            for what is handed on whole.
        out_dims: where the mapped dimension is put in the outputs; None for an output that does not depend on it.
        randomness: ``"error"`` to refuse random functions that use the default stream, ``"different"`` for other
            numbers at each call, ``"same"`` for the same ones.
        chunk_size: accepted; the memory needed is that of one call either way.

    Returns:
        A function of the same arguments, with one more dimension.

    Raises:
        ValueError: dimensions don't fit the arguments or the results.
        RuntimeError: an unknown ``randomness``; or a random function under ``"error"``.

    Source: ``torch.func.vmap``.

    Example:
        >>> torch.func.vmap(torch.dot)(torch.ones(3, 2), torch.ones(3, 2))
        tensor([2., 2., 2.])
        >>> torch.func.vmap(torch.func.grad(torch.sin))(torch.zeros(2))
        tensor([1., 1.])
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        leaves, dims, structure = _input_dims(func, in_dims, args)
        size = _size(leaves, dims)
        random = _Randomness(randomness)
        calls: list[list[Any]] = []
        shape: Structure | None = None
        for index in range(max(size, 1)):
            random.before()
            # For no elements at all, a call with zeros tells the shapes of the results.
            parts = [
                leaf if dim is None else leaf.select(dim, index) if size else leaf.new_zeros(_without(leaf.shape, dim))
                for leaf, dim in zip(leaves, dims, strict=True)
            ]
            outputs, shape = flatten(func(*structure.build(parts), **kwargs))
            for y in outputs:
                if not isinstance(y, TensorBase):
                    raise ValueError(
                        f"vmap({_name(func)}, ...): `{_name(func)}` must only return Tensors, got type {type(y)}. Did "
                        "you mean to set out_dims= to None for output?"
                    )
            random.after()
            calls.append(outputs)
        assert shape is not None
        results = []
        for k, dim in enumerate(_output_dims(func, out_dims, shape)):
            first = calls[0][k]
            if dim is None:
                results.append(first)
            elif size:
                results.append(stack([c[k] for c in calls], dim))
            else:
                place = dim % (first.ndim + 1)
                results.append(zeros((*first.shape[:place], 0, *first.shape[place:]), dtype=first.dtype))
        return shape.build(results)

    return wrapper


def _without(shape: Any, dim: int) -> tuple[int, ...]:
    return (*shape[:dim], *shape[dim + 1 :])
