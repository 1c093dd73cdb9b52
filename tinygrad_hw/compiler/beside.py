"""What a call does beside its ops: numbers that are drawn or made, checks of values, writes into memory.

A few functions of the package work on arrays where no op sees them: dropout draws its mask, batch norm moves its
running averages, an embedding looks for indices that are too large. Each stands in a table here, with what it comes to
in a recording. While such a function runs the recorder looks away; what it returned or wrote is then noted as one step.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from types import CodeType, FrameType
from typing import Any, ClassVar, NamedTuple

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd import inplace
from tinygrad_hw.autograd.graph import TensorBase, wrap
from tinygrad_hw.compiler.steps import Check, Made, Outer, Slot, Step, is_plain
from tinygrad_hw.device import device as Device
from tinygrad_hw.kernels import random as kernels
from tinygrad_hw.kernels.generator import default_generator
from tinygrad_hw.methods import conversion
from tinygrad_hw.ops import (
    attention,
    creation,
    cross_entropy,
    dropout,
    embedding,
    extrema,
    from_data,
    masks,
    multihead,
    norm,
    random,
    ranges,
)

__all__ = ["ALIAS", "HELPERS", "Beside", "Helper", "owners", "random_state", "restore_random_state"]


class Beside:
    """Stands where a step has its op: a function that has no gradient.

    Args:
        name: for messages.
        forward: on arrays and parameters.
        parameters: names of those.
        draws: it takes random numbers.
        view: its result lies in its argument's memory.
    """

    outputs = ("out",)
    layout: ClassVar[tuple[Any, ...]] = ()
    differentiable: ClassVar[tuple[str, ...]] = ()
    differentiable_outputs: ClassVar[tuple[str, ...]] = ()
    promote = large = None
    promote_over: ClassVar[tuple[str, ...]] = ()
    multi = variadic = frees = False

    def __init__(
        self,
        name: str,
        forward: Callable[..., Any],
        parameters: Sequence[str] = (),
        draws: bool = False,
        view: bool = False,
    ) -> None:
        self.name = name
        self.forward = forward
        self.parameters = tuple(parameters)
        self.draws = draws
        self.view = view


#: A tensor that shares another's array and not its history: what ``detach()`` returns.
ALIAS = Beside("detach", lambda array: array, view=True)


class Helper(NamedTuple):
    """What to do about a function that works beside the ops.

    Attributes:
        enter: called with the recorder and the function's frame as it begins; returns something for ``leave``.
        leave: called with the recorder, that, and the function's result.
    """

    enter: Callable[[Any, FrameType], Any]
    leave: Callable[[Any, Any, Any], None]


# -- random numbers --------------------------------------------------------------------------------


def random_state() -> Any:
    """Return where the default stream of random numbers stands."""
    g = default_generator
    with g.lock:
        return *g.key(), g._seed, g._normal, g._normal32


def restore_random_state(state: Any) -> None:
    """Continue from there."""
    g = default_generator
    with g.lock:
        key, position, g._seed, g._normal, g._normal32 = state
        g._set_key(key, position)


# -- arguments -------------------------------------------------------------------------------------


def _arguments(frame: FrameType) -> tuple[list[Any], dict[str, Any]]:
    """Return how the function that begins was called."""
    code, found = frame.f_code, frame.f_locals
    names = code.co_varnames
    count, more = code.co_argcount, code.co_kwonlyargcount
    args = [found[n] for n in names[:count]]
    if code.co_flags & inspect.CO_VARARGS:
        args += found[names[count + more]]
    return args, {n: found[n] for n in names[count : count + more]}


def _is_known(value: Any) -> bool:
    """Return whether a value says all about itself, or is a tensor of which shape and dtype alone count."""
    if isinstance(value, (list, tuple)):
        return all(_is_known(v) and not isinstance(v, TensorBase) for v in value)
    return is_plain(value) or isinstance(value, (dtypes.dtype, Device))


def _step(recorder: Any, op: Beside, args: Sequence[Any], params: dict[str, Any], result: Any) -> Slot:
    """Note a step whose result is an array."""
    step = Step(op, [recorder.slot_of_array(a, op.name) for a in args], params)
    slot = Slot(recorder.number(), None, result, step)
    recorder.add(slot)
    step.outs.append(slot)
    recorder.steps.append(step)
    return slot


# -- functions of arrays ---------------------------------------------------------------------------


def _function(function: Any, arrays: str, params: str = "", draws: bool = False, name: str = "") -> Helper:
    """A function of arrays that are known, and of plain parameters."""
    names, plain = arrays.split(), params.split()
    forward = function
    if list(inspect.signature(function).parameters)[: len(names)] != names:
        forward = lambda *args, **params: function(**dict(zip(names, args, strict=True)), **params)  # noqa: E731
    op = Beside(name or function.__name__.lstrip("_"), forward, plain, draws)

    def enter(recorder: Any, frame: FrameType) -> Any:
        values = frame.f_locals
        for n in plain:
            if not is_plain(values[n]):
                recorder.fail(f"{op.name}() got a {type(values[n]).__name__} as {n!r}")
        return [values[n] for n in names], {n: values[n] for n in plain}

    def leave(recorder: Any, opened: Any, result: Any) -> None:
        args, given = opened
        if isinstance(result, TensorBase):
            slot = _step(recorder, op, args, given, result.array)
            slot.tensor = result
            recorder.by_id[id(result)] = slot
        elif result is not None:  # which an exception leaves
            _step(recorder, op, args, given, result)

    return Helper(enter, leave)


def _check_rows() -> Helper:
    """Indices that must be smaller than a number."""

    def enter(recorder: Any, frame: FrameType) -> Any:
        index, rows = frame.f_locals["index"], frame.f_locals["rows"]
        return recorder.slot_of_array(index, "embedding"), rows

    def leave(recorder: Any, opened: Any, result: Any) -> None:
        slot, rows = opened
        if isinstance(slot, Slot) and not isinstance(slot, Made) and slot.array.size:
            recorder.checks.append(Check(slot, rows, len(recorder.steps)))

    return Helper(enter, leave)


def _number() -> Helper:
    """A number as an array."""

    def enter(recorder: Any, frame: FrameType) -> Any:
        value = frame.f_locals["value"]
        if not is_plain(value):
            recorder.fail(f"a {type(value).__name__} is given as a number")

    def leave(recorder: Any, opened: Any, result: Any) -> None:
        if isinstance(result, np.ndarray):
            recorder.add(Made(recorder.number(), None, result))

    return Helper(enter, leave)


# -- tensors that are made -------------------------------------------------------------------------


def _made(function: Any) -> Helper:
    """A tensor that depends on numbers and shapes alone."""

    def enter(recorder: Any, frame: FrameType) -> Any:
        args, kwargs = _arguments(frame)
        like = "like" in function.__name__
        for value in (*args[int(like) :], *kwargs.values()):
            if not _is_known(value):
                recorder.fail(f"{function.__name__}() got a {type(value).__name__}")
        return None

    def leave(recorder: Any, opened: Any, result: Any) -> None:
        if isinstance(result, TensorBase):
            if result._requires_grad:
                recorder.fail(f"{function.__name__}() makes a leaf of the graph inside of the function")
            slot = Made(recorder.number(), result, result.array.copy(order="K"))
            recorder.add(slot)

    return Helper(enter, leave)


def _drawn(function: Any) -> Helper:
    """A tensor of random numbers."""

    def enter(recorder: Any, frame: FrameType) -> Any:
        args, kwargs = _arguments(frame)
        if "like" in function.__name__ and isinstance(args[0], TensorBase):
            # Its layout counts, and nothing else.
            args[0] = wrap(np.empty_like(args[0].array, subok=False))
            checked = args[1:]
        else:
            checked = args
        for value in (*checked, *kwargs.values()):
            if not _is_known(value):
                recorder.fail(f"{function.__name__}() got a {type(value).__name__}")
        return args, kwargs

    def leave(recorder: Any, opened: Any, result: Any) -> None:
        if isinstance(result, TensorBase):
            args, kwargs = opened
            if result._requires_grad:
                recorder.fail(f"{function.__name__}() makes a leaf of the graph inside of the function")
            op = Beside(function.__name__, lambda: function(*args, **kwargs).array, draws=True)
            slot = _step(recorder, op, (), {}, result.array)
            slot.tensor = result
            recorder.by_id[id(result)] = slot

    return Helper(enter, leave)


# -- writes ----------------------------------------------------------------------------------------


def owners(array: Any) -> list[Any]:
    """Return an array, that of which it is a view, and so on."""
    found = [array]
    while isinstance(found[-1].base, np.ndarray):
        found.append(found[-1].base)
    return found


def _can_be_written(recorder: Any, tensor: Any) -> Slot | None:
    """Return what a tensor holds before it is written to; None, with a reason, if the write cannot be replayed."""
    slot: Slot = recorder.slot_of(tensor)
    array = tensor.array
    if any(tensor is s.tensor for s in recorder.inputs):
        recorder.fail("an argument is changed in place")
    elif tensor._base is not None or tensor._requires_grad:
        recorder.fail("a view, or a tensor that requires a gradient, is changed in place")
    elif isinstance(slot, Outer) and not owners(array)[-1].flags.owndata:
        recorder.fail("a tensor on somebody else's memory is changed in place")
    elif any(s.tensor is not tensor and s is not slot and np.may_share_memory(s.array, array) for s in recorder.slots):
        recorder.fail("a tensor is changed in place whose memory another tensor shares")
    else:
        if isinstance(slot, Outer):
            recorder.keep_contents(slot)
        return slot
    return None


def _enter_write(recorder: Any, frame: FrameType) -> Any:
    values = frame.f_locals
    tensor, result = values["tensor"], values["result"]
    new = recorder.by_id.get(id(result)) if isinstance(result, TensorBase) else None
    if new is None or result is tensor or new.step is None:
        recorder.fail("a tensor is changed in place to something that no op computed")
        return None
    own = recorder.steps[-1:] if recorder.begun is None else recorder.steps[recorder.begun :]
    if not any(new.step is step for step in own):
        recorder.fail("a tensor is changed in place to something that was there before")
        return None
    a, b = tensor.array, result.array
    if a.shape != b.shape or a.dtype != b.dtype or a.strides != b.strides or np.may_share_memory(a, b):
        recorder.fail("a tensor is changed in place to a result of another dtype, shape or layout")
        return None
    old = _can_be_written(recorder, tensor)
    return None if old is None else (tensor, result._node, old, new)


def _leave_write(recorder: Any, opened: Any, result: Any) -> None:
    if opened is None or result is None:
        return
    tensor, made, old, new = opened
    if tensor._node is not made:
        recorder.fail("a tensor with a history of its own is changed in place")
    elif made is not None and recorder.outer_of(tensor, old) is not None:
        recorder.fail("a tensor that outlives the call is changed in place to one with a gradient")
    else:
        recorder.replaced(tensor, old, new)


def _enter_update(recorder: Any, frame: FrameType) -> Any:
    values = frame.f_locals
    running = values["running"]
    old = _can_be_written(recorder, running)
    if old is None:
        return None
    if running._node is not None or not (is_plain(values["momentum"]) and is_plain(values["factor"])):
        recorder.fail("batch_norm() with running averages that were computed")
    return running, old, values["value"], {"momentum": values["momentum"], "factor": values["factor"]}


def _leave_update(recorder: Any, opened: Any, result: Any) -> None:
    if opened is not None:
        running, old, value, params = opened
        step = Step(_MOVED, [old, recorder.slot_of_array(value, "batch_norm")], params)
        new = Slot(recorder.number(), None, running.array.copy(), step)
        recorder.add(new)
        step.outs.append(new)
        recorder.steps.append(step)
        recorder.replaced(running, old, new)


_MOVED = Beside("running_average", norm._moved, ("momentum", "factor"))


def _as_integers(input: Any, *, dtype: Any) -> Any:
    return conversion._integers(wrap(input), dtype).array


def _code(function: Any) -> CodeType:
    code: CodeType = inspect.unwrap(function).__code__
    return code


#: By the code of the function.
HELPERS: dict[CodeType, Helper] = {
    _code(inplace.write): Helper(_enter_write, _leave_write),
    _code(norm._update): Helper(_enter_update, _leave_update),
    _code(norm._inverse_root): _function(norm._inverse_root, "variance", "eps"),
    _code(norm._shifted): _function(norm._shifted, "factor centre"),
    _code(kernels.dropout_mask): _function(kernels.dropout_mask, "input", "p generator", draws=True),
    _code(attention._kept_weights): _function(attention._kept_weights, "", "shape p", draws=True),
    _code(multihead._as_numbers): _function(multihead._as_numbers, "mask", "kind"),
    _code(extrema._arg): _function(extrema._arg, "input", "name dim keepdim largest"),
    _code(dropout._channel_mask): _function(dropout._channel_mask, "array", "p batched", draws=True),
    _code(conversion._integers): _function(_as_integers, "input", "dtype"),
    _code(embedding._check_rows): _check_rows(),
    _code(masks._number): _number(),
    _code(cross_entropy._ones): _number(),
    **{
        _code(f): _made(f)
        for f in (
            creation.zeros, creation.ones, creation.full, creation.zeros_like, creation.ones_like, creation.full_like,
            creation.eye, ranges.arange, ranges.linspace, from_data.tensor,
        )
    },
    **{
        _code(f): _drawn(f)
        for f in (random.rand, random.randn, random.randint, random.rand_like, random.randn_like, random.randperm)
    },
}  # fmt: skip
