"""A softmax over very many classes."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from typing import Any

from tinygrad_hw.nn import functional as F
from tinygrad_hw.nn.module import Module
from tinygrad_hw.nn.modules.container import ModuleList, Sequential
from tinygrad_hw.nn.modules.linear import Linear
from tinygrad_hw.ops.joining import cat
from tinygrad_hw.tensor import Tensor

__all__ = ["AdaptiveLogSoftmaxWithLoss"]

_ASMoutput = namedtuple("_ASMoutput", ["output", "loss"])


class AdaptiveLogSoftmaxWithLoss(Module):
    """A log-softmax over many classes, the rarer of which are predicted by smaller layers, in clusters.

    Args:
        in_features: size of the input.
        n_classes: number of classes, in order of falling frequency.
        cutoffs: where clusters begin.
        div_value: how much smaller the projection of each further cluster is.
        head_bias: whether the first layer has a bias.
        device: the CPU.
        dtype: of the parameters.

    Shape:
        input (N, in_features) or (in_features,), target (N,) or (); output (N,) or (), and the loss.

    Raises:
        ValueError: the cutoffs are not increasing numbers below the number of classes.
        RuntimeError: in a call, shapes or targets do not fit.

    Source: Grave et al., "Efficient softmax approximation for GPUs" (2017); ``torch.nn.AdaptiveLogSoftmaxWithLoss``.

    Example:
        >>> m = torch.nn.AdaptiveLogSoftmaxWithLoss(4, 10, [2, 5], div_value=2.0)
        >>> out = m(torch.randn(3, 4), torch.tensor([0, 3, 9]))
        >>> out.output.shape, m.log_prob(torch.randn(3, 4)).shape
        (torch.Size([3]), torch.Size([3, 10]))
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        cutoffs = list(cutoffs)
        if not cutoffs:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        rising = cutoffs == sorted(set(cutoffs)) and all(int(c) == c for c in cutoffs)
        if not rising or min(cutoffs) <= 0 or max(cutoffs) > n_classes - 1:
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each "
                f"value is between 1 and n_classes-1, but got {cutoffs} for {n_classes} classes"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        where: dict[str, Any] = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **where)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            hidden = int(in_features // (div_value ** (i + 1)))
            outputs = self.cutoffs[i + 1] - self.cutoffs[i]
            self.tail.append(
                Sequential(
                    Linear(in_features, hidden, bias=False, **where),
                    Linear(hidden, outputs, bias=False, **where),
                )
            )

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        self.head.reset_parameters()
        for pair in self.tail:
            for layer in pair:  # type: ignore[attr-defined]
                layer.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> Any:
        """Return the log-probability of each target, and the mean loss."""
        if target_.ndim > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        if input_.ndim != target_.ndim + 1:
            raise RuntimeError(
                f"{target_.ndim}D target tensor expects {target_.ndim + 1}D input tensors, but found inputs with size "
                f"{input_.size()}"
            )
        batched = target_.ndim == 1
        if batched and input_.shape[0] != target_.shape[0]:
            raise RuntimeError(
                "Input and target should have the same size in the batch dimension, but got "
                f"{input_.shape[0]} and {target_.shape[0]}."
            )
        input = input_ if batched else input_.unsqueeze(0)
        target = target_ if batched else target_.unsqueeze(0)
        if target.numel() and (int(target.min()) < 0 or int(target.max()) >= self.n_classes):
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range [{target.min().item()}, "
                f"{target.max().item()}] were found. "
            )
        chosen = target.clone()
        output = input.new_zeros(target.shape[0])
        for i in range(self.n_clusters):
            mask = (target >= self.cutoffs[i]) & (target < self.cutoffs[i + 1])
            rows = mask.nonzero().squeeze(1)
            if rows.numel() == 0:
                continue
            logs = F.log_softmax(self.tail[i](input.index_select(0, rows)), dim=1)
            local = logs.gather(1, (target[mask] - self.cutoffs[i]).unsqueeze(1))
            output = output.index_copy(0, rows, local.squeeze(1))
            chosen = chosen.index_fill(0, rows, self.shortlist_size + i)
        head = F.log_softmax(self.head(input), dim=1)
        output = output + head.gather(1, chosen.unsqueeze(1)).squeeze(1)
        loss = (-output).mean()
        return _ASMoutput(output if batched else output.squeeze(0), loss)

    def log_prob(self, input: Tensor) -> Tensor:
        """Return log-probabilities (N, n_classes) of all classes.

        Args:
            input: (N, in_features).
        """
        head = F.log_softmax(self.head(input), dim=1)
        parts = [head[:, : self.shortlist_size]]
        for i in range(self.n_clusters):
            logs = F.log_softmax(self.tail[i](input), dim=1)
            parts.append(logs + head[:, self.shortlist_size + i].unsqueeze(1))
        return cat(parts, 1)

    def predict(self, input: Tensor) -> Tensor:
        """Return the most probable class of each row, (N,).

        Args:
            input: (N, in_features).
        """
        best = self.head(input).argmax(dim=1)
        rare = best >= self.shortlist_size
        if bool(rare.any()):
            best[rare] = self.log_prob(input[rare]).argmax(dim=1)
        return best
