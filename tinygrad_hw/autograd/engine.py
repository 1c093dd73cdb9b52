"""The walk from outputs back to leaves.

Nodes are visited youngest first: birth order is a topological order, so a min-heap of (falling) birth
numbers visits every node once, after all its children, without recursion. Gradients are arrays; under
``create_graph`` they are tensors, and the same rules record themselves. Un-broadcasting and the cast back
to an input's dtype happen here, once, on the edge. What a node saved is dropped as soon as it is done.
"""

from __future__ import annotations

import sys
import threading
import warnings
import weakref
from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush
from typing import Any

import numpy as np

from tinygrad_hw.autograd import anomaly, profiler, tangents
from tinygrad_hw.autograd.basics import cast, conj, sum_to
from tinygrad_hw.autograd.complex import is_complex
from tinygrad_hw.autograd.graph import GradientEdge, Node, TensorBase, edge_of, mode, stand_in, wrap
from tinygrad_hw.autograd.hooks import (
    node_hooks,
    run_leaf_post_hooks,
    run_leaf_pre_hooks,
    run_node_post_hooks,
    run_node_pre_hooks,
    run_tensor_hooks,
)
from tinygrad_hw.autograd.op import REGISTRY, SELECT_OUTPUT
from tinygrad_hw.kernels.arithmetic import add

__all__ = ["backward", "grad", "walk"]

Edge = Any  # Node | TensorBase (a leaf)


def _fit(g: Any, shape: Sequence[int], dtype: Any) -> Any:
    """Sum a gradient over broadcast dimensions and cast it to the input's dtype."""
    if g.shape != shape:
        g = sum_to(g, size=shape)
    if (g.array if isinstance(g, TensorBase) else g).dtype != dtype:
        g = cast(g, dtype=dtype)
    return g


def _needed_nodes(roots: Iterable[Edge], targets: Iterable[Edge]) -> set[int]:
    """Return the numbers of the nodes from which a target can be reached."""
    wanted = {id(t) for t in targets}
    seen: dict[int, Node] = {}
    stack = [r for r in roots if isinstance(r, Node)]
    while stack:
        node = stack.pop()
        if node.number in seen:
            continue
        seen[node.number] = node
        stack.extend(p for p in node.parents if isinstance(p, Node) and p.number not in seen)
    needed: set[int] = set()
    for number in sorted(seen, reverse=True):  # parents first
        for p in seen[number].parents:
            if p is not None and (id(p) in wanted or (isinstance(p, Node) and p.number in needed)):
                needed.add(number)
                break
    return needed


def walk(
    roots: Sequence[tuple[Edge, Any]],
    *,
    retain_graph: bool,
    create_graph: bool,
    targets: Sequence[Edge] | None = None,
) -> tuple[dict[int, tuple[TensorBase, Any, bool]], dict[int, Any]]:
    """Carry gradients from ``roots`` to the leaves, or to ``targets``.

    Args:
        roots: (node or leaf, gradient); gradients are arrays, or tensors under ``create_graph``.
        retain_graph: keep what the nodes saved, for another walk.
        create_graph: record the gradient computation itself.
        targets: nodes and leaves whose gradients are wanted; None for all leaves.

    Returns:
        ``{id(leaf): (leaf, gradient, whether the walk owns its memory)}`` and
        ``{id(target node): gradient}``.
    """
    needed = None if targets is None else _needed_nodes([r for r, _ in roots], targets)
    wanted = None if targets is None else {id(t) for t in targets}
    nodes: dict[int, Node] = {}
    grads: dict[int, Any] = {}
    owned: set[int] = set()
    leaves: dict[int, tuple[TensorBase, Any, bool]] = {}
    found: dict[int, Any] = {}
    heap: list[int] = []
    watch, check = profiler.recorder, anomaly.enabled

    def deliver_to_leaf(leaf: TensorBase, g: Any) -> None:
        if wanted is not None and id(leaf) not in wanted:
            return
        array = leaf.array
        if g.shape != array.shape or g.dtype is not array.dtype:
            g = _fit(g, array.shape, array.dtype)
        previous = leaves.get(id(leaf))
        if previous is None:
            leaves[id(leaf)] = (leaf, g, False)
        elif previous[2]:
            np.add(previous[1], g, out=previous[1])
        else:
            total = previous[1] + g
            leaves[id(leaf)] = (leaf, total, total.__class__ is np.ndarray)

    def deliver_output(node: Node, g: Any) -> None:
        """Hand the gradient of one output to the node of all outputs, which collects a list."""
        main, index = node.parents[0], node.params[0]
        slots = grads.get(main.number)
        if slots is None:
            slots = grads[main.number] = [None] * len(main.shape)
            nodes[main.number] = main
            heappush(heap, main.number)
        slots[index] = g if slots[index] is None else slots[index] + g

    for edge, g in roots:
        if isinstance(edge, TensorBase):
            deliver_to_leaf(edge, g)
        elif edge.number in grads:
            grads[edge.number] = grads[edge.number] + g
        else:
            nodes[edge.number] = edge
            grads[edge.number] = g
            heap.append(edge.number)
    heapify(heap)

    while heap:
        number = heappop(heap)
        node = nodes.pop(number)
        g = grads.pop(number)
        if node.hooks is not None:
            g = run_node_pre_hooks(node, g, create_graph)
        parents = node.parents
        if needed is not None:
            if wanted is not None and id(node) in wanted:
                found[id(node)] = g
            if number not in needed:
                continue
            parents = tuple(
                p
                if p is not None and (id(p) in wanted or (isinstance(p, Node) and p.number in needed))  # type: ignore[operator]
                else None
                for p in parents
            )
        if node.op is SELECT_OUTPUT:
            deliver_output(node, g)
            continue
        if watch is not None:
            gs = watch.node(node, g, parents, create_graph)
        else:
            gs = node.op.vjp_tensors(node, g, parents) if create_graph else node.op.vjp(node, g, parents)
        if node.hooks is not None:
            gs = run_node_post_hooks(node, gs, g, create_graph)
        if check:
            anomaly.check_gradients(node, gs)
        if not retain_graph and node.op.frees:
            node.saved = None
        del g
        for parent, gp in zip(parents, gs):  # noqa: B905 - strict= costs 0.1 us per node
            if gp is None or parent is None:
                continue
            if parent.__class__ is not Node:
                deliver_to_leaf(parent, gp)
                continue
            if parent.shape != gp.shape or parent.dtype is not gp.dtype:
                gp = _fit(gp, parent.shape, parent.dtype)
            key = parent.number
            if key not in grads:
                grads[key] = gp
                nodes[key] = parent
                heappush(heap, key)
            elif key in owned:
                add(grads[key], gp, out=grads[key])
            else:
                # An array may come to a tensor, from a hook say.
                own = gp.__class__ is np.ndarray is grads[key].__class__
                total = grads[key] = add(grads[key], gp) if own else grads[key] + gp
                if total.__class__ is np.ndarray:
                    owned.add(key)
        # Names that would keep the last gradients alive through the next rule.
        gs = gp = None
    # Inside the walk gradients of complex nodes are conjugated; see autograd/complex.py.
    for key, (leaf, g, _) in leaves.items():
        if is_complex(leaf):
            leaves[key] = (leaf, conj(g), True)
    for key, g in found.items():
        if g.__class__ is not list and is_complex(g):
            found[key] = conj(g)
    return leaves, found


def _accumulate(leaf: TensorBase, g: Any, owns: bool, create_graph: bool) -> None:
    """Add a gradient to ``leaf.grad``."""
    if not leaf._requires_grad:
        return  # the user froze it after it was used
    if leaf._hooks is not None:
        g, owns = run_leaf_pre_hooks(leaf, g), False
    if create_graph:
        if not isinstance(g, TensorBase):
            g = wrap(g)
        # A copy, so that a later backward does not add into somebody else's (or an expanded) array.
        leaf._grad = REGISTRY["clone"].call(g, order="K") if leaf._grad is None else leaf._grad + g
    elif leaf._grad is None:
        array = g if g.__class__ is np.ndarray else np.asarray(g.array if isinstance(g, TensorBase) else g)
        # The array may be kept if nobody else can see it: two names here, one in the caller's tuple.
        if (not owns and (array.base is not None or sys.getrefcount(array) > 4)) or not array.flags.writeable:
            array = array.copy()
        leaf._grad = wrap(array)
    else:
        target = leaf._grad.array
        leaf._grad._version_cell[0] += 1
        np.add(target, g.array if isinstance(g, TensorBase) else g, out=target)
    if leaf._hooks is not None:
        run_leaf_post_hooks(leaf, g)


def _root_gradient(tensor: Any, gradient: Any, create_graph: bool, index: int) -> Any:
    array = tensor.array
    if gradient is None:
        if array.size != 1:
            raise RuntimeError(
                f"grad can be implicitly created only for scalar outputs; output {index} has shape "
                f"{list(array.shape)}. Reduce it first (for example with .sum() or .mean()), or pass the "
                "gradient explicitly"
            )
        if not tensor.dtype.is_floating_point:
            raise RuntimeError(f"grad can be implicitly created only for real scalar outputs but got {tensor.dtype}")
        ones = np.asarray(1, array.dtype) if array.ndim == 0 else np.ones(array.shape, array.dtype)
        return wrap(ones) if create_graph else ones
    if not isinstance(gradient, TensorBase):
        raise TypeError(
            f"gradients can be either Tensors or None, but got {type(gradient).__name__} for output {index}"
        )
    if gradient.array.shape != array.shape:
        raise RuntimeError(
            f"Mismatch in shape: the gradient for output {index} has shape {list(gradient.array.shape)}, but the "
            f"output has shape {list(array.shape)}. Pass a gradient of the output's shape"
        )
    if gradient.array.dtype != array.dtype:
        gradient = cast(gradient, dtype=array.dtype)
    if is_complex(array):
        gradient = conj(gradient)
    return gradient if create_graph else gradient.array


def _roots(tensors: Sequence[Any], gradients: Sequence[Any], create_graph: bool) -> list[tuple[Edge, Any]]:
    roots = []
    for i, (tensor, gradient) in enumerate(zip(tensors, gradients, strict=True)):
        edge = edge_of(tensor)
        if edge is None:
            raise RuntimeError(
                f"element {i} of tensors does not require grad and does not have a grad_fn: it is not part "
                "of a recorded computation. Set requires_grad=True on what it is computed from, and check "
                "that it was not made under no_grad() or detached"
            )
        roots.append((edge, _root_gradient(tensor, gradient, create_graph, i)))
    return roots


def _as_tuple(value: Any) -> tuple[Any, ...]:
    if value.__class__ is GradientEdge:
        return (stand_in(value),)
    if isinstance(value, (list, tuple)):
        return tuple(stand_in(v) if v.__class__ is GradientEdge else v for v in value)
    return (value,)


class _Tasks(threading.local):
    """The walks of a thread, the innermost last, for hooks that ask about theirs."""

    def __init__(self) -> None:
        self.stack: list[Task] = []


_tasks = _Tasks()


class Task:
    """One call of ``backward`` or ``grad``; operations inside record if ``recording``.

    Attributes:
        roots: where it begins, with gradients.
        targets: what it is to reach; None for all leaves.
        retain: whether nodes keep what they saved.
    """

    __slots__ = ("__weakref__", "_before", "_executed", "recording", "retain", "roots", "targets")

    def __init__(self, recording: bool) -> None:
        self.recording = recording
        self.retain = True
        self.roots: Sequence[tuple[Edge, Any]] = ()
        self.targets: Sequence[Edge] | None = None
        self._executed: set[int] | None = None

    def __enter__(self) -> Task:
        self._before = mode.enabled
        mode.enabled = self.recording
        _tasks.stack.append(self)
        return self

    def __exit__(self, *exc: object) -> None:
        mode.enabled = self._before
        _tasks.stack.pop()

    def executes(self, edge: Edge) -> bool:
        """Return whether the walk comes to a node or leaf; the node of several outputs stands for each of them."""
        if self._executed is None:
            executed: set[int] = set()
            needed = None if self.targets is None else _needed_nodes([r for r, _ in self.roots], self.targets)
            wanted = None if self.targets is None else {id(t) for t in self.targets}
            stack = [r for r, _ in self.roots]
            while stack:
                e = stack.pop()
                if e is None or id(e) in executed:
                    continue
                through = isinstance(e, Node) and (needed is None or e.number in needed)
                if wanted is None or through or id(e) in wanted:
                    executed.add(id(e))
                if through:
                    stack.extend(e.parents)
            self._executed = executed
        return id(edge) in self._executed


def current_task() -> Task | None:
    """Return the walk that this thread is in, or None."""
    return _tasks.stack[-1] if _tasks.stack else None


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    r"""Accumulate the gradients of ``tensors`` into the leaves they were computed from.

    For outputs :math:`y_i` with gradients :math:`g_i`, every leaf :math:`x` gets
    :math:`x.grad \mathrel{+}= \sum_i g_i^T \, \partial y_i / \partial x`.

    Args:
        tensors: one tensor or a sequence of them, or of ``GradientEdge``.
        grad_tensors: their gradients, of the same shapes; None (default) means 1 for a one-element tensor.
        retain_graph: keep the graph for another backward; defaults to ``create_graph``.
        create_graph: record the gradient computation, for higher derivatives.
        grad_variables: deprecated name of ``grad_tensors``.
        inputs: accumulate only into these tensors; all leaves by default.

    Raises:
        RuntimeError: a tensor does not require grad, a gradient has the wrong shape, the graph was freed by
            an earlier backward, or a saved tensor was changed in place.

    Source: ``torch.autograd.backward``.

    Example:
        >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
        >>> torch.autograd.backward((x * x).sum())
        >>> x.grad
        tensor([2., 4.])
    """
    if grad_variables is not None:
        warnings.warn("`grad_variables` is deprecated. Use `grad_tensors` instead.", FutureWarning, stacklevel=2)
        if grad_tensors is not None:
            raise RuntimeError(
                "`grad_tensors` and `grad_variables` (deprecated) arguments both passed to `backward()`. Please only "
                "use `grad_tensors`."
            )
        grad_tensors = grad_variables
    if isinstance(inputs, dict):
        inputs = tuple(inputs.values())
    tensors = _as_tuple(tensors)
    gradients = (None,) * len(tensors) if grad_tensors is None else _as_tuple(grad_tensors)
    if len(gradients) != len(tensors):
        raise RuntimeError(f"got {len(tensors)} tensors and {len(gradients)} gradients")
    if inputs is not None:
        inputs = _as_tuple(inputs)
        if not inputs:
            raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    retain = create_graph if retain_graph is None else retain_graph
    with Task(create_graph) as task, profiler.walking("autograd::backward"):
        # Rules that are given tensors carry tangents on; under no_grad they record nothing.
        with_tensors = create_graph or tangents.active()
        roots = task.roots = _roots(tensors, gradients, with_tensors)
        task.retain = retain
        del gradients, grad_tensors
        targets = None
        if inputs is not None:
            targets = [edge_of(t) for t in inputs]
            if any(t is None for t in targets):
                raise RuntimeError("One of the differentiated Tensors does not require grad")
            task.targets = targets
            for tensor, target in zip(inputs, targets, strict=True):
                # An intermediate result keeps its gradient, from now on.
                if target is not tensor and isinstance(tensor, TensorBase) and isinstance(target, Node):
                    node_hooks(target).retained = weakref.ref(tensor)
        leaves, _ = walk(roots, retain_graph=retain, create_graph=with_tensors, targets=targets)
        for key in list(leaves):
            leaf, g, owns = leaves.pop(key)
            if with_tensors and not create_graph:
                g = (g.array if isinstance(g, TensorBase) else g).copy()
            _accumulate(leaf, g, owns, create_graph)
            del g


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> Any:
    r"""Return the gradients of ``outputs`` with respect to ``inputs``, :math:`\sum_i g_i^T \partial y_i/\partial x`.

    Args:
        outputs: one tensor or a sequence of them.
        inputs: the tensors to differentiate with respect to, leaves or intermediate results: one, a sequence, or
            a dictionary of them.
        grad_outputs: the gradients :math:`g_i` of the outputs; None means 1 for a one-element output.
        retain_graph: keep the graph for another walk; defaults to ``create_graph``.
        create_graph: record the gradient computation, for higher derivatives.
        only_inputs: deprecated and without effect.
        allow_unused: return None for an input that the outputs do not depend on, instead of raising;
            defaults to ``materialize_grads``.
        is_grads_batched: the first dimension of each ``grad_outputs`` is a batch of gradients; the walk is
            repeated for each of them and the results are stacked.
        materialize_grads: return zeros for unused inputs.

    Returns:
        A tuple with one gradient per input, of the input's shape; for a dictionary, one with the same keys.

    Raises:
        RuntimeError: an output or input does not require grad, or an input is unused.

    Source: ``torch.autograd.grad``.

    Example:
        >>> x = torch.tensor(3.0, requires_grad=True)
        >>> (g,) = torch.autograd.grad(x**3, x, create_graph=True)
        >>> torch.autograd.grad(g, x)
        (tensor(18.),)
    """
    if isinstance(inputs, dict):
        found = grad(
            outputs,
            tuple(inputs.values()),
            grad_outputs,
            retain_graph,
            create_graph,
            only_inputs,
            allow_unused,
            is_grads_batched,
            materialize_grads,
        )
        return dict(zip(inputs, found, strict=True))
    if not only_inputs:
        warnings.warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True). To accumulate gradient for "
            "other parts of the graph, please use torch.autograd.backward.",
            FutureWarning,
            stacklevel=2,
        )
    outputs, inputs = _as_tuple(outputs), _as_tuple(inputs)
    gradients = (None,) * len(outputs) if grad_outputs is None else _as_tuple(grad_outputs)
    if len(gradients) != len(outputs):
        raise RuntimeError(f"got {len(outputs)} outputs and {len(gradients)} grad_outputs")
    if allow_unused is False and materialize_grads:
        raise ValueError("Expected allow_unused to be True or not passed when materialize_grads=True, but got: False.")
    allow_unused = materialize_grads if allow_unused is None else allow_unused
    retain = create_graph if retain_graph is None else retain_graph
    if is_grads_batched:
        return _grad_batched(outputs, inputs, gradients, retain, create_graph, allow_unused, materialize_grads)
    with Task(create_graph) as task, profiler.walking("autograd::grad"):
        with_tensors = create_graph or tangents.active()
        roots = task.roots = _roots(outputs, gradients, with_tensors)
        task.retain = retain
        targets = task.targets = [edge_of(t) for t in inputs]
        for i, target in enumerate(targets):
            if target is None:
                raise RuntimeError(
                    f"One of the differentiated Tensors does not require grad: input {i} of shape "
                    f"{list(inputs[i].array.shape)}. Set requires_grad=True before it is used"
                )
        leaves, found = walk(roots, retain_graph=retain, create_graph=with_tensors, targets=targets)
        results: list[Any] = []
        for i, (tensor, target) in enumerate(zip(inputs, targets, strict=True)):
            if isinstance(target, TensorBase):
                g = leaves[id(target)][1] if id(target) in leaves else None
                if g is not None and tensor._hooks is not None:
                    g = run_tensor_hooks(tensor, g)
            else:
                g = found.get(id(target))
            if g is None:
                if not allow_unused:
                    raise RuntimeError(
                        "One of the differentiated Tensors appears to not have been used in the graph: "
                        f"input {i} of shape {list(tensor.array.shape)}. Set allow_unused=True if this is "
                        "the desired behavior."
                    )
                zeros = wrap(np.zeros_like(tensor.array)) if materialize_grads else None
                if zeros is not None:
                    zeros._requires_grad = create_graph
                results.append(zeros)
            else:
                results.append(g if isinstance(g, TensorBase) else wrap(g))
        return tuple(_unaliased(results))


def _unaliased(results: list[Any]) -> list[Any]:
    """Copy arrays that two results, or a result and somebody else, would share."""
    seen: set[int] = set()
    for i, r in enumerate(results):
        if r is None or edge_of(r) is not None:
            continue
        array = r.array
        if array.base is not None or id(array) in seen or not array.flags.writeable:
            results[i] = wrap(array.copy())
        seen.add(id(array))
    return results


def _grad_batched(
    outputs: tuple[Any, ...],
    inputs: tuple[Any, ...],
    gradients: tuple[Any, ...],
    retain: bool,
    create_graph: bool,
    allow_unused: bool,
    materialize_grads: bool,
) -> tuple[Any, ...]:
    if any(g is None for g in gradients):
        raise RuntimeError("is_grads_batched=True needs explicit grad_outputs with a batch dimension")
    sizes = {g.array.shape[0] for g in gradients}
    if len(sizes) != 1:
        raise RuntimeError(f"grad_outputs have different batch sizes: {sorted(sizes)}")
    size = sizes.pop()
    rows = [
        grad(
            outputs,
            inputs,
            [g[b] for g in gradients],
            retain_graph=retain or b < size - 1,
            create_graph=create_graph,
            allow_unused=allow_unused,
            materialize_grads=materialize_grads,
        )
        for b in range(size)
    ]
    results: list[Any] = []
    for column in zip(*rows, strict=True):
        if column[0] is None:
            results.append(None)
        elif create_graph:
            from tinygrad_hw.autograd.basics import stack

            results.append(stack(*column, dim=0))
        else:
            results.append(wrap(np.stack([c.array for c in column])))
    return tuple(results)
