"""Nested containers, taken apart into leaves and a specification, and put together again, as ``torch.utils._pytree``.

Tuples, lists, dictionaries (also ordered ones and those with a default), named tuples and deques are containers, and so
are classes that were registered; everything else, None included, is a leaf.
"""

from __future__ import annotations

import types
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

__all__ = [
    "GetAttrKey",
    "LeafSpec",
    "MappingKey",
    "PyTree",
    "PyTreeSpec",
    "SequenceKey",
    "TreeSpec",
    "is_namedtuple",
    "is_namedtuple_class",
    "is_namedtuple_instance",
    "key_get",
    "keystr",
    "map_only",
    "register_pytree_node",
    "tree_all",
    "tree_all_only",
    "tree_any",
    "tree_any_only",
    "tree_flatten",
    "tree_flatten_with_path",
    "tree_is_leaf",
    "tree_iter",
    "tree_leaves",
    "tree_leaves_with_path",
    "tree_map",
    "tree_map_",
    "tree_map_only",
    "tree_map_only_",
    "tree_map_with_path",
    "tree_structure",
    "tree_unflatten",
]

PyTree = Any
IsLeaf = Callable[[Any], bool] | None


class SequenceKey(NamedTuple):
    """A place in a sequence, in the path of a leaf."""

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx!r}]"

    def get(self, parent: Any) -> Any:
        """Return what is there."""
        return parent[self.idx]


class MappingKey(NamedTuple):
    """A key of a dictionary, in the path of a leaf."""

    key: Any

    def __str__(self) -> str:
        return f"[{self.key!r}]"

    def get(self, parent: Any) -> Any:
        """Return what is there."""
        return parent[self.key]


class GetAttrKey(NamedTuple):
    """A field of a named tuple, in the path of a leaf."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"

    def get(self, parent: Any) -> Any:
        """Return what is there."""
        return getattr(parent, self.name)


def is_namedtuple_class(cls: Any) -> bool:
    """Return whether a class is one of named tuples.

    Example:
        >>> from collections import namedtuple
        >>> torch.utils._pytree.is_namedtuple_class(namedtuple("Point", "x y"))
        True
    """
    fields = getattr(cls, "_fields", None)
    return (
        isinstance(cls, type)
        and issubclass(cls, tuple)
        and isinstance(fields, tuple)
        and all(type(f) is str for f in fields)
        and callable(getattr(cls, "_make", None))
        and callable(getattr(cls, "_asdict", None))
    )


def is_namedtuple_instance(obj: Any) -> bool:
    """Return whether an object is a named tuple.

    Example:
        >>> torch.utils._pytree.is_namedtuple_instance((1, 2))
        False
    """
    return is_namedtuple_class(type(obj))


def is_namedtuple(obj: Any) -> bool:
    """Return whether an object is a named tuple, or a class of them.

    Example:
        >>> torch.utils._pytree.is_namedtuple(tuple)
        False
    """
    return is_namedtuple_class(obj if isinstance(obj, type) else type(obj))


class _Kind(NamedTuple):
    """How a container is taken apart and put together."""

    #: To children and a context.
    split: Callable[[Any], tuple[list[Any], Any]]
    join: Callable[[Any, Any], Any]
    #: To (key, child) pairs and a context.
    keyed: Callable[[Any], tuple[list[tuple[Any, Any]], Any]] | None


def _numbered(values: Any) -> list[tuple[Any, Any]]:
    return [(SequenceKey(i), v) for i, v in enumerate(values)]


def _mapped(d: Any) -> list[tuple[Any, Any]]:
    return [(MappingKey(k), v) for k, v in d.items()]


#: The built-in containers. All named tuples stand under the function that makes their classes.
_BUILTIN: dict[Any, _Kind] = {
    tuple: _Kind(lambda t: (list(t), None), lambda v, _: tuple(v), lambda t: (_numbered(t), None)),
    list: _Kind(lambda t: (t, None), lambda v, _: list(v), lambda t: (_numbered(t), None)),
    dict: _Kind(
        lambda d: (list(d.values()), list(d)),
        lambda v, keys: dict(zip(keys, v, strict=True)),
        lambda d: (_mapped(d), list(d)),
    ),
    namedtuple: _Kind(
        lambda t: (list(t), type(t)),
        lambda v, cls: cls(*v),
        lambda t: ([(GetAttrKey(n), v) for n, v in zip(t._fields, t, strict=True)], type(t)),
    ),
    OrderedDict: _Kind(
        lambda d: (list(d.values()), list(d)),
        lambda v, keys: OrderedDict(zip(keys, v, strict=True)),
        lambda d: (_mapped(d), list(d)),
    ),
    defaultdict: _Kind(
        lambda d: (list(d.values()), [d.default_factory, list(d)]),
        lambda v, context: defaultdict(context[0], zip(context[1], v, strict=True)),
        lambda d: (_mapped(d), [d.default_factory, list(d)]),
    ),
    deque: _Kind(
        lambda d: (list(d), d.maxlen),
        lambda v, length: deque(v, maxlen=length),
        lambda d: (_numbered(d), d.maxlen),
    ),
}
_DICTS = (dict, OrderedDict, defaultdict)
_kinds: dict[Any, _Kind] = dict(_BUILTIN)


def register_pytree_node(
    cls: type,
    flatten_fn: Callable[[Any], tuple[list[Any], Any]],
    unflatten_fn: Callable[[Iterable[Any], Any], Any],
    *,
    serialized_type_name: str | None = None,
    to_dumpable_context: Callable[[Any], Any] | None = None,
    from_dumpable_context: Callable[[Any], Any] | None = None,
    flatten_with_keys_fn: Callable[[Any], tuple[list[tuple[Any, Any]], Any]] | None = None,
) -> None:
    """Make a class a container.

    Args:
        cls: the class.
        flatten_fn: returns an object's children and a context.
        unflatten_fn: makes an object of children and context.
        serialized_type_name: accepted; specifications are not written to files.
        to_dumpable_context: likewise.
        from_dumpable_context: likewise.
        flatten_with_keys_fn: returns (key, child) pairs and the context, for the functions with paths.

    Raises:
        ValueError: the class is registered already.

    Source: ``torch.utils._pytree.register_pytree_node``.

    Example:
        >>> pytree = torch.utils._pytree
        >>> class Pair:
        ...     def __init__(self, a, b):
        ...         self.a, self.b = a, b
        >>> pytree.register_pytree_node(Pair, lambda p: ([p.a, p.b], None), lambda leaves, _: Pair(*leaves))
        >>> pytree.tree_leaves([Pair(1, 2), 3])
        [1, 2, 3]
    """
    if cls in _kinds:
        raise ValueError(f"{cls} is already registered as pytree node.")
    if (to_dumpable_context is None) != (from_dumpable_context is None):
        raise ValueError(f"Both to_dumpable_context and from_dumpable_context for {cls} must be None or registered.")
    _kinds[cls] = _Kind(flatten_fn, unflatten_fn, flatten_with_keys_fn)


def _kind_of(tree: Any) -> Any:
    cls = type(tree)
    return namedtuple if is_namedtuple_class(cls) else cls


class TreeSpec:
    """How a tree is built.

    Attributes:
        type: the container's class (``collections.namedtuple`` for all named tuples), None for a leaf.
        context: what else is needed to make one: keys, a maximal length.
        num_leaves: how many leaves there are.
        num_nodes: how many leaves and containers.
        num_children: how many children the container has.

    Source: ``torch.utils._pytree.TreeSpec``.
    """

    __slots__ = ("_children", "_context", "num_children", "num_leaves", "num_nodes", "type")

    def __init__(self, type: Any, context: Any, children_specs: list[TreeSpec]) -> None:
        if type is None and (context is not None or children_specs):
            raise AssertionError("a leaf has neither context nor children")
        self.type = type
        self._context = context
        self._children = children_specs
        self.num_children = len(children_specs)
        self.num_nodes: int = 1 + sum(c.num_nodes for c in children_specs)
        self.num_leaves: int = 1 if type is None else sum(c.num_leaves for c in children_specs)

    @property
    def context(self) -> Any:
        """What is needed, besides the children, to make the container."""
        return self._context

    def is_leaf(self) -> bool:
        """Return whether this is the specification of a leaf."""
        return self.num_nodes == 1 and self.num_leaves == 1

    def children(self) -> list[TreeSpec]:
        """Return the children's specifications."""
        return list(self._children)

    def child(self, index: int) -> TreeSpec:
        """Return the specification of one child."""
        return self._children[index]

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        """Return a tree with these leaves.

        Raises:
            ValueError: there are more or fewer than ``num_leaves``.
        """
        values = leaves if isinstance(leaves, (list, tuple)) else list(leaves)
        if len(values) != self.num_leaves:
            raise ValueError(
                f"treespec.unflatten(leaves): `leaves` has length {len(values)} but the spec refers to a pytree that "
                f"holds {self.num_leaves} items ({self})."
            )
        return self._build(iter(values))

    def _build(self, leaves: Iterator[Any]) -> Any:
        if self.type is None:
            return next(leaves)
        return _kinds[self.type].join([c._build(leaves) for c in self._children], self._context)

    def flatten_up_to(self, tree: Any) -> list[Any]:
        """Return the parts of another tree that stand where this one has leaves.

        Raises:
            ValueError: the other tree is built otherwise.
        """
        parts: list[Any] = []
        self._collect(tree, parts)
        return parts

    def _collect(self, tree: Any, parts: list[Any]) -> None:
        if self.type is None:
            parts.append(tree)
            return
        kind = _kind_of(tree)
        builtin = self.type in _BUILTIN
        dicts = self.type in _DICTS and kind in _DICTS
        if kind != self.type and not dicts:
            raise ValueError(
                f"{'Node type' if builtin else 'Type'} mismatch; expected {self.type!r}, but got {kind!r}."
            )
        children, context = _kinds[kind].split(tree)
        if len(children) != self.num_children:
            raise ValueError(f"Node arity mismatch; expected {self.num_children}, but got {len(children)}.")
        if dicts:
            keys = self._context[1] if self.type is defaultdict else self._context
            missing, extra = set(keys) - set(tree), set(tree) - set(keys)
            if missing or extra:
                message = f"; missing key(s): {missing}" if missing else ""
                message += f"; extra key(s): {extra}" if extra else ""
                raise ValueError(f"Node keys mismatch{message}.")
            children = [tree[k] for k in keys]
        elif kind is not deque and context != self._context:
            if not builtin:
                raise ValueError(f"Node context mismatch for custom node type {self.type!r}.")
            raise ValueError(
                f"Node context mismatch for node type {self.type!r}; expected {self._context!r}, but got {context!r}."
            )
        for spec, child in zip(self._children, children, strict=True):
            spec._collect(child, parts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TreeSpec):
            return NotImplemented
        return self is other or (
            self.type is other.type and self._context == other._context and self._children == other._children
        )

    def __hash__(self) -> int:
        context = self._context
        if self.type is defaultdict:
            context = (context[0], tuple(context[1]))
        elif self.type in _DICTS:
            context = tuple(context)
        elif self.type is not None and self.type not in _BUILTIN:
            context = None
        return hash((self.type, context, tuple(self._children)))

    def __repr__(self, indent: int = 0) -> str:
        if self.type is None:
            return "*"
        children = (",\n" + " " * (indent + 2)).join(c.__repr__(indent + 2) for c in self._children)
        return f"TreeSpec({self.type.__name__}, {self._context}, [{children}])"


PyTreeSpec = TreeSpec


class LeafSpec(TreeSpec):
    """The specification of a leaf.

    Source: ``torch.utils._pytree.LeafSpec``.
    """

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(None, None, [])


_LEAF = LeafSpec()


def tree_is_leaf(tree: Any, is_leaf: IsLeaf = None) -> bool:
    """Return whether something is a leaf: no container, or one that ``is_leaf`` holds for.

    Example:
        >>> torch.utils._pytree.tree_is_leaf(None), torch.utils._pytree.tree_is_leaf([])
        (True, False)
    """
    return (is_leaf is not None and bool(is_leaf(tree))) or _kind_of(tree) not in _kinds


def tree_flatten(tree: Any, is_leaf: IsLeaf = None) -> tuple[list[Any], TreeSpec]:
    """Return the leaves of a tree and how it is built.

    Args:
        tree: nested containers.
        is_leaf: says of containers whether they shall count as leaves.

    Source: ``torch.utils._pytree.tree_flatten``.

    Example:
        >>> leaves, spec = torch.utils._pytree.tree_flatten({"a": 1, "b": (2, None)})
        >>> leaves
        [1, 2, None]
        >>> spec.unflatten("xyz".upper())
        {'a': 'X', 'b': ('Y', 'Z')}
    """
    leaves: list[Any] = []

    def walk(node: Any) -> TreeSpec:
        if tree_is_leaf(node, is_leaf):
            leaves.append(node)
            return _LEAF
        kind = _kind_of(node)
        children, context = _kinds[kind].split(node)
        return TreeSpec(kind, context, [walk(c) for c in children])

    spec = walk(tree)
    return leaves, spec


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> Any:
    """Return a tree with these leaves, built as ``treespec`` says.

    Raises:
        TypeError: ``treespec`` is none.
        ValueError: the number of leaves is another.

    Source: ``torch.utils._pytree.tree_unflatten``.

    Example:
        >>> pytree = torch.utils._pytree
        >>> pytree.tree_unflatten([1, 2], pytree.tree_structure(["a", ("b",)]))
        [1, (2,)]
    """
    if not isinstance(treespec, TreeSpec):
        if not isinstance(leaves, TreeSpec):
            raise TypeError(
                f"Expected `treespec` to be an instance of PyTreeSpec but got item of type {type(treespec)}."
            )
        leaves, treespec = treespec, leaves
    return treespec.unflatten(leaves)


def tree_iter(tree: Any, is_leaf: IsLeaf = None) -> Iterator[Any]:
    """Yield the leaves of a tree.

    Example:
        >>> sum(torch.utils._pytree.tree_iter({"a": 1, "b": [2, 3]}))
        6
    """
    if tree_is_leaf(tree, is_leaf):
        yield tree
        return
    for child in _kinds[_kind_of(tree)].split(tree)[0]:
        yield from tree_iter(child, is_leaf)


def tree_leaves(tree: Any, is_leaf: IsLeaf = None) -> list[Any]:
    """Return the leaves of a tree.

    Example:
        >>> torch.utils._pytree.tree_leaves({"a": 1, "b": [2, 3]})
        [1, 2, 3]
    """
    return list(tree_iter(tree, is_leaf))


def tree_structure(tree: Any, is_leaf: IsLeaf = None) -> TreeSpec:
    """Return how a tree is built.

    Example:
        >>> torch.utils._pytree.tree_structure((1, [2]))
        TreeSpec(tuple, None, [*,
          TreeSpec(list, None, [*])])
    """
    return tree_flatten(tree, is_leaf)[1]


def tree_map(func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: IsLeaf = None) -> Any:
    """Return the tree with ``func`` applied to each leaf, and to what stands there in further trees.

    Args:
        func: takes as many arguments as there are trees.
        tree: nested containers.
        *rests: trees built alike; where ``tree`` has a leaf they may have more.
        is_leaf: says of containers whether they shall count as leaves.

    Raises:
        ValueError: the trees do not match.

    Source: ``torch.utils._pytree.tree_map``.

    Example:
        >>> torch.utils._pytree.tree_map(lambda a, b: a + b, {"x": 1, "y": (2, 3)}, {"x": 10, "y": (20, 30)})
        {'x': 11, 'y': (22, 33)}
    """
    leaves, spec = tree_flatten(tree, is_leaf)
    return spec.unflatten(map(func, leaves, *(spec.flatten_up_to(r) for r in rests)))


def tree_map_(func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: IsLeaf = None) -> Any:
    """Call ``func`` for each leaf and return the tree itself.

    Example:
        >>> _ = torch.utils._pytree.tree_map_(print, [1, (2,)])
        1
        2
    """
    leaves, spec = tree_flatten(tree, is_leaf)
    for arguments in zip(leaves, *(spec.flatten_up_to(r) for r in rests), strict=True):
        func(*arguments)
    return tree


def map_only(type_or_types_or_pred: Any, /) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    """Return a decorator that makes a function leave alone what is not of a type, or a predicate does not hold for.

    Raises:
        TypeError: the argument is neither a type, a tuple of types, nor a function.

    Example:
        >>> twice = torch.utils._pytree.map_only(int)(lambda x: x * 2)
        >>> twice(2), twice("a")
        (4, 'a')
    """
    holds: Callable[[Any], bool]
    if isinstance(type_or_types_or_pred, (type, tuple, types.UnionType)):
        kinds = type_or_types_or_pred

        def holds(x: Any) -> bool:
            return isinstance(x, kinds)

    elif callable(type_or_types_or_pred):
        holds = type_or_types_or_pred
    else:
        raise TypeError("Argument must be a type, a tuple of types, or a callable.")

    def decorate(func: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda x: func(x) if holds(x) else x

    return decorate


def tree_map_only(type_or_types_or_pred: Any, /, func: Callable[[Any], Any], tree: Any, is_leaf: IsLeaf = None) -> Any:
    """Return the tree with ``func`` applied to the leaves of a type.

    Args:
        type_or_types_or_pred: a type, a tuple of types, or a predicate.
        func: takes a leaf.
        tree: nested containers.
        is_leaf: says of containers whether they shall count as leaves.

    Source: ``torch.utils._pytree.tree_map_only``.

    Example:
        >>> torch.utils._pytree.tree_map_only(torch.Tensor, lambda t: t.shape, {"x": torch.ones(2), "y": "a"})
        {'x': torch.Size([2]), 'y': 'a'}
    """
    return tree_map(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_map_only_(type_or_types_or_pred: Any, /, func: Callable[[Any], Any], tree: Any, is_leaf: IsLeaf = None) -> Any:
    """Call ``func`` for the leaves of a type and return the tree itself.

    Example:
        >>> _ = torch.utils._pytree.tree_map_only_(int, print, [1, "a"])
        1
    """
    return tree_map_(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_all(pred: Callable[[Any], bool], tree: Any, is_leaf: IsLeaf = None) -> bool:
    """Return whether ``pred`` holds for all leaves.

    Example:
        >>> torch.utils._pytree.tree_all(bool, [1, (0,)])
        False
    """
    return all(map(pred, tree_iter(tree, is_leaf)))


def tree_any(pred: Callable[[Any], bool], tree: Any, is_leaf: IsLeaf = None) -> bool:
    """Return whether ``pred`` holds for a leaf.

    Example:
        >>> torch.utils._pytree.tree_any(bool, [1, (0,)])
        True
    """
    return any(map(pred, tree_iter(tree, is_leaf)))


def tree_all_only(type_or_types: Any, /, pred: Callable[[Any], bool], tree: Any, is_leaf: IsLeaf = None) -> bool:
    """Return whether ``pred`` holds for all leaves of a type.

    Example:
        >>> torch.utils._pytree.tree_all_only(int, bool, [1, ("",)])
        True
    """
    return all(pred(x) for x in tree_iter(tree, is_leaf) if isinstance(x, type_or_types))


def tree_any_only(type_or_types: Any, /, pred: Callable[[Any], bool], tree: Any, is_leaf: IsLeaf = None) -> bool:
    """Return whether ``pred`` holds for a leaf of a type.

    Example:
        >>> torch.utils._pytree.tree_any_only(str, bool, [1, ("",)])
        False
    """
    return any(pred(x) for x in tree_iter(tree, is_leaf) if isinstance(x, type_or_types))


def _with_paths(path: tuple[Any, ...], tree: Any, is_leaf: IsLeaf) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if tree_is_leaf(tree, is_leaf):
        yield path, tree
        return
    kind = _kind_of(tree)
    keyed = _kinds[kind].keyed
    if keyed is None:
        raise ValueError(
            f"Did not find a flatten_with_keys_fn for type: {kind}. Please pass a flatten_with_keys_fn argument to "
            "register_pytree_node."
        )
    for key, child in keyed(tree)[0]:
        yield from _with_paths((*path, key), child, is_leaf)


def tree_leaves_with_path(tree: Any, is_leaf: IsLeaf = None) -> list[tuple[tuple[Any, ...], Any]]:
    """Return the leaves of a tree, each with the keys that lead to it.

    Raises:
        ValueError: a registered class says nothing of its keys.

    Example:
        >>> pytree = torch.utils._pytree
        >>> [(pytree.keystr(path), leaf) for path, leaf in pytree.tree_leaves_with_path([{"a": 1}])]
        [("[0]['a']", 1)]
    """
    return list(_with_paths((), tree, is_leaf))


def tree_flatten_with_path(tree: Any, is_leaf: IsLeaf = None) -> tuple[list[tuple[tuple[Any, ...], Any]], TreeSpec]:
    """Return the leaves of a tree, each with the keys that lead to it, and how the tree is built.

    Example:
        >>> torch.utils._pytree.tree_flatten_with_path([5])
        ([((SequenceKey(idx=0),), 5)], TreeSpec(list, None, [*]))
    """
    return tree_leaves_with_path(tree, is_leaf), tree_structure(tree, is_leaf)


def tree_map_with_path(func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: IsLeaf = None) -> Any:
    """Return the tree with ``func(path, leaf, ...)`` in the place of each leaf.

    Example:
        >>> torch.utils._pytree.tree_map_with_path(lambda path, x: torch.utils._pytree.keystr(path), {"a": [1, 2]})
        {'a': ["['a'][0]", "['a'][1]"]}
    """
    pairs, spec = tree_flatten_with_path(tree, is_leaf)
    others = [spec.flatten_up_to(r) for r in rests]
    return spec.unflatten(func(p, x, *o) for (p, x), *o in zip(pairs, *others, strict=True))


def keystr(kp: tuple[Any, ...]) -> str:
    """Return the path to a leaf as one writes it.

    Example:
        >>> torch.utils._pytree.keystr((torch.utils._pytree.SequenceKey(1),))
        '[1]'
    """
    return "".join(str(k) for k in kp)


def key_get(obj: Any, kp: tuple[Any, ...]) -> Any:
    """Return what a path leads to.

    Example:
        >>> torch.utils._pytree.key_get(["a", "b"], (torch.utils._pytree.SequenceKey(1),))
        'b'
    """
    for key in kp:
        obj = key.get(obj)
    return obj
