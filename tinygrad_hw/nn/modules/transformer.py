"""Transformers: encoders and decoders of attention and feed-forward blocks."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

from tinygrad_hw.autograd.grad_mode import is_grad_enabled
from tinygrad_hw.nn import functional as F
from tinygrad_hw.nn import init
from tinygrad_hw.nn.module import Module
from tinygrad_hw.nn.modules.activation import GELU, ReLU
from tinygrad_hw.nn.modules.attention import MultiheadAttention
from tinygrad_hw.nn.modules.container import ModuleList
from tinygrad_hw.nn.modules.dropout import Dropout
from tinygrad_hw.nn.modules.linear import Linear
from tinygrad_hw.nn.modules.normalization import LayerNorm
from tinygrad_hw.ops.creation import full
from tinygrad_hw.ops.diagonals import triu
from tinygrad_hw.tensor import Tensor

__all__ = [
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
]

Activation = Callable[[Tensor], Tensor]


def _subsequent_mask(size: int, device: Any = None, dtype: Any = None) -> Tensor:
    return triu(full((size, size), float("-inf"), dtype=dtype, device=device), 1)


def _is_causal(mask: Tensor | None, hint: bool | None, x: Tensor, batch_first: bool) -> bool:
    """Return whether a mask hides what comes later: as the hint says, or by looking at it."""
    if hint is not None or mask is None:
        return hint is True
    size = x.shape[1 if batch_first and x.ndim != 2 else 0]
    if tuple(mask.shape) != (size, size):
        return False
    causal = _subsequent_mask(size, dtype=mask.dtype)
    return bool((mask == causal).all())


def _activation(activation: str | Activation) -> Activation:
    if not isinstance(activation, str):
        return activation
    if activation not in ("relu", "gelu"):
        raise RuntimeError(f"activation should be relu/gelu, not {activation}")
    return F.relu if activation == "relu" else F.gelu


class _Layer(Module):
    """What layers of encoder and decoder have in common: two linear maps with an activation in between."""

    linear1: Linear
    linear2: Linear
    dropout: Dropout
    activation: Activation

    def _feed_forward(self, x: Tensor) -> Tensor:
        return self.linear2(self.dropout(self.activation(self.linear1(x))))


class TransformerEncoderLayer(_Layer):
    """Self-attention and a feed-forward block, each with a residual connection and layer normalisation.

    Args:
        d_model: size of the input and output.
        nhead: attention heads.
        dim_feedforward: size between the two linear maps.
        dropout: chance of an element, or attention weight, to be dropped in training.
        activation: between the linear maps: ``"relu"``, ``"gelu"`` or a function.
        layer_norm_eps: added to variances.
        batch_first: inputs are (N, S, E), not (S, N, E).
        norm_first: normalise before each block, not after its residual connection.
        bias: whether linear maps and norms have biases.
        device: the CPU.
        dtype: of the parameters.

    Shape:
        input and output (S, N, E), (N, S, E) with ``batch_first``, or (S, E).

    Raises:
        RuntimeError: an unknown activation.

    Source: Vaswani et al., "Attention Is All You Need" (2017); Xiong et al., "On Layer Normalization in the Transformer
    Architecture" (2020); ``torch.nn.TransformerEncoderLayer``.

    Example:
        >>> layer = torch.nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, batch_first=True)
        >>> layer(torch.randn(3, 5, 8)).shape
        torch.Size([3, 5, 8])
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        where: dict[str, Any] = {"bias": bias, "device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout=dropout, batch_first=batch_first, **where)
        self.linear1 = Linear(d_model, dim_feedforward, **where)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **where)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, eps=layer_norm_eps, **where)
        self.norm2 = LayerNorm(d_model, eps=layer_norm_eps, **where)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        activation = _activation(activation)
        self.activation_relu_or_gelu = 0
        if activation is F.relu or isinstance(activation, ReLU):
            self.activation_relu_or_gelu = 1
        elif activation is F.gelu or isinstance(activation, GELU):
            self.activation_relu_or_gelu = 2
        self.activation = activation

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """Return the layer's result.

        Args:
            src: the sequence.
            src_mask: (S, S) or (N nhead, S, S): bool, True hides, or numbers that are added to the scores.
            src_key_padding_mask: (N, S), likewise by key.
            is_causal: says that ``src_mask`` hides keys after the query's position.
        """
        other = None if src_mask is None else src_mask.dtype
        padding = F._canonical_mask(src_key_padding_mask, "src_key_padding_mask", other, "src_mask", src.dtype)
        mask = F._canonical_mask(src_mask, "src_mask", None, "", src.dtype, False)
        x = src
        if self.norm_first:
            x = x + self._attend(self.norm1(x), mask, padding, is_causal)
            return x + self.dropout2(self._feed_forward(self.norm2(x)))
        x = self.norm1(x + self._attend(x, mask, padding, is_causal))
        return self.norm2(x + self.dropout2(self._feed_forward(x)))

    def _attend(self, x: Tensor, mask: Tensor | None, padding: Tensor | None, is_causal: bool) -> Tensor:
        out, _ = self.self_attn(
            x, x, x, attn_mask=mask, key_padding_mask=padding, need_weights=False, is_causal=is_causal
        )
        return self.dropout1(out)


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to an encoder's result, and a feed-forward block, each with residual and norm.

    Args:
        d_model: size of the input and output.
        nhead: attention heads.
        dim_feedforward: size between the two linear maps.
        dropout: chance of an element, or attention weight, to be dropped in training.
        activation: between the linear maps: ``"relu"``, ``"gelu"`` or a function.
        layer_norm_eps: added to variances.
        batch_first: inputs are (N, T, E), not (T, N, E).
        norm_first: normalise before each block, not after its residual connection.
        bias: whether linear maps and norms have biases.
        device: the CPU.
        dtype: of the parameters.

    Shape:
        input and output (T, N, E), memory (S, N, E); or (N, T, E) and (N, S, E) with ``batch_first``; or without N.

    Raises:
        RuntimeError: an unknown activation.

    Source: Vaswani et al., "Attention Is All You Need" (2017); ``torch.nn.TransformerDecoderLayer``.

    Example:
        >>> layer = torch.nn.TransformerDecoderLayer(8, 2, dim_feedforward=16)
        >>> layer(torch.randn(4, 3, 8), torch.randn(5, 3, 8)).shape
        torch.Size([4, 3, 8])
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        where: dict[str, Any] = {"bias": bias, "device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout=dropout, batch_first=batch_first, **where)
        self.multihead_attn = MultiheadAttention(d_model, nhead, dropout=dropout, batch_first=batch_first, **where)
        self.linear1 = Linear(d_model, dim_feedforward, **where)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **where)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, eps=layer_norm_eps, **where)
        self.norm2 = LayerNorm(d_model, eps=layer_norm_eps, **where)
        self.norm3 = LayerNorm(d_model, eps=layer_norm_eps, **where)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.dropout3 = Dropout(dropout)
        self.activation = _activation(activation)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Return the layer's result.

        Args:
            tgt: the sequence.
            memory: the encoder's result.
            tgt_mask: (T, T) or (N nhead, T, T): bool, True hides, or numbers that are added to the scores.
            memory_mask: (T, S) or (N nhead, T, S), likewise.
            tgt_key_padding_mask: (N, T), likewise by key.
            memory_key_padding_mask: (N, S), likewise.
            tgt_is_causal: says that ``tgt_mask`` hides keys after the query's position.
            memory_is_causal: says so of ``memory_mask``.
        """

        def to_itself(x: Tensor) -> Tensor:
            out = self.self_attn(x, x, x, tgt_key_padding_mask, False, tgt_mask, is_causal=tgt_is_causal)
            return self.dropout1(out[0])

        def to_memory(x: Tensor) -> Tensor:
            out = self.multihead_attn(
                x, memory, memory, memory_key_padding_mask, False, memory_mask, is_causal=memory_is_causal
            )
            return self.dropout2(out[0])

        x = tgt
        if self.norm_first:
            x = x + to_itself(self.norm1(x))
            x = x + to_memory(self.norm2(x))
            return x + self.dropout3(self._feed_forward(self.norm3(x)))
        x = self.norm1(x + to_itself(x))
        x = self.norm2(x + to_memory(x))
        return self.norm3(x + self.dropout3(self._feed_forward(x)))


def _clones(layer: Module, n: int) -> ModuleList:
    return ModuleList([copy.deepcopy(layer) for _ in range(n)])


class TransformerEncoder(Module):
    """A stack of encoder layers.

    Args:
        encoder_layer: copied ``num_layers`` times, with its parameters.
        num_layers: how many.
        norm: applied at the end, or None.
        enable_nested_tensor: in inference, PyTorch packs padded sequences if it can, so that the last norm sees
            zeros in place of padding; the results here are the same. Nothing is packed.
        mask_check: do so only if all padding is at the end.

    Shape:
        as the layer's.

    Source: ``torch.nn.TransformerEncoder``.

    Example:
        >>> layer = torch.nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, batch_first=True)
        >>> torch.nn.TransformerEncoder(layer, 2)(torch.randn(3, 5, 8)).shape
        torch.Size([3, 5, 8])
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = _clones(encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        self.use_nested_tensor = enable_nested_tensor
        self.mask_check = mask_check
        why = self._why_not_packed(encoder_layer)
        if enable_nested_tensor and why:
            warnings.warn(
                f"enable_nested_tensor is True, but self.use_nested_tensor is False because {why}", stacklevel=2
            )
            self.use_nested_tensor = False

    @staticmethod
    def _why_not_packed(layer: Any) -> str:
        name = "encoder_layer"
        if not isinstance(layer, TransformerEncoderLayer):
            return f"{name} was not TransformerEncoderLayer"
        if layer.norm_first:
            return f"{name}.norm_first was True"
        if not layer.self_attn.batch_first:
            return f"{name}.self_attn.batch_first was not True(use batch_first for better inference performance)"
        if not layer.self_attn._qkv_same_embed_dim:
            return f"{name}.self_attn._qkv_same_embed_dim was not True"
        if layer.self_attn.in_proj_bias is None:
            return f"{name}.self_attn was passed bias=False"
        if not layer.activation_relu_or_gelu:
            return f"{name}.activation_relu_or_gelu was not True"
        if layer.norm1.eps != layer.norm2.eps:
            return f"{name}.norm1.eps was not equal to {name}.norm2.eps"
        if layer.self_attn.num_heads % 2 == 1:
            return f"{name}.self_attn.num_heads is odd"
        return ""

    def _zeroes_padding(self, src: Tensor, mask: Tensor | None, padding: Tensor | None) -> bool:
        """Return whether PyTorch would run on packed sequences, and unpack the result with zeros."""
        if not self.use_nested_tensor or self.training or padding is None or mask is not None or src.ndim != 3:
            return False
        if is_grad_enabled() and (src.requires_grad or any(p.requires_grad for p in self.parameters())):
            return False
        hidden = padding.array != 0
        return not self.mask_check or bool((hidden[:, 1:] >= hidden[:, :-1]).all())

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        """Return the result of all layers; see ``TransformerEncoderLayer.forward``.

        Args:
            src: the sequence.
            mask: for each layer.
            src_key_padding_mask: for each layer.
            is_causal: whether the mask hides later keys; found out by looking if None.
        """
        other = None if mask is None else mask.dtype
        padding = F._canonical_mask(src_key_padding_mask, "src_key_padding_mask", other, "mask", src.dtype)
        mask = F._canonical_mask(mask, "mask", None, "", src.dtype, False)
        first: Any = self.layers[0]
        causal = _is_causal(mask, is_causal, src, first.self_attn.batch_first)
        output = src
        for layer in self.layers:
            output = layer(output, src_mask=mask, is_causal=causal, src_key_padding_mask=padding)
        if padding is not None and self._zeroes_padding(src, mask, padding):
            output = output.masked_fill((padding != 0).unsqueeze(-1), 0.0)
        return output if self.norm is None else self.norm(output)


class TransformerDecoder(Module):
    """A stack of decoder layers.

    Args:
        decoder_layer: copied ``num_layers`` times, with its parameters.
        num_layers: how many.
        norm: applied at the end, or None.

    Shape:
        as the layer's.

    Source: ``torch.nn.TransformerDecoder``.

    Example:
        >>> layer = torch.nn.TransformerDecoderLayer(8, 2, dim_feedforward=16)
        >>> torch.nn.TransformerDecoder(layer, 2)(torch.randn(4, 3, 8), torch.randn(5, 3, 8)).shape
        torch.Size([4, 3, 8])
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = _clones(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Return the result of all layers; see ``TransformerDecoderLayer.forward``.

        Args:
            tgt: the sequence.
            memory: the encoder's result.
            tgt_mask: for each layer.
            memory_mask: for each layer.
            tgt_key_padding_mask: for each layer.
            memory_key_padding_mask: for each layer.
            tgt_is_causal: whether ``tgt_mask`` hides later keys; found out by looking if None.
            memory_is_causal: whether ``memory_mask`` does.
        """
        first: Any = self.layers[0]
        causal = _is_causal(tgt_mask, tgt_is_causal, tgt, first.self_attn.batch_first)
        output = tgt
        for layer in self.layers:
            output = layer(
                output,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=causal,
                memory_is_causal=memory_is_causal,
            )
        return output if self.norm is None else self.norm(output)


class Transformer(Module):
    """An encoder and a decoder that attends to its result.

    Args:
        d_model: size of inputs and outputs.
        nhead: attention heads.
        num_encoder_layers: layers of the encoder.
        num_decoder_layers: layers of the decoder.
        dim_feedforward: size inside the feed-forward blocks.
        dropout: chance of an element to be dropped in training.
        activation: of the feed-forward blocks: ``"relu"``, ``"gelu"`` or a function.
        custom_encoder: in place of the encoder.
        custom_decoder: in place of the decoder.
        layer_norm_eps: added to variances.
        batch_first: inputs are (N, S, E), not (S, N, E).
        norm_first: normalise before each block.
        bias: whether linear maps and norms have biases.
        device: the CPU.
        dtype: of the parameters.

    Shape:
        src (S, N, E), tgt and output (T, N, E); or with N first; or without N.

    Raises:
        RuntimeError: an unknown activation; or, in a call, sizes that do not fit.

    Source: Vaswani et al., "Attention Is All You Need" (2017); ``torch.nn.Transformer``. All matrices are drawn
    Xavier-uniform.

    Example:
        >>> model = torch.nn.Transformer(8, 2, 1, 1, dim_feedforward=16)
        >>> model(torch.randn(5, 3, 8), torch.randn(4, 3, 8)).shape
        torch.Size([4, 3, 8])
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Activation = F.relu,
        custom_encoder: Any = None,
        custom_decoder: Any = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        sizes = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias)
        where: dict[str, Any] = {"device": device, "dtype": dtype}
        if custom_encoder is not None:
            self.encoder = custom_encoder
        else:
            encoder_layer = TransformerEncoderLayer(*sizes, **where)
            norm = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **where)
            self.encoder = TransformerEncoder(encoder_layer, num_encoder_layers, norm)
        if custom_decoder is not None:
            self.decoder = custom_decoder
        else:
            decoder_layer = TransformerDecoderLayer(*sizes, **where)
            norm = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **where)
            self.decoder = TransformerDecoder(decoder_layer, num_decoder_layers, norm)
        self._reset_parameters()
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Return the decoder's result for ``tgt``, given ``src``; masks are those of the two stacks.

        Args:
            src: the encoder's sequence.
            tgt: the decoder's sequence.
            src_mask: (S, S).
            tgt_mask: (T, T).
            memory_mask: (T, S).
            src_key_padding_mask: (N, S).
            tgt_key_padding_mask: (N, T).
            memory_key_padding_mask: (N, S).
            src_is_causal: whether ``src_mask`` hides later keys.
            tgt_is_causal: whether ``tgt_mask`` does.
            memory_is_causal: whether ``memory_mask`` does.
        """
        at = 0 if self.batch_first else 1
        if src.ndim == 3 and src.shape[at] != tgt.shape[at]:
            raise RuntimeError(
                f"the batch number of src and tgt must be equal, but got shapes {list(src.shape)} and "
                f"{list(tgt.shape)}, whose batches are at {at}"
            )
        if src.shape[-1] != self.d_model or tgt.shape[-1] != self.d_model:
            raise RuntimeError(
                f"the feature number of src and tgt must be equal to d_model, {self.d_model}, but got shapes "
                f"{list(src.shape)} and {list(tgt.shape)}"
            )
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal)
        out: Tensor = self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )
        return out

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """Return (sz, sz), -inf above the diagonal and 0 elsewhere: a position sees those up to its own.

        Example:
            >>> torch.nn.Transformer.generate_square_subsequent_mask(2)
            tensor([[0., -inf],
                    [0., 0.]])
        """
        return _subsequent_mask(sz, device, dtype)

    def _reset_parameters(self) -> None:
        for p in self.parameters():
            if p.ndim > 1:
                init.xavier_uniform_(p)
