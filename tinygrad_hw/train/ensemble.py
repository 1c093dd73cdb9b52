"""Several models that decide together."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Literal

from tinygrad_hw.nn import functional as F
from tinygrad_hw.nn.module import Module
from tinygrad_hw.nn.modules.container import ModuleList
from tinygrad_hw.ops.joining import stack
from tinygrad_hw.ops.reduce import logsumexp
from tinygrad_hw.tensor import Tensor

__all__ = ["Ensemble"]


class Ensemble(Module):
    r"""The average of several models' results, as one model.

    With ``average="probabilities"`` the result is :math:`\log \frac1m \sum_i \mathrm{softmax}(z_i)` of the models'
    scores :math:`z_i`: scores again, whose softmax is the average, so that ``cross_entropy`` and ``accuracy`` take them
    as those of one model. With ``average="scores"`` it is the mean :math:`\frac1m \sum_i z_i`, as for a regression.

    Args:
        models: one or more, which take the same inputs and give scores (N, classes, ...) of one shape.
        average: ``"probabilities"`` (default) or ``"scores"``.

    Raises:
        ValueError: no models, or another ``average``.
        TypeError: something that is no module.

    Source: Hansen and Salamon, "Neural Network Ensembles" (1990).

    Example:
        >>> from tinygrad_hw.train import Ensemble
        >>> ensemble = Ensemble([torch.nn.Linear(4, 3), torch.nn.Linear(4, 3)])
        >>> ensemble(torch.ones(2, 4)).detach().exp().sum(1)
        tensor([1., 1.])
    """

    def __init__(self, models: Iterable[Module], average: Literal["probabilities", "scores"] = "probabilities") -> None:
        super().__init__()
        listed = list(models)
        if not listed:
            raise ValueError("Ensemble: no models to average")
        for i, model in enumerate(listed):
            if not isinstance(model, Module):
                raise TypeError(f"Ensemble: model {i} is a {type(model).__name__}, not a torch.nn.Module")
        if average not in ("probabilities", "scores"):
            raise ValueError(f"Ensemble: average is 'probabilities' or 'scores', but got {average!r}")
        self.models = ModuleList(listed)
        self.average = average

    def forward(self, *inputs: Any) -> Tensor:
        """Return the average of all models' results."""
        results = [model(*inputs) for model in self.models]
        shapes = [tuple(r.shape) for r in results]
        if len(set(shapes)) > 1:
            raise RuntimeError(f"Ensemble: the models' results have different shapes: {shapes}")
        if self.average == "scores":
            return stack(results).mean(0)
        return logsumexp(stack([F.log_softmax(r, 1) for r in results]), 0) - math.log(len(results))

    def extra_repr(self) -> str:
        """Return what is averaged."""
        return f"average={self.average!r}"
