"""Attention by several heads."""

from __future__ import annotations

from typing import Any

from tinygrad_hw.nn import functional as F
from tinygrad_hw.nn import init
from tinygrad_hw.nn.module import Module
from tinygrad_hw.nn.modules.linear import NonDynamicallyQuantizableLinear
from tinygrad_hw.nn.parameter import Parameter
from tinygrad_hw.ops.creation import empty
from tinygrad_hw.tensor import Tensor

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Module):
    r"""Attention by several heads: each looks at its own projections of queries, keys and values.

    .. math:: \operatorname{Concat}(h_1, \dots, h_n) W^O, \quad
        h_i = \operatorname{softmax}\left(\frac{(Q W_i^Q) (K W_i^K)^T}{\sqrt{d}}\right) V W_i^V

    Args:
        embed_dim: E, size of the queries and of the result.
        num_heads: n, by which E is divisible.
        dropout: chance of an attention weight to be dropped in training.
        bias: whether projections have biases.
        add_bias_kv: learn one more key and value.
        add_zero_attn: attend to one more key and value of zeros.
        kdim: size of the keys, E if None.
        vdim: size of the values, E if None.
        batch_first: inputs are (N, L, E), not (L, N, E).
        device: the CPU.
        dtype: of the parameters.

    Shape:
        query (L, N, E), key (S, N, kdim), value (S, N, vdim), or without N, or with N first; output as the query, and
        weights (N, L, S).

    Attributes:
        in_proj_weight: (3 E, E), Xavier-uniform, if all sizes are E.
        q_proj_weight: (E, E), otherwise; so are ``k_proj_weight`` (E, kdim) and ``v_proj_weight`` (E, vdim).
        in_proj_bias: (3 E,), zeros, or None.
        out_proj: the last projection, a ``Linear``.
        bias_k: (1, 1, E), Xavier-normal, or None; so is ``bias_v``.

    Raises:
        ValueError: a size is not positive.
        AssertionError: E is not divisible by the number of heads.

    Source: Vaswani et al., "Attention Is All You Need" (2017); ``torch.nn.MultiheadAttention``.

    Example:
        >>> attention = torch.nn.MultiheadAttention(8, 2, batch_first=True)
        >>> x = torch.randn(3, 5, 8)
        >>> out, weights = attention(x, x, x)
        >>> out.shape, weights.shape
        (torch.Size([3, 5, 8]), torch.Size([3, 5, 5]))
    """

    in_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and "
                f"num_heads={num_heads} instead"
            )
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError(
                f"embed_dim must be divisible by num_heads, but got embed_dim={embed_dim} and num_heads={num_heads}"
            )

        def new(*shape: int) -> Parameter:
            return Parameter(empty(shape, device=device, dtype=dtype))

        if self._qkv_same_embed_dim:
            self.in_proj_weight = new(3 * embed_dim, embed_dim)
            for name in ("q_proj_weight", "k_proj_weight", "v_proj_weight"):
                self.register_parameter(name, None)
        else:
            self.q_proj_weight = new(embed_dim, embed_dim)
            self.k_proj_weight = new(embed_dim, self.kdim)
            self.v_proj_weight = new(embed_dim, self.vdim)
            self.register_parameter("in_proj_weight", None)
        if bias:
            self.in_proj_bias = new(3 * embed_dim)
        else:
            self.register_parameter("in_proj_bias", None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, device=device, dtype=dtype)
        if add_bias_kv:
            self.bias_k = new(1, 1, embed_dim)
            self.bias_v = new(1, 1, embed_dim)
        else:
            self.bias_k = self.bias_v = None
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None and self.out_proj.bias is not None:
            init.constant_(self.in_proj_bias, 0.0)
            init.constant_(self.out_proj.bias, 0.0)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Return the result and, with ``need_weights``, the attention weights.

        Args:
            query: (L, N, E), (N, L, E) with ``batch_first``, or (L, E).
            key: likewise, S in place of L.
            value: likewise.
            key_padding_mask: (N, S) or (S,): bool, True hides a key, or numbers that are added.
            need_weights: return weights too; without them attention is faster and needs less memory.
            attn_mask: (L, S) or (N num_heads, L, S): bool, True hides, or numbers that are added.
            average_attn_weights: average the weights over heads; otherwise they are (N, num_heads, L, S).
            is_causal: says that ``attn_mask`` hides keys after the query's position.
        """
        swap = self.batch_first and query.ndim == 3
        if swap:
            same, same_value = query is key, key is value
            query = query.transpose(0, 1)
            key = query if same else key.transpose(0, 1)
            value = key if same_value else value.transpose(0, 1)
        out, weights = F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=key_padding_mask,
            need_weights=need_weights,
            attn_mask=attn_mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return (out.transpose(0, 1) if swap else out), weights
