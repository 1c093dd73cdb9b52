"""Recurrent layers; cells are in ``rnn_cell``."""

from __future__ import annotations

import numbers
import warnings
from typing import Any

from tinygrad_hw.nn.module import Module
from tinygrad_hw.nn.modules.rnn_cell import GRUCell, LSTMCell, RNNCell, RNNCellBase, _draw
from tinygrad_hw.nn.parameter import Parameter
from tinygrad_hw.nn.utils.rnn import PackedSequence
from tinygrad_hw.ops import recurrent
from tinygrad_hw.ops.creation import empty, zeros
from tinygrad_hw.ops.index_select import index_select
from tinygrad_hw.ops.shape import squeeze, unsqueeze
from tinygrad_hw.tensor import Tensor

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNBase", "RNNCell", "RNNCellBase"]

#: Gates and kernel of each mode.
_MODES = {"LSTM": (4, "lstm"), "GRU": (3, "gru"), "RNN_TANH": (1, "tanh"), "RNN_RELU": (1, "relu")}


class RNNBase(Module):
    r"""What ``RNN``, ``LSTM`` and ``GRU`` have in common.

    Args:
        mode: ``"LSTM"``, ``"GRU"``, ``"RNN_TANH"`` or ``"RNN_RELU"``.
        input_size: I, features of the input.
        hidden_size: H, features of the state.
        num_layers: how many layers are stacked.
        bias: whether to learn biases.
        batch_first: whether batches are (B, T, ...) instead of (T, B, ...); states are not concerned.
        dropout: probability of dropping an output of each layer but the last.
        bidirectional: whether each layer goes through the sequences in both directions.
        proj_size: P, to which LSTM's outputs are projected; 0 for no projection.
        device: the CPU.
        dtype: of the parameters.

    Raises:
        TypeError: a size or a flag is of another type.
        ValueError: a size or the probability is out of range.

    Attributes:
        all_weights: for each layer and direction the list of its parameters.

    Source: ``torch.nn.RNNBase``.

    Example:
        >>> isinstance(torch.nn.GRU(2, 3), torch.nn.RNNBase)
        True
    """

    mode: str

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if not isinstance(dropout, numbers.Number) or not 0 <= dropout <= 1 or isinstance(dropout, bool):
            raise ValueError(
                "dropout should be a number in range [0, 1] representing the probability of an element being zeroed, "
                f"got {dropout!r}"
            )
        if dropout > 0 and num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
                f"num_layers greater than 1, but got dropout={dropout} and num_layers={num_layers}",
                stacklevel=3,
            )
        for name, value, kind in (
            ("bias", bias, bool),
            ("batch_first", batch_first, bool),
            ("input_size", input_size, int),
            ("hidden_size", hidden_size, int),
        ):
            if not isinstance(value, kind):
                raise TypeError(f"{name} should be of type {kind.__name__}, got: {type(value).__name__}")
        for name, value in (("input_size", input_size), ("hidden_size", hidden_size), ("num_layers", num_layers)):
            if value <= 0:
                raise ValueError(f"{name} must be greater than zero, got {value}")
        if proj_size < 0:
            raise ValueError(f"proj_size should be a positive integer or zero to disable projections, got {proj_size}")
        if proj_size >= hidden_size:
            raise ValueError(f"proj_size has to be smaller than hidden_size, got {proj_size} and {hidden_size}")
        if mode not in _MODES:
            raise ValueError(f"Unrecognized RNN mode: {mode}. Use one of {', '.join(_MODES)}")
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._all_weights: list[list[str]] = []
        self._make_parameters(device, dtype)
        self.reset_parameters()

    def _make_parameters(self, device: Any, dtype: Any) -> None:
        gates = _MODES[self.mode][0] * self.hidden_size
        out = self.proj_size or self.hidden_size
        for layer in range(self.num_layers):
            for suffix in ("", "_reverse")[: 2 if self.bidirectional else 1]:
                features = out * (2 if self.bidirectional else 1) if layer else self.input_size
                shapes: dict[str, tuple[int, ...]] = {"weight_ih": (gates, features), "weight_hh": (gates, out)}
                if self.bias:
                    shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)}
                if self.proj_size:
                    shapes["weight_hr"] = (out, self.hidden_size)
                names = []
                for name, shape in shapes.items():
                    names.append(f"{name}_l{layer}{suffix}")
                    setattr(self, names[-1], Parameter(empty(shape, device=device, dtype=dtype)))
                self._all_weights.append(names)

    @property
    def _flat_weights_names(self) -> list[str]:
        return [name for names in self._all_weights for name in names]

    @property
    def _flat_weights(self) -> list[Any]:
        return [getattr(self, name) for names in self._all_weights for name in names]

    @property
    def all_weights(self) -> list[list[Any]]:
        """For each layer and direction its parameters."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def flatten_parameters(self) -> None:
        """Do nothing: parameters need not lie side by side here."""

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        _draw(self)

    def check_input(self, input: Tensor, batch_sizes: Tensor | None) -> None:
        """Raise if the input's dtype, dimensions or features are not those of the layer.

        Raises:
            RuntimeError: dimensions or features do not fit.
            ValueError: the dtype does not fit.
        """
        kind = getattr(self, self._all_weights[0][0]).dtype
        if input.dtype != kind:
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({kind}). Convert input: "
                f"input.to({kind}), or convert model: model.to({input.dtype})"
            )
        dimensions = 3 if batch_sizes is None else 2
        if input.ndim != dimensions:
            raise RuntimeError(f"input must have {dimensions} dimensions, got {input.ndim}: {list(input.shape)}")
        if input.shape[-1] != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.shape[-1]} in an "
                f"input of shape {list(input.shape)}"
            )

    def _expected(self, input: Tensor, batch_sizes: Tensor | None, features: int) -> tuple[int, int, int]:
        """Return the shape of a state."""
        batch = input.shape[0 if self.batch_first else 1] if batch_sizes is None else int(batch_sizes.array[0])
        return (self.num_layers * (2 if self.bidirectional else 1), batch, features)

    def get_expected_hidden_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """Return the shape of the hidden state for an input of three dimensions or a packed one."""
        return self._expected(input, batch_sizes, self.proj_size or self.hidden_size)

    def check_hidden_size(
        self, hx: Tensor, expected_hidden_size: tuple[int, int, int], msg: str = "Expected hidden size {}, got {}"
    ) -> None:
        """Raise if a state has another shape.

        Raises:
            RuntimeError: it has.
        """
        if tuple(hx.shape) != expected_hidden_size:
            raise RuntimeError(msg.format(expected_hidden_size, list(hx.shape)))

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        """Raise if input and state do not fit the layer.

        Raises:
            RuntimeError: sizes do not fit.
            ValueError: the dtype does not fit.
        """
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """Return a state with its sequences in another order."""
        return hx if permutation is None else index_select(hx, 1, permutation)

    def _states(self, hx: Any) -> tuple[Any, ...]:
        return (hx,)

    def _joined(self, states: tuple[Any, ...]) -> Any:
        return states[0]

    def _check_dimensions(self, hx: Any, dimensions: int) -> None:
        if hx.ndim != dimensions:
            raise RuntimeError(
                f"For {'batched 3-D' if dimensions == 3 else 'unbatched 2-D'} input, hx should also be {dimensions}-D "
                f"but got {hx.ndim}-D tensor"
            )

    def _zero_states(self, shape: tuple[int, int, int], input: Tensor) -> Any:
        return zeros(shape, dtype=input.dtype)

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Return the outputs at each step and the last state.

        Args:
            input: (T, B, I), or (B, T, I) if ``batch_first``, or (T, I), or a packed sequence.
            hx: the first state, (layers * directions, B, H) or without B for an input without; zeros by default. For
                LSTM a pair of states: the hidden one, of P features if there is a projection, and the cell state.

        Returns:
            Outputs like the input, with H (or P) features for each direction, and the last state.

        Raises:
            RuntimeError: sizes or dimensions do not fit.
            ValueError: the input's dtype or number of dimensions does not fit.
        """
        sizes = order = back = None
        packed, batched = isinstance(input, PackedSequence), True
        original = input
        if packed:
            input, sizes, order, back = original
        else:
            if input.ndim not in (2, 3):
                raise ValueError(
                    f"{self.mode.partition('_')[0]}: Expected input to be 2D or 3D, got {input.ndim}D "
                    f"{'tensor ' if self.mode.startswith('RNN') else ''}instead: shape {list(input.shape)}"
                )
            batched = input.ndim == 3
            if not batched:
                input = unsqueeze(input, 0 if self.batch_first else 1)
        if hx is None:
            hx = self._zero_states(self.get_expected_hidden_size(input, sizes), input)
        elif not packed:
            self._check_dimensions(hx, 3 if batched else 2)
            if not batched:
                hx = self._joined(tuple(unsqueeze(s, 1) for s in self._states(hx)))
        hx = self.permute_hidden(hx, order)
        self.check_forward_args(input, hx, sizes)
        out, *last = recurrent.run_layers(
            self.mode.lower(),
            _MODES[self.mode][1],
            input,
            None if sizes is None else tuple(sizes.array.tolist()),
            self._states(hx),
            self._flat_weights,
            self.bias,
            self.num_layers,
            self.dropout,
            self.training,
            self.bidirectional,
            self.batch_first and not packed,
        )
        if packed:
            out = PackedSequence(out, sizes, order, back)
        elif not batched:
            out = squeeze(out, 0 if self.batch_first else 1)
            last = [squeeze(s, 1) for s in last]
        return out, self.permute_hidden(self._joined(tuple(last)), back)

    def extra_repr(self) -> str:
        """Return the sizes and what is not as by default."""
        parts = [f"{self.input_size}, {self.hidden_size}"]
        for name, usual in (
            ("proj_size", 0),
            ("num_layers", 1),
            ("bias", True),
            ("batch_first", False),
            ("dropout", 0),
            ("bidirectional", False),
        ):
            value = getattr(self, name)
            if value != usual:
                parts.append(f"{name}={value}")
        return ", ".join(parts)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._all_weights = [list(names) for names in self._all_weights]


class RNN(RNNBase):
    r"""Elman network: :math:`h_t = \tanh(W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh})`.

    Args:
        input_size: I, features of the input.
        hidden_size: H, features of the state.
        num_layers: how many layers are stacked.
        nonlinearity: ``"tanh"`` or ``"relu"``.
        bias: whether to learn biases.
        batch_first: whether batches are (B, T, ...) instead of (T, B, ...).
        dropout: probability of dropping an output of each layer but the last.
        bidirectional: whether to go through the sequences in both directions.
        device: the CPU.
        dtype: of the parameters.
        **kwargs: none.

    Shape:
        input (T, B, I), output (T, B, directions * H), state (layers * directions, B, H); all may lack B; the input may
        be a packed sequence, and the output is one then.

    Attributes:
        weight_ih_l[k]: (H, I) or (H, directions * H), uniform in :math:`\pm 1/\sqrt{H}` as all; ``_reverse`` is added
            for the other direction.
        weight_hh_l[k]: (H, H).
        bias_ih_l[k]: (H,).
        bias_hh_l[k]: (H,).

    Source: Elman, "Finding Structure in Time" (1990); ``torch.nn.RNN``.

    Example:
        >>> rnn = torch.nn.RNN(10, 20, 2)
        >>> out, h = rnn(torch.randn(5, 3, 10))
        >>> out.shape, h.shape
        (torch.Size([5, 3, 20]), torch.Size([2, 3, 20]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        _no_more("RNN", kwargs)
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        mode = "RNN_TANH" if nonlinearity == "tanh" else "RNN_RELU"
        self.nonlinearity = nonlinearity
        super().__init__(
            mode, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        )


class LSTM(RNNBase):
    r"""Long short-term memory.

    .. math::
        i, f, g, o = W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh} \\
        c_t = \sigma(f) c_{t-1} + \sigma(i) \tanh(g), \quad h_t = \sigma(o) \tanh(c_t)

    With a projection, :math:`h_t = W_{hr} (\sigma(o) \tanh(c_t))`.

    Args:
        input_size: I, features of the input.
        hidden_size: H, features of the state.
        num_layers: how many layers are stacked.
        bias: whether to learn biases.
        batch_first: whether batches are (B, T, ...) instead of (T, B, ...).
        dropout: probability of dropping an output of each layer but the last.
        bidirectional: whether to go through the sequences in both directions.
        proj_size: P, features that outputs are projected to; 0 (default) for P = H and no projection.
        device: the CPU.
        dtype: of the parameters.

    Shape:
        input (T, B, I), output (T, B, directions * P), states (layers * directions, B, P) and (layers * directions, B,
        H); all may lack B; the input may be a packed sequence, and the output is one then.

    Attributes:
        weight_ih_l[k]: (4H, I) or (4H, directions * P), gates in the order of the formula, uniform in
            :math:`\pm 1/\sqrt{H}` as all; ``_reverse`` is added for the other direction.
        weight_hh_l[k]: (4H, P).
        bias_ih_l[k]: (4H,).
        bias_hh_l[k]: (4H,).
        weight_hr_l[k]: (P, H), if there is a projection.

    Source: Hochreiter and Schmidhuber, "Long Short-Term Memory" (1997); Sak et al., "Long Short-Term Memory Based
    Recurrent Neural Network Architectures for Large Vocabulary Speech Recognition" (2014) for the projection;
    ``torch.nn.LSTM``.

    Example:
        >>> lstm = torch.nn.LSTM(10, 20, batch_first=True)
        >>> out, (h, c) = lstm(torch.randn(3, 5, 10))
        >>> out.shape, h.shape, c.shape
        (torch.Size([3, 5, 20]), torch.Size([1, 3, 20]), torch.Size([1, 3, 20]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            "LSTM",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            proj_size,
            device,
            dtype,
        )

    def get_expected_cell_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """Return the shape of the cell state for an input of three dimensions or a packed one."""
        return self._expected(input, batch_sizes, self.hidden_size)

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        """Raise if input and states do not fit the layer.

        Raises:
            RuntimeError: sizes do not fit.
            ValueError: the dtype does not fit.
        """
        self.check_input(input, batch_sizes)
        h, c = self.get_expected_hidden_size(input, batch_sizes), self.get_expected_cell_size(input, batch_sizes)
        self.check_hidden_size(hidden[0], h, "Expected hidden[0] size {}, got {}")
        self.check_hidden_size(hidden[1], c, "Expected hidden[1] size {}, got {}")

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """Return both states with their sequences in another order."""
        return hx if permutation is None else tuple(index_select(s, 1, permutation) for s in (hx[0], hx[1]))

    def _states(self, hx: Any) -> tuple[Any, ...]:
        return hx[0], hx[1]

    def _joined(self, states: tuple[Any, ...]) -> Any:
        return states

    def _check_dimensions(self, hx: Any, dimensions: int) -> None:
        if hx[0].ndim != dimensions or hx[1].ndim != dimensions:
            raise RuntimeError(
                f"For {'batched 3-D' if dimensions == 3 else 'unbatched 2-D'} input, hx and cx should also be "
                f"{dimensions}-D but got ({hx[0].ndim}-D, {hx[1].ndim}-D) tensors"
            )

    def _zero_states(self, shape: tuple[int, int, int], input: Tensor) -> Any:
        return zeros(shape, dtype=input.dtype), zeros((*shape[:2], self.hidden_size), dtype=input.dtype)


class GRU(RNNBase):
    r"""Gated recurrent units.

    .. math::
        r, z = \sigma(W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh}) \\
        n = \tanh(W_{in} x_t + b_{in} + r (W_{hn} h_{t-1} + b_{hn})), \quad h_t = (1 - z) n + z h_{t-1}

    Args:
        input_size: I, features of the input.
        hidden_size: H, features of the state.
        num_layers: how many layers are stacked.
        bias: whether to learn biases.
        batch_first: whether batches are (B, T, ...) instead of (T, B, ...).
        dropout: probability of dropping an output of each layer but the last.
        bidirectional: whether to go through the sequences in both directions.
        device: the CPU.
        dtype: of the parameters.
        **kwargs: none.

    Shape:
        input (T, B, I), output (T, B, directions * H), state (layers * directions, B, H); all may lack B; the input may
        be a packed sequence, and the output is one then.

    Attributes:
        weight_ih_l[k]: (3H, I) or (3H, directions * H), gates in the order r, z, n, uniform in :math:`\pm 1/\sqrt{H}`
            as all; ``_reverse`` is added for the other direction.
        weight_hh_l[k]: (3H, H).
        bias_ih_l[k]: (3H,).
        bias_hh_l[k]: (3H,).

    Source: Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder" (2014); ``torch.nn.GRU``.

    Example:
        >>> gru = torch.nn.GRU(10, 20, bidirectional=True)
        >>> out, h = gru(torch.randn(5, 3, 10))
        >>> out.shape, h.shape
        (torch.Size([5, 3, 40]), torch.Size([2, 3, 20]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        _no_more("GRU", kwargs)
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        )


def _no_more(name: str, kwargs: dict[str, Any]) -> None:
    """Raise for keyword arguments that a layer does not take."""
    if "proj_size" in kwargs:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
    if kwargs:
        raise TypeError(f"{name}.__init__() got an unexpected keyword argument {next(iter(kwargs))!r}")
