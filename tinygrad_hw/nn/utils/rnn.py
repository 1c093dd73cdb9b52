"""Sequences of unequal lengths: padded, packed, and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.ops.from_data import as_tensor
from tinygrad_hw.ops.index_select import index_select
from tinygrad_hw.ops.packing import pack_rows, pad_rows, stack_padded
from tinygrad_hw.ops.permutation import transpose
from tinygrad_hw.tensor import Tensor

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]

P = TypeVar("P", bound="PackedSequence")


class _Fields(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Fields):
    """A batch of sequences of unequal lengths without padding; made by ``pack_padded_sequence`` and ``pack_sequence``.

    Rows of the first step come first, longest sequence first, then those of the second step, and so on: ``abc`` and
    ``x`` become data ``axbc`` with batch sizes 2, 1, 1. Recurrent layers take and return such sequences.

    Args:
        data: (total length, ...), of any dtype.
        batch_sizes: int64, how many sequences there are at each step.
        sorted_indices: int64, the place of each sequence in the batch that was packed; None if it was sorted.
        unsorted_indices: the inverse of ``sorted_indices``, which it is made from by default.

    Attributes:
        data: the rows.
        batch_sizes: sequences at each step.
        sorted_indices: see above.
        unsorted_indices: see above.

    Source: ``torch.nn.utils.rnn.PackedSequence``.

    Example:
        >>> packed = torch.nn.utils.rnn.pack_sequence([torch.tensor([1, 2, 3]), torch.tensor([4])])
        >>> packed.data
        tensor([1, 4, 2, 3])
        >>> packed.batch_sizes
        tensor([2, 1, 1])
    """

    def __new__(  # noqa: D102 - documented with the class
        cls: type[P],
        data: Any,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> P:
        if batch_sizes is None:
            if not (isinstance(data, (list, tuple)) and len(data) == 2):
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def _converted(self: P, data: Tensor) -> P:
        return self if data is self.data else type(self)(data, self.batch_sizes, *self[2:])

    def to(self: P, *args: Any, **kwargs: Any) -> P:
        """Convert the data as ``Tensor.to`` does; return the sequence itself if there is nothing to do."""
        return self._converted(self.data.to(*args, **kwargs))

    def cpu(self: P) -> P:
        """Return the sequence, which is on the CPU already."""
        return self

    def cuda(self: P, *args: Any, **kwargs: Any) -> P:
        """Raise: there is only the CPU.

        Raises:
            RuntimeError: always.
        """
        return self._converted(self.data.cuda(*args, **kwargs))

    def pin_memory(self: P) -> P:
        """Return the sequence: memory of the CPU needs no pinning here."""
        return self

    def double(self: P) -> P:
        """Convert the data to float64."""
        return self._converted(self.data.double())

    def float(self: P) -> P:
        """Convert the data to float32."""
        return self._converted(self.data.float())

    def half(self: P) -> P:
        """Convert the data to float16."""
        return self._converted(self.data.half())

    def long(self: P) -> P:
        """Convert the data to int64."""
        return self._converted(self.data.long())

    def int(self: P) -> P:
        """Convert the data to int32."""
        return self._converted(self.data.int())

    def short(self: P) -> P:
        """Convert the data to int16."""
        return self._converted(self.data.short())

    def char(self: P) -> P:
        """Convert the data to int8."""
        return self._converted(self.data.char())

    def byte(self: P) -> P:
        """Convert the data to uint8."""
        return self._converted(self.data.byte())

    @property
    def is_cuda(self) -> bool:
        """False."""
        return False

    def is_pinned(self) -> bool:
        """Return False."""
        return False


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """Return the permutation that undoes another one; None for None.

    Args:
        permutation: (n,), the integers below n.

    Source: ``torch.nn.utils.rnn.invert_permutation``.

    Example:
        >>> torch.nn.utils.rnn.invert_permutation(torch.tensor([2, 0, 1]))
        tensor([1, 2, 0])
    """
    if permutation is None:
        return None
    out = np.empty_like(permutation.array)
    out[permutation.array] = np.arange(out.size, dtype=out.dtype)
    return Tensor._wrap(out)


def _lengths(lengths: Any) -> Any:
    """Return lengths as an int64 array."""
    array = lengths.array if isinstance(lengths, TensorBase) else np.asarray(lengths)
    return array.astype(np.int64)


def pack_padded_sequence(
    input: Tensor,
    lengths: Tensor | Sequence[int],
    batch_first: bool = False,
    enforce_sorted: bool = True,
) -> PackedSequence:
    """Pack a padded batch of sequences.

    Args:
        input: (T, B, ...), or (B, T, ...) if ``batch_first``.
        lengths: (B,), the length of each sequence.
        batch_first: see ``input``.
        enforce_sorted: whether the sequences must come by falling length; otherwise they are sorted, and recurrent
            layers and ``pad_packed_sequence`` undo it.

    Raises:
        RuntimeError: the number of lengths is not B, a length is not positive or more than T, or the lengths are not
            sorted though they must be.

    Source: ``torch.nn.utils.rnn.pack_padded_sequence``.

    Example:
        >>> x = torch.tensor([[1, 2, 0], [3, 0, 0], [4, 5, 6]])
        >>> rnn = torch.nn.utils.rnn
        >>> packed = rnn.pack_padded_sequence(x, [2, 1, 3], batch_first=True, enforce_sorted=False)
        >>> packed.data
        tensor([4, 1, 3, 5, 2, 6])
        >>> packed.sorted_indices
        tensor([2, 0, 1])
    """
    if input.ndim < 2:
        raise IndexError(
            f"pack_padded_sequence: Dimension out of range: input must be (T, B, ...) or (B, T, ...), but its shape "
            f"is {list(input.shape)}"
        )
    sizes = _lengths(lengths)
    batch, steps = input.shape[0 if batch_first else 1], input.shape[1 if batch_first else 0]
    if sizes.ndim != 1 or sizes.size != batch:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {sizes.size} (batch_size={batch}); the batch "
            f"is dimension {0 if batch_first else 1} of input {list(input.shape)}, see batch_first"
        )
    if batch == 0:
        raise RuntimeError("pack_padded_sequence: Cannot pack empty tensors")
    order = None
    if not enforce_sorted:
        order = np.argsort(-sizes, kind="stable")
        sizes = sizes[order]
    if sizes.min() <= 0:
        raise RuntimeError(
            f"Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0: "
            f"{sizes.min()}"
        )
    if (sizes[1:] > sizes[:-1]).any():
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
            "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if you "
            "do not need ONNX exportability."
        )
    if sizes[0] > steps:
        raise RuntimeError(
            f"pack_padded_sequence: Expected lengths of at most {steps}, the padded length, but got {sizes[0]}"
        )
    indices = None if order is None else Tensor._wrap(order)
    if indices is not None:
        input = index_select(input, 0 if batch_first else 1, indices)
    if batch_first:
        input = transpose(input, 0, 1)
    counts = (sizes[None] > np.arange(sizes[0])[:, None]).sum(1)
    data = pack_rows(input, sizes=tuple(counts.tolist()))
    return PackedSequence(data, Tensor._wrap(counts), indices, None)


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Undo ``pack_padded_sequence``.

    Args:
        sequence: what was packed.
        batch_first: whether the result is (B, T, ...) instead of (T, B, ...).
        padding_value: what stands after a sequence's end.
        total_length: T; the length of the longest sequence by default.

    Returns:
        The padded batch, in the order in which it was packed, and the lengths (B,).

    Raises:
        ValueError: ``total_length`` is less than the longest sequence.

    Source: ``torch.nn.utils.rnn.pad_packed_sequence``.

    Example:
        >>> packed = torch.nn.utils.rnn.pack_sequence([torch.tensor([1, 2, 3]), torch.tensor([4])])
        >>> padded, lengths = torch.nn.utils.rnn.pad_packed_sequence(packed, batch_first=True)
        >>> padded
        tensor([[1, 2, 3],
                [4, 0, 0]])
        >>> lengths
        tensor([3, 1])
    """
    counts = sequence.batch_sizes.array
    longest = len(counts)
    if total_length is not None:
        if total_length < longest:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in input, but got "
                f"total_length={total_length} and max sequence length being {longest}"
            )
        longest = total_length
    out = pad_rows(sequence.data, sizes=tuple(counts.tolist()), value=padding_value, total=longest)
    if batch_first:
        out = transpose(out, 0, 1)
    lengths = (counts[:, None] > np.arange(counts[0])[None]).sum(0)
    if sequence.unsorted_indices is not None:
        out = index_select(out, 0 if batch_first else 1, sequence.unsorted_indices)
        lengths = lengths[sequence.unsorted_indices.array]
    return out, Tensor._wrap(lengths)


def pad_sequence(
    sequences: Tensor | Iterable[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Stack sequences of unequal lengths, padded to that of the longest.

    Args:
        sequences: tensors (length, ...) that agree in all other dimensions.
        batch_first: whether the result is (B, T, ...) instead of (T, B, ...).
        padding_value: what is put before or after them.
        padding_side: ``"right"`` to put it after them, ``"left"`` to put it before.

    Raises:
        RuntimeError: the list is empty, the sizes do not agree, or the side is unknown.
        TypeError: an element is no tensor.

    Source: ``torch.nn.utils.rnn.pad_sequence``.

    Example:
        >>> torch.nn.utils.rnn.pad_sequence([torch.tensor([1, 2, 3]), torch.tensor([4])], batch_first=True)
        tensor([[1, 2, 3],
                [4, 0, 0]])
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    items: list[Any] = list(sequences)
    if not items:
        raise RuntimeError("pad_sequence: received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    for i, item in enumerate(items):
        if not isinstance(item, TensorBase):
            raise TypeError(
                f"pad_sequence: expected Tensor as element {i} in argument 0, but got {type(item).__name__}"
            )
        if item.array.ndim == 0 or item.array.shape[1:] != items[0].array.shape[1:]:
            raise RuntimeError(
                f"pad_sequence: sequences must be (length, ...) with the same other dimensions, but the first has "
                f"shape {list(items[0].array.shape)} and number {i} has {list(item.array.shape)}"
            )
    kind = items[0].dtype
    items = [item if item.dtype is kind else item.to(kind) for item in items]
    result: Tensor = stack_padded(*items, batch_first=batch_first, value=padding_value, left=padding_side == "left")
    return result


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """Undo ``pad_sequence``.

    Args:
        padded_sequences: (T, B, ...), or (B, T, ...) if ``batch_first``.
        lengths: (B,).
        batch_first: see ``padded_sequences``.

    Returns:
        The sequences.

    Source: ``torch.nn.utils.rnn.unpad_sequence``.

    Example:
        >>> padded = torch.tensor([[1, 2, 3], [4, 0, 0]])
        >>> torch.nn.utils.rnn.unpad_sequence(padded, torch.tensor([3, 1]), batch_first=True)
        [tensor([1, 2, 3]), tensor([4])]
    """
    batch: Any = padded_sequences if batch_first else transpose(padded_sequences, 0, 1)
    return [sequence[: int(n)] for sequence, n in zip(batch, _lengths(lengths), strict=True)]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack a list of sequences of unequal lengths.

    Args:
        sequences: tensors (length, ...) that agree in all other dimensions.
        enforce_sorted: see ``pack_padded_sequence``.

    Source: ``torch.nn.utils.rnn.pack_sequence``.

    Example:
        >>> sequences = [torch.tensor([1, 2, 3]), torch.tensor([4, 5]), torch.tensor([6])]
        >>> torch.nn.utils.rnn.pack_sequence(sequences).data
        tensor([1, 4, 6, 2, 5, 3])
    """
    lengths = as_tensor([v.shape[0] for v in sequences])
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """Undo ``pack_sequence``.

    Args:
        packed_sequences: what was packed.

    Returns:
        The sequences.

    Source: ``torch.nn.utils.rnn.unpack_sequence``.

    Example:
        >>> packed = torch.nn.utils.rnn.pack_sequence([torch.tensor([1, 2, 3]), torch.tensor([4])])
        >>> torch.nn.utils.rnn.unpack_sequence(packed)
        [tensor([1, 2, 3]), tensor([4])]
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
