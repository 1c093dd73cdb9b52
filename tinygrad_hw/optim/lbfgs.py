"""L-BFGS, with a strong-Wolfe line search."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_hw.autograd.grad_mode import enable_grad
from tinygrad_hw.autograd.graph import count_write
from tinygrad_hw.optim.optimizer import Array, Closure, Optimizer, Params
from tinygrad_hw.optim.options import as_number, check_lr
from tinygrad_hw.tensor import Tensor

__all__ = ["LBFGS"]

#: Evaluates loss and gradient at ``start + t * direction``.
_Line = Callable[[Any], "tuple[float, Array]"]


class LBFGS(Optimizer):
    r"""L-BFGS: Newton-like steps from the differences of the last gradients.

    With :math:`s_k = \theta_{k+1} - \theta_k`, :math:`y_k = g_{k+1} - g_k` and
    :math:`\rho_k = 1 / (y_k \cdot s_k)` for the last ``history_size`` iterations :math:`k`, the
    direction :math:`d = -Hg` follows from two loops over them:

    .. math::
        q \leftarrow g; \quad \alpha_k = \rho_k\, s_k \cdot q, \; q \leftarrow q - \alpha_k y_k
        \text{ (newest first)}; \quad
        r \leftarrow \tfrac{s \cdot y}{y \cdot y} q; \quad
        r \leftarrow r + (\alpha_k - \rho_k\, y_k \cdot r)\, s_k \text{ (oldest first)}; \quad
        d = -r

    and :math:`\theta \leftarrow \theta + t d`. The step length :math:`t` is ``lr``
    (:math:`\min(1, 1 / \lVert g \rVert_1)` times ``lr`` in the very first iteration), or what a
    line search finds that satisfies the strong Wolfe conditions.

    One call of ``step`` does up to ``max_iter`` iterations and needs a closure, which is called
    again and again; use it with the whole data set, not with small batches. Memory:
    ``history_size + 1`` times that of the parameters, twice. One parameter group only.

    Args:
        params: parameters or named parameters.
        lr: learning rate, a number or 1-element tensor (default 1).
        max_iter: iterations per step (default 20).
        max_eval: calls of the closure per step (default ``max_iter * 5 // 4``).
        tolerance_grad: stop once no gradient exceeds this (default 1e-7).
        tolerance_change: stop once the loss or the parameters change by less (default 1e-9).
        history_size: how many differences to keep (default 100).
        line_search_fn: ``"strong_wolfe"`` or None (default).

    Raises:
        ValueError: a negative rate, or more than one group.

    Source: Nocedal and Wright, "Numerical Optimization" (2006), algorithms 7.4, 7.5, 3.5 and 3.6.

    Example:
        >>> w = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
        >>> opt = torch.optim.LBFGS([w], line_search_fn="strong_wolfe")
        >>> def closure():
        ...     opt.zero_grad()
        ...     loss = ((w - 3) ** 2).sum()
        ...     loss.backward()
        ...     return loss
        >>> _ = opt.step(closure)
        >>> [round(x, 4) for x in w.tolist()]
        [3.0, 3.0]
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_lr(lr)
        if max_eval is None:
            max_eval = max_iter * 5 // 4
        super().__init__(
            params,
            {
                "lr": lr,
                "max_iter": max_iter,
                "max_eval": max_eval,
                "tolerance_grad": tolerance_grad,
                "tolerance_change": tolerance_change,
                "history_size": history_size,
                "line_search_fn": line_search_fn,
            },
        )
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    # -- parameters as one vector ------------------------------------------------------------------

    def _gradient(self) -> Array:
        """Return all gradients as one new vector, zeros where a parameter has none."""
        return np.concatenate(
            [
                np.zeros(p.array.size, p.array.dtype) if p._grad is None else p._grad.array.reshape(-1)
                for p in self.param_groups[0]["params"]
            ]
        )

    def _move(self, t: Any, direction: Array) -> None:
        """Add ``t * direction`` to the parameters."""
        start = 0
        for p in self.param_groups[0]["params"]:
            part = direction[start : start + p.array.size].reshape(p.array.shape)
            count_write(p)
            p.array[...] = p.array + p.array.dtype.type(t) * part
            start += p.array.size

    def _restore(self, values: list[Array]) -> None:
        """Write saved values back into the parameters."""
        for p, value in zip(self.param_groups[0]["params"], values, strict=True):
            count_write(p)
            p.array[...] = value

    # -- the step ---------------------------------------------------------------------------------

    def step(self, closure: Closure | None = None) -> Any:
        """Do up to ``max_iter`` iterations.

        Args:
            closure: clears the gradients, runs the model, calls ``backward``, returns the loss.

        Returns:
            The loss at the start.

        Raises:
            TypeError: there is no closure.
            RuntimeError: an unknown ``line_search_fn``.
        """
        if closure is None:
            raise TypeError(
                "LBFGS.step() needs a closure that clears the gradients, computes the loss, calls "
                "backward and returns the loss: it evaluates the model several times"
            )
        evaluate = enable_grad()(closure)
        group = self.param_groups[0]
        lr = as_number(group["lr"])
        state = self.state[group["params"][0]]  # all state is global; it lives with the first parameter
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)

        first_loss = evaluate()
        loss = float(first_loss)
        evaluations = 1
        state["func_evals"] += 1
        gradient = self._gradient()
        if _largest(gradient) <= group["tolerance_grad"]:
            return first_loss

        memory = _Memory.load(state, group["history_size"])
        iterations = 0
        while iterations < group["max_iter"]:
            iterations += 1
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                memory.start(gradient)
                t = min(1.0, 1.0 / np.abs(gradient).sum()) * lr
            else:
                memory.update(gradient)
                t = lr
            direction = memory.direction
            memory.gradient, memory.loss, memory.t = gradient, loss, t
            slope = gradient.dot(direction)
            if slope > -group["tolerance_change"]:
                break

            used = 0
            flat = _largest(gradient) <= group["tolerance_grad"]
            if group["line_search_fn"] is not None:
                if group["line_search_fn"] != "strong_wolfe":
                    raise RuntimeError("only 'strong_wolfe' is supported")
                line = self._line(evaluate, direction)
                loss, gradient, t, used = _strong_wolfe(
                    line, t, direction, loss, gradient, slope, group["max_eval"] - evaluations
                )
                self._move(t, direction)
                flat = _largest(gradient) <= group["tolerance_grad"]
            else:
                self._move(t, direction)
                if iterations != group["max_iter"]:
                    loss = float(evaluate())
                    gradient = self._gradient()
                    flat = _largest(gradient) <= group["tolerance_grad"]
                    used = 1
            memory.t = t
            evaluations += used
            state["func_evals"] += used
            if (
                iterations == group["max_iter"]
                or evaluations >= group["max_eval"]
                or flat
                or _largest(direction * t) <= group["tolerance_change"]
                or abs(loss - memory.loss) < group["tolerance_change"]
            ):
                break
        memory.store(state)
        return first_loss

    def _line(self, evaluate: Closure, direction: Array) -> _Line:
        """Return a function of the step length along ``direction`` from the present parameters."""
        start = [p.array.copy() for p in self.param_groups[0]["params"]]

        def line(t: Any) -> tuple[float, Array]:
            self._move(t, direction)
            loss = float(evaluate())
            gradient = self._gradient()
            self._restore(start)
            return loss, gradient

        return line


def _largest(vector: Array) -> Any:
    """Return the largest magnitude."""
    return np.abs(vector).max()


class _Memory:
    """The differences of the last iterations, and the direction that follows from them.

    ``None`` stands for what the first iteration has not made yet.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.direction: Any = None
        self.t: Any = None
        self.changes: list[Array] = []  # y, of the gradient
        self.moves: list[Array] = []  # s, of the parameters
        self.rho: list[Any] = []
        self.scale: Any = None
        self.gradient: Any = None
        self.loss: Any = None
        self.alphas: list[Any] | None = None

    #: Attribute of this class and its name in the optimizer's state.
    NAMES = (
        ("alphas", "al"),
        ("direction", "d"),
        ("t", "t"),
        ("changes", "old_dirs"),
        ("moves", "old_stps"),
        ("rho", "ro"),
        ("scale", "H_diag"),
        ("gradient", "prev_flat_grad"),
        ("loss", "prev_loss"),
    )

    @classmethod
    def load(cls, state: dict[str, Any], size: int) -> _Memory:
        """Return the memory kept in the optimizer's state."""
        memory = cls(size)
        for name, key in cls.NAMES:
            if key in state:
                setattr(memory, name, _to_arrays(state[key]))
        return memory

    def store(self, state: dict[str, Any]) -> None:
        """Put the memory into the optimizer's state."""
        for name, key in self.NAMES:
            value = getattr(self, name)
            if not (name == "alphas" and value is None):
                state[key] = _to_tensors(value)

    def start(self, gradient: Array) -> None:
        """Begin with the steepest descent."""
        self.direction = -gradient
        self.changes, self.moves, self.rho, self.scale = [], [], [], 1

    def update(self, gradient: Array) -> None:
        """Remember the last step, and compute the next direction."""
        change = gradient - self.gradient
        move = self.direction * self.t
        curvature = change.dot(move)
        if curvature > 1e-10:  # else the pair would spoil positive definiteness
            if len(self.changes) == self.size:
                del self.changes[0], self.moves[0], self.rho[0]
            self.changes.append(change)
            self.moves.append(move)
            self.rho.append(1.0 / curvature)
            self.scale = curvature / change.dot(change)
        if self.alphas is None:
            self.alphas = [None] * self.size
        q = -gradient
        pairs = list(zip(self.changes, self.moves, self.rho, strict=True))
        for i in range(len(pairs) - 1, -1, -1):
            y, s, rho = pairs[i]
            self.alphas[i] = s.dot(q) * rho
            q -= self.alphas[i] * y
        r = q * self.scale
        for i, (y, s, rho) in enumerate(pairs):
            r += (self.alphas[i] - y.dot(r) * rho) * s
        self.direction = r


def _to_tensors(value: Any) -> Any:
    """Return arrays and numpy scalars as tensors, also inside a list."""
    if isinstance(value, list):
        return [_to_tensors(v) for v in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return Tensor._wrap(np.asarray(value))
    return value


def _to_arrays(value: Any) -> Any:
    """Return tensors as arrays (0-d ones as numpy scalars), also inside a list."""
    if isinstance(value, list):
        return [_to_arrays(v) for v in value]
    if isinstance(value, Tensor):
        return value.array if value.array.ndim else value.array[()]
    return value


# -- the line search -------------------------------------------------------------------------------


def _strong_wolfe(
    line: _Line,
    t: Any,
    direction: Array,
    loss: float,
    gradient: Array,
    slope: Any,
    max_evaluations: int,
    c1: float = 1e-4,
    c2: float = 0.9,
    tolerance_change: float = 1e-9,
) -> tuple[float, Array, Any, int]:
    """Find a step length with enough decrease (c1) and a flat enough slope (c2).

    Returns:
        Loss, gradient and length there, and how often ``line`` was called.
    """
    extent = _largest(direction)

    def probe(at: Any) -> tuple[Any, float, Array, Any]:
        f, g = line(at)
        return at, f, g, g.dot(direction)

    def too_high(point: tuple[Any, float, Array, Any]) -> bool:
        return bool(point[1] > (loss + c1 * point[0] * slope))

    def flat_enough(point: tuple[Any, float, Array, Any]) -> bool:
        return bool(abs(point[3]) <= -c2 * slope)

    # Lengthen the step until two lengths enclose a good one. A point is (length, loss, gradient,
    # slope).
    start = (0, loss, gradient, slope)
    previous: tuple[Any, float, Array, Any] = start
    now = probe(t)
    calls = 1
    rounds = 0
    done = False
    bracket = None
    while rounds < max_evaluations:
        if too_high(now) or (rounds > 1 and now[1] >= previous[1]):
            bracket = [previous, now]
            break
        if flat_enough(now):
            bracket = [now]
            done = True
            break
        if now[3] >= 0:
            bracket = [previous, now]
            break
        bounds = (now[0] + 0.01 * (now[0] - previous[0]), now[0] * 10)
        longer = _cubic_minimum(previous, now, bounds)
        previous, now = now, probe(longer)
        calls += 1
        rounds += 1
    if bracket is None or rounds == max_evaluations:
        bracket = [start, now]

    # Shrink the bracket.
    stuck = False
    low, high = (0, 1) if bracket[0][1] <= bracket[-1][1] else (1, 0)
    while not done and rounds < max_evaluations:
        left, right = sorted((bracket[0][0], bracket[1][0]))
        if (right - left) * extent < tolerance_change:
            break
        t = _cubic_minimum(bracket[0], bracket[1])
        margin = 0.1 * (right - left)
        if min(right - t, t - left) < margin:
            # Twice in a row so close to an end, or beyond it: take a tenth of the bracket.
            if stuck or t >= right or t <= left:
                t = right - margin if abs(t - right) < abs(t - left) else left + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        now = probe(t)
        calls += 1
        rounds += 1
        if too_high(now) or now[1] >= bracket[low][1]:
            bracket[high] = now
            low, high = (0, 1) if bracket[0][1] <= bracket[1][1] else (1, 0)
        else:
            if flat_enough(now):
                done = True
            elif now[3] * (bracket[high][0] - bracket[low][0]) >= 0:
                bracket[high] = bracket[low]
            bracket[low] = now
    t, loss, gradient, _ = bracket[low]
    return loss, gradient, t, calls


def _cubic_minimum(a: Any, b: Any, bounds: tuple[Any, Any] | None = None) -> Any:
    """Return where the cubic through two points with their slopes is lowest, within ``bounds``."""
    (x1, f1, _, g1), (x2, f2, _, g2) = a, b
    low, high = bounds if bounds is not None else ((x1, x2) if x1 <= x2 else (x2, x1))
    d1 = g1 + g2 - 3 * (f1 - f2) / (x1 - x2)
    square = d1**2 - g1 * g2
    if not square >= 0:
        return (low + high) / 2.0
    d2 = np.sqrt(square)
    if x1 <= x2:
        t = x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2 * d2))
    else:
        t = x1 - (x1 - x2) * ((g1 + d2 - d1) / (g1 - g2 + 2 * d2))
    return min(max(t, low), high)
