"""Recurrent cells: one step of a recurrent layer."""

from __future__ import annotations

import math
from typing import Any

from tinygrad_hw.nn import init
from tinygrad_hw.nn.module import Module
from tinygrad_hw.nn.parameter import Parameter
from tinygrad_hw.ops import recurrent
from tinygrad_hw.ops.creation import empty, zeros
from tinygrad_hw.ops.shape import squeeze, unsqueeze
from tinygrad_hw.tensor import Tensor

__all__ = ["GRUCell", "LSTMCell", "RNNCell", "RNNCellBase"]


def _draw(module: Any) -> None:
    """Draw parameters from the uniform distribution in +- 1 / sqrt(hidden size)."""
    bound = 1.0 / math.sqrt(module.hidden_size) if module.hidden_size > 0 else 0
    for weight in module.parameters():
        init.uniform_(weight, -bound, bound)


class RNNCellBase(Module):
    """What the cells have in common.

    Args:
        input_size: I, features of the input.
        hidden_size: H, features of the state.
        bias: whether to learn biases.
        num_chunks: gates.
        device: the CPU.
        dtype: of the parameters.

    Source: ``torch.nn.RNNCellBase``.

    Example:
        >>> isinstance(torch.nn.GRUCell(2, 3), torch.nn.RNNCellBase)
        True
    """

    weight_ih: Parameter
    weight_hh: Parameter
    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        gates = num_chunks * hidden_size
        self.weight_ih = Parameter(empty((gates, input_size), device=device, dtype=dtype))
        self.weight_hh = Parameter(empty((gates, hidden_size), device=device, dtype=dtype))
        if bias:
            self.bias_ih = Parameter(empty(gates, device=device, dtype=dtype))
            self.bias_hh = Parameter(empty(gates, device=device, dtype=dtype))
        else:
            self.register_parameter("bias_ih", None)
            self.register_parameter("bias_hh", None)
        self.reset_parameters()

    def extra_repr(self) -> str:
        """Return the sizes and what is not as by default."""
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        nonlinearity = getattr(self, "nonlinearity", "tanh")
        return text if nonlinearity == "tanh" else f"{text}, nonlinearity={nonlinearity}"

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        _draw(self)

    def _prepared(self, input: Tensor, states: list[tuple[str, Any]], count: int) -> tuple[Any, list[Any], bool]:
        """Return the input and the states with a batch dimension, and whether they had one."""
        name = type(self).__name__
        for label, value in (("input", input), *states):
            if value.ndim not in (1, 2):
                raise ValueError(
                    f"{name}: Expected {label} to be 1D or 2D, got {value.ndim}D instead: shape {list(value.shape)}"
                )
        batched = input.ndim == 2
        if not batched:
            input = unsqueeze(input, 0)
        if not states:
            first = zeros((input.shape[0], self.hidden_size), dtype=input.dtype)
            return input, [first] * count, batched
        return input, [s if batched else unsqueeze(s, 0) for _, s in states], batched


class RNNCell(RNNCellBase):
    r"""One step of an Elman network: :math:`h' = \tanh(W_{ih} x + b_{ih} + W_{hh} h + b_{hh})`.

    Args:
        input_size: I, features of the input.
        hidden_size: H, features of the state.
        bias: whether to learn biases.
        nonlinearity: ``"tanh"`` or ``"relu"``.
        device: the CPU.
        dtype: of the parameters.

    Shape:
        input (B, I) or (I,), state and output (B, H) or (H,).

    Attributes:
        weight_ih: (H, I), uniform in :math:`\pm 1/\sqrt{H}` as all.
        weight_hh: (H, H).
        bias_ih: (H,) or None.
        bias_hh: (H,) or None.

    Source: ``torch.nn.RNNCell``.

    Example:
        >>> cell = torch.nn.RNNCell(10, 20)
        >>> cell(torch.randn(3, 10), torch.randn(3, 20)).shape
        torch.Size([3, 20])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """Return the next state; the state is zero by default."""
        x, (h,), batched = self._prepared(input, [] if hx is None else [("hidden", hx)], 1)
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}. Use 'tanh' or 'relu'")
        run = recurrent.rnn_tanh_cell if self.nonlinearity == "tanh" else recurrent.rnn_relu_cell
        out: Tensor = run(x, h, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return out if batched else squeeze(out, 0)


class LSTMCell(RNNCellBase):
    """One step of ``LSTM``.

    Args:
        input_size: I, features of the input.
        hidden_size: H, features of the state.
        bias: whether to learn biases.
        device: the CPU.
        dtype: of the parameters.

    Shape:
        input (B, I) or (I,), states and outputs (B, H) or (H,).

    Attributes:
        weight_ih: (4H, I), uniform in plus or minus 1 / sqrt(H) as all.
        weight_hh: (4H, H).
        bias_ih: (4H,) or None.
        bias_hh: (4H,) or None.

    Source: ``torch.nn.LSTMCell``.

    Example:
        >>> cell = torch.nn.LSTMCell(10, 20)
        >>> h, c = cell(torch.randn(3, 10))
        >>> h.shape, c.shape
        (torch.Size([3, 20]), torch.Size([3, 20]))
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """Return the next states h and c; the states are zero by default."""
        states = [] if hx is None else [(f"hx[{i}]", s) for i, s in enumerate(hx)]
        x, first, batched = self._prepared(input, states, 2)
        h, c = recurrent.lstm_cell(x, tuple(first), self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return (h, c) if batched else (squeeze(h, 0), squeeze(c, 0))


class GRUCell(RNNCellBase):
    """One step of ``GRU``.

    Args:
        input_size: I, features of the input.
        hidden_size: H, features of the state.
        bias: whether to learn biases.
        device: the CPU.
        dtype: of the parameters.

    Shape:
        input (B, I) or (I,), state and output (B, H) or (H,).

    Attributes:
        weight_ih: (3H, I), uniform in plus or minus 1 / sqrt(H) as all.
        weight_hh: (3H, H).
        bias_ih: (3H,) or None.
        bias_hh: (3H,) or None.

    Source: ``torch.nn.GRUCell``.

    Example:
        >>> cell = torch.nn.GRUCell(10, 20)
        >>> cell(torch.randn(3, 10), torch.randn(3, 20)).shape
        torch.Size([3, 20])
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """Return the next state; the state is zero by default."""
        x, (h,), batched = self._prepared(input, [] if hx is None else [("hidden", hx)], 1)
        out: Tensor = recurrent.gru_cell(x, h, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return out if batched else squeeze(out, 0)
