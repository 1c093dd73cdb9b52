"""Convolutions. conv2d and its two gradients are a closed family: each one's rules are the other two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.graph import array_of
from tinygrad_hw.autograd.observe import whole
from tinygrad_hw.autograd.op import op
from tinygrad_hw.kernels import conv2d as kernels
from tinygrad_hw.kernels.elementwise import relu_backward
from tinygrad_hw.kernels.sums import channel_sums
from tinygrad_hw.ops.pad import pad
from tinygrad_hw.ops.reduce import sum as sum_
from tinygrad_hw.ops.shape import squeeze, unsqueeze

__all__ = ["conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d"]


def _wide(*arrays: Any) -> list[Any]:
    """Return float16 arrays as float32, int64 ones as float64: kernels compute in single or double precision."""
    return [a.astype(_WIDER[a.dtype]) if a is not None and a.dtype in _WIDER else a for a in arrays]


_WIDER = {np.dtype(np.float16): np.float32, np.dtype(np.int64): np.float64}


def _bias_grad(g: Any) -> Any:
    if g.__class__ is np.ndarray and g.dtype.char in "fd":
        return channel_sums(g)
    return sum_(g, (0, *range(2, g.ndim)))


class Family(NamedTuple):
    """A convolution of some dimensions, its two gradients, and the transposed convolution, as ops."""

    forward: Any
    input_grad: Any
    weight_grad: Any
    transposed: Any


def family(dims: int, kernel: Any, input_grad_kernel: Any, weight_grad_kernel: Any) -> Family:
    """Return the ops of convolutions with ``dims`` dimensions; each one's rules are the others."""

    def forward(input: Any, weight: Any, bias: Any, *, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
        x, w, b = _wide(input, np.ascontiguousarray(weight), bias)
        return kernel(x, w, b, stride, padding, dilation, groups).astype(input.dtype, copy=False)

    def input_grad_forward(
        grad: Any, weight: Any, *, input_shape: Any, stride: Any, padding: Any, dilation: Any, groups: int
    ) -> Any:
        g, w = _wide(grad, np.ascontiguousarray(weight))
        return input_grad_kernel(g, w, input_shape, stride, padding, dilation, groups).astype(grad.dtype, copy=False)

    def weight_grad_forward(
        grad: Any, input: Any, *, weight_shape: Any, stride: Any, padding: Any, dilation: Any, groups: int
    ) -> Any:
        g, x = _wide(grad, input)
        return weight_grad_kernel(g, x, weight_shape, stride, padding, dilation, groups).astype(grad.dtype, copy=False)

    def transposed_forward(
        input: Any, weight: Any, bias: Any, *, size: Any, stride: Any, padding: Any, dilation: Any, groups: int
    ) -> Any:
        x, w = _wide(input, np.ascontiguousarray(weight))
        out = input_grad_kernel(x, w, size, stride, padding, dilation, groups)
        if bias is not None:
            out += bias.reshape(-1, *(1,) * dims)
        return out.astype(input.dtype, copy=False)

    def of_input(g: Any, weight: Any, input_shape: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
        return input_grad(
            g, weight, input_shape=tuple(input_shape), stride=stride, padding=padding, dilation=dilation, groups=groups
        )

    def of_weight(g: Any, input: Any, weight_shape: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
        return weight_grad(
            g, input, weight_shape=tuple(weight_shape), stride=stride, padding=padding, dilation=dilation, groups=groups
        )

    def of_grad(x: Any, weight: Any, shape: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
        """Return the convolution without the ends that an output padding of a stride or more brought in."""
        out = conv(x, weight, None, stride=stride, padding=padding, dilation=dilation, groups=groups)
        if tuple(out.shape) == tuple(shape):
            return out
        return out[(slice(None), slice(None), *(slice(n) for n in shape[2:]))]

    conv = op(
        f"conv{dims}d",
        forward,
        node_name="ConvolutionBackward0",
        input=of_input,
        weight=of_weight,
        bias=_bias_grad,
    )
    input_grad = op(
        f"conv{dims}d_input_grad",
        input_grad_forward,
        node_name="ConvolutionBackwardBackward0",
        grad=lambda g, weight, grad_shape, stride, padding, dilation, groups: of_grad(
            g, weight, grad_shape, stride, padding, dilation, groups
        ),
        weight=lambda g, grad, weight_shape, stride, padding, dilation, groups: of_weight(
            grad, g, weight_shape, stride, padding, dilation, groups
        ),
    )
    weight_grad = op(
        f"conv{dims}d_weight_grad",
        weight_grad_forward,
        node_name="ConvolutionBackwardBackward0",
        grad=lambda g, input, grad_shape, stride, padding, dilation, groups: of_grad(
            input, g, grad_shape, stride, padding, dilation, groups
        ),
        input=lambda g, grad, input_shape, stride, padding, dilation, groups: of_input(
            grad, g, input_shape, stride, padding, dilation, groups
        ),
    )
    # The same function as the gradient of the input, by the name of what it computes, and with a bias.
    transposed = op(
        f"conv_transpose{dims}d",
        transposed_forward,
        node_name="ConvolutionBackward0",
        input=lambda g, weight, input_shape, stride, padding, dilation, groups: of_grad(
            g, weight, input_shape, stride, padding, dilation, groups
        ),
        weight=lambda g, input, weight_shape, stride, padding, dilation, groups: of_weight(
            input, g, weight_shape, stride, padding, dilation, groups
        ),
        bias=_bias_grad,
    )
    return Family(conv, input_grad, weight_grad, transposed)


_conv2d, _input_grad, _weight_grad, _conv_transpose2d = family(
    2, kernels.conv2d, kernels.conv2d_input_grad, kernels.conv2d_weight_grad
)


def _relu_forward(input: Any, weight: Any, bias: Any, *, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    kind = input.dtype
    x, w, b = _wide(input, np.ascontiguousarray(weight), bias)
    return kernels.conv2d(x, w, b, stride, padding, dilation, groups, relu=True).astype(kind, copy=False)


def _both_grads(g: Any, input: Any, weight: Any, needs: tuple[bool, ...], **settings: Any) -> tuple[Any, Any, Any]:
    return (
        _input_grad(g, weight, input_shape=tuple(input.shape), **settings) if needs[0] else None,
        _weight_grad(g, input, weight_shape=tuple(weight.shape), **settings) if needs[1] else None,
        _bias_grad(g) if needs[2] else None,
    )


def _relu_rule(
    g: Any, input: Any, weight: Any, out: Any, needs: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    kept = g * np.asarray(~(array_of(out) <= 0), array_of(g).dtype)
    return _both_grads(kept, input, weight, needs, stride=stride, padding=padding, dilation=dilation, groups=groups)


def _relu_fused(
    g: Any, input: Any, weight: Any, out: Any, needs: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    kept = relu_backward(g, out)
    return _both_grads(kept, input, weight, needs, stride=stride, padding=padding, dilation=dilation, groups=groups)


#: A convolution and ReLU, without a pass over memory between them.
_conv2d_relu = op(
    "conv2d_relu",
    _relu_forward,
    node_name="ReluBackward0",
    differentiable=("input", "weight", "bias"),
    joint=_relu_rule,
    raw=_relu_fused,
)


# -- arguments -------------------------------------------------------------------------------------


def _tuple(name: str, what: str, value: Any, dims: int) -> tuple[int, ...]:
    if isinstance(value, (int, np.integer)):
        return (int(value),) * dims
    values = tuple(int(v) for v in value)
    if len(values) == 1:
        return values * dims
    if len(values) != dims:
        raise RuntimeError(
            f"{name}: expected {what} to be a single integer value or a list of {dims} values to match the "
            f"convolution dimensions, but got {what}={list(values)}"
        )
    return values


def _check(name: str, input: Any, weight: Any, bias: Any, dims: int, groups: int, transposed: bool) -> None:
    if weight.ndim != dims + 2:
        raise RuntimeError(
            f"{name}: expected a {dims + 2}-dimensional weight (out_channels, in_channels / groups, kernel sizes), "
            f"got shape {list(weight.shape)}"
        )
    if input.ndim not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input to {name}, but got input of size: "
            f"{list(input.shape)}. Images are (N, C, H, W): unsqueeze(0) adds a batch, unsqueeze(1) a channel"
        )
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    channels = input.shape[-dims - 1]
    expected = weight.shape[0] if transposed else weight.shape[1] * groups
    if channels != expected:
        raise RuntimeError(
            f"{name}: given groups={groups}, weight of size {list(weight.shape)}, expected input"
            f"{list(input.shape)} to have {expected} channels, but got {channels} channels instead"
        )
    if weight.shape[0] < groups:
        raise RuntimeError(
            f"{name}: Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight of "
            f"size {list(weight.shape)}"
        )
    if not transposed and weight.shape[0] % groups:
        raise RuntimeError(f"{name}: out_channels ({weight.shape[0]}) must be divisible by groups ({groups})")
    kinds = [array_of(t).dtype for t in (input, weight, bias) if t is not None]
    if any(k != kinds[0] for k in kinds):
        raise RuntimeError(
            f"{name}: Input type ({dtypes.from_numpy(kinds[0])}) and weight type ({dtypes.from_numpy(kinds[1])}) "
            "should be the same. Convert the input with .to(), or the layer with .float() or .double()"
        )
    if kinds[0].kind not in "fV" and kinds[0] != np.int64:
        raise RuntimeError(
            f"{name}: needs floating point tensors, got {dtypes.from_numpy(kinds[0])}; convert with .float()"
        )
    outputs = weight.shape[1] * groups if transposed else weight.shape[0]
    if bias is not None and tuple(bias.shape) != (outputs,):
        raise RuntimeError(
            f"{name}: given weight of size {list(weight.shape)}, expected bias to be 1-dimensional with {outputs} "
            f"elements, but got bias of size {list(bias.shape)} instead"
        )


def _convolve(
    name: str,
    function: Any,
    input: Any,
    weight: Any,
    bias: Any,
    stride: tuple[int, ...],
    padding: Any,
    dilation: tuple[int, ...],
    groups: int,
) -> Any:
    """Apply an op to checked arguments; ``padding`` may be "same" or "valid"."""
    kernel = tuple(weight.shape[2:])
    if any(s <= 0 for s in stride):
        raise RuntimeError("non-positive stride is not supported")
    if any(d <= 0 for d in dilation):
        raise RuntimeError("dilation should be greater than zero")
    if padding == "valid":
        padding = (0,) * len(kernel)
    elif padding == "same":
        if any(s != 1 for s in stride):
            raise RuntimeError("padding='same' is not supported for strided convolutions")
        totals = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        if all(t % 2 == 0 for t in totals):
            padding = tuple(t // 2 for t in totals)
        else:
            # The odd one goes to the end, as in TensorFlow.
            sides = [s for t in reversed(totals) for s in (t // 2, t - t // 2)]
            input = pad(input, sides)
            padding = (0,) * len(kernel)
    elif isinstance(padding, str):
        raise RuntimeError(f"Invalid padding string: '{padding}'")
    if any(p < 0 for p in padding):
        raise RuntimeError("negative padding is not supported")
    spans = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    sizes = [n + 2 * p for n, p in zip(input.shape[2:], padding, strict=True)]
    if any(n < s for n, s in zip(sizes, spans, strict=True)):
        raise RuntimeError(
            f"{name}: Calculated padded input size per channel: ({' x '.join(map(str, sizes))}). Kernel size: "
            f"({' x '.join(map(str, spans))}). Kernel size can't be greater than actual input size"
        )
    return function(input, weight, bias, stride=stride, padding=tuple(padding), dilation=dilation, groups=groups)


def convolution(
    name: str,
    dims: int,
    function: Any,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Any:
    """Check the arguments of a convolution and apply its op; sequences are images of one row."""
    _check(name, input, weight, bias, dims, groups, False)
    steps = _tuple(name, "stride", stride, dims)
    sides = padding if isinstance(padding, str) else _tuple(name, "padding", padding, dims)
    spread = _tuple(name, "dilation", dilation, dims)
    single = input.ndim == dims + 1
    x = unsqueeze(input, 0) if single else input
    if dims > 1:
        out = _convolve(name, function, x, weight, bias, steps, sides, spread, groups)
    else:
        x, weight = unsqueeze(x, 2), unsqueeze(weight, 2)
        sides = sides if isinstance(sides, str) else (0, *sides)
        out = squeeze(_convolve(name, function, x, weight, bias, (1, *steps), sides, (1, *spread), groups), 2)
    return squeeze(out, 0) if single else out


@whole
def conv2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    r"""Return the 2-D convolution (cross-correlation) of images with kernels.

    Args:
        input: (N, C, H, W) or (C, H, W).
        weight: (O, C / groups, KH, KW).
        bias: (O,) or None.
        stride: step of the kernel, one number or (vertical, horizontal); likewise the next two.
        padding: zeros on both sides, ``"same"`` or ``"valid"``.
        dilation: spacing between kernel elements.
        groups: groups of channels convolved separately.

    Returns:
        (N, O, H', W') with :math:`H' = \lfloor (H + 2 p - d (KH - 1) - 1) / s \rfloor + 1`.

    Raises:
        RuntimeError: channels, dimensions or dtypes do not fit.

    Source: ``torch.nn.functional.conv2d``.

    Example:
        >>> F = torch.nn.functional
        >>> F.conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2))
        tensor([[[[4., 4.],
                  [4., 4.]]]])
    """
    return conv2d_then(False, input, weight, bias, stride, padding, dilation, groups)


def conv2d_then(
    with_relu: bool, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    """Return ``conv2d``, or ReLU of it."""
    function = _conv2d_relu if with_relu else _conv2d
    return convolution("conv2d", 2, function, input, weight, bias, stride, padding, dilation, groups)


@whole
def conv1d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """Return the 1-D convolution (cross-correlation) of sequences with kernels.

    Args:
        input: (N, C, L) or (C, L).
        weight: (O, C / groups, K).
        bias: (O,) or None.
        stride: step of the kernel.
        padding: zeros on both sides, ``"same"`` or ``"valid"``.
        dilation: spacing between kernel elements.
        groups: groups of channels convolved separately.

    Source: ``torch.nn.functional.conv1d``.

    Example:
        >>> F = torch.nn.functional
        >>> F.conv1d(torch.ones(1, 1, 4), torch.ones(1, 1, 2))
        tensor([[[2., 2., 2.]]])
    """
    return convolution("conv1d", 1, _conv2d, input, weight, bias, stride, padding, dilation, groups)


def _transpose(
    name: str,
    function: Any,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Sequence[int],
    padding: Sequence[int],
    output_padding: Sequence[int],
    groups: int,
    dilation: Sequence[int],
) -> Any:
    for i, (o, s, d) in enumerate(zip(output_padding, stride, dilation, strict=True)):
        if o >= max(s, d):
            raise RuntimeError(
                f"{name}: output padding must be smaller than either stride or dilation, but got output_padding="
                f"{o}, stride={s}, dilation={d} in dimension {i}"
            )
    sizes = [
        (n - 1) * s - 2 * p + d * (k - 1) + o + 1
        for n, s, p, d, k, o in zip(
            input.shape[2:],
            stride,
            padding,
            dilation,
            weight.shape[2:],
            output_padding,
            strict=True,
        )
    ]
    if any(n <= 0 for n in sizes):
        raise RuntimeError(
            f"{name}: Given input size per channel: {list(input.shape[2:])}. Calculated output size per channel: "
            f"{sizes}. Output size is too small"
        )
    return function(
        input,
        weight,
        bias,
        size=(input.shape[0], weight.shape[1] * groups, *sizes),
        stride=tuple(stride),
        padding=tuple(padding),
        dilation=tuple(dilation),
        groups=groups,
    )


def transposed_convolution(
    name: str,
    dims: int,
    function: Any,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> Any:
    """Check the arguments of a transposed convolution and apply its op; sequences are images of one row."""
    _check(name, input, weight, bias, dims, groups, True)
    steps = _tuple(name, "stride", stride, dims)
    sides = _tuple(name, "padding", padding, dims)
    more = _tuple(name, "output_padding", output_padding, dims)
    spread = _tuple(name, "dilation", dilation, dims)
    single = input.ndim == dims + 1
    x = unsqueeze(input, 0) if single else input
    if dims > 1:
        out = _transpose(name, function, x, weight, bias, steps, sides, more, groups, spread)
    else:
        x, weight = unsqueeze(x, 2), unsqueeze(weight, 2)
        steps, sides, more, spread = (1, *steps), (0, *sides), (0, *more), (1, *spread)
        out = squeeze(_transpose(name, function, x, weight, bias, steps, sides, more, groups, spread), 2)
    return squeeze(out, 0) if single else out


@whole
def conv_transpose2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """Return the transposed convolution: the gradient of ``conv2d`` with respect to its input.

    Args:
        input: (N, C, H, W) or (C, H, W).
        weight: (C, O / groups, KH, KW).
        bias: (O,) or None.
        stride: step of the kernel in the output.
        padding: removed from both sides of the output.
        output_padding: added to one side of the output.
        groups: groups of channels convolved separately.
        dilation: spacing between kernel elements.

    Source: ``torch.nn.functional.conv_transpose2d``.

    Example:
        >>> F = torch.nn.functional
        >>> F.conv_transpose2d(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2), stride=2).shape
        torch.Size([1, 1, 4, 4])
    """
    return transposed_convolution(
        "conv_transpose2d",
        2,
        _conv_transpose2d,
        input,
        weight,
        bias,
        stride,
        padding,
        output_padding,
        groups,
        dilation,
    )


@whole
def conv_transpose1d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """Return the 1-D transposed convolution; see ``conv_transpose2d``.

    Source: ``torch.nn.functional.conv_transpose1d``.

    Example:
        >>> F = torch.nn.functional
        >>> F.conv_transpose1d(torch.ones(1, 1, 2), torch.ones(1, 1, 2), stride=2).shape
        torch.Size([1, 1, 4])
    """
    return transposed_convolution(
        "conv_transpose1d",
        1,
        _conv_transpose2d,
        input,
        weight,
        bias,
        stride,
        padding,
        output_padding,
        groups,
        dilation,
    )
