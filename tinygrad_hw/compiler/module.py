"""A module whose calls are recorded and replayed."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

from tinygrad_hw.compiler.function import Settings
from tinygrad_hw.nn.module import Module

__all__ = ["OptimizedModule"]

_OWN = {"_orig_mod", "dynamo_ctx", "_torchdynamo_orig_callable", "forward", "_super_module_initialized"}


class OptimizedModule(Module):
    """What ``torch.compile`` makes of a module: the same module, called by way of its programs.

    Everything but the call is the original's: attributes, the mode, parameters. Only names in ``state_dict`` and
    ``named_parameters`` begin with ``_orig_mod.``.

    Args:
        mod: the module.
        dynamo_ctx: how to compile it.

    Source: ``torch._dynamo.eval_frame.OptimizedModule``.

    Example:
        >>> net = torch.compile(torch.nn.Linear(2, 3), backend="eager")
        >>> net
        OptimizedModule(
          (_orig_mod): Linear(in_features=2, out_features=3, bias=True)
        )
        >>> list(net.state_dict())
        ['_orig_mod.weight', '_orig_mod.bias']
    """

    _orig_mod: Module

    def __init__(self, mod: Module, dynamo_ctx: Settings) -> None:
        # The mode that Module.__init__ sets is the original's; until then it stays as it is.
        object.__setattr__(self, "_orig_mod", mod)
        object.__setattr__(self, "_super_module_initialized", False)
        super().__init__()
        object.__setattr__(self, "_super_module_initialized", True)
        self._orig_mod = mod
        self.dynamo_ctx = dynamo_ctx
        self._initialize()

    def _initialize(self) -> None:
        self.forward = self.dynamo_ctx.apply(self._orig_mod.__call__)  # type: ignore[method-assign]

    @property
    def training(self) -> bool:
        """The original's mode."""
        return self._orig_mod.training

    @training.setter
    def training(self, value: bool) -> None:
        if self._super_module_initialized:
            self._orig_mod.training = value

    def __len__(self) -> int:
        if isinstance(self._orig_mod, Sized):
            return len(self._orig_mod)
        raise TypeError(f"{type(self._orig_mod).__name__} does not support len()")

    def __getattr__(self, name: str) -> Any:
        if name == "_orig_mod":
            raise AttributeError(name)
        return getattr(self._orig_mod, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _OWN or hasattr(type(self), name):
            super().__setattr__(name, value)
        else:
            setattr(self._orig_mod, name, value)

    def __delattr__(self, name: str) -> None:
        if name in _OWN or hasattr(type(self), name):
            super().__delattr__(name)
        else:
            delattr(self._orig_mod, name)

    def __dir__(self) -> list[str]:
        return [*self._orig_mod.__dir__(), *super().__dir__()]

    def __reduce__(self) -> Any:
        return type(self), (self._orig_mod, self.dynamo_ctx)
