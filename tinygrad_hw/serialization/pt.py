"""PyTorch's ``.pt`` files: a zip archive with a pickle of the structure and one entry of raw bytes per storage."""

from __future__ import annotations

import math
import struct
import sys
import warnings
import zipfile
from pickle import UnpicklingError
from typing import IO, Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.graph import TensorBase, wrap
from tinygrad_hw.autograd.version import new_cell
from tinygrad_hw.device import device as Device
from tinygrad_hw.nn.parameter import Parameter
from tinygrad_hw.serialization.archive import Archive
from tinygrad_hw.serialization.pickler import PROTOCOLS, STORAGE_NAMES, dumps
from tinygrad_hw.serialization.safe import UserTrust
from tinygrad_hw.serialization.storages import Layout
from tinygrad_hw.serialization.unpickler import NUMPY_NAMES, PLAIN_NAMES, Call, Opaque, restricted_loads
from tinygrad_hw.size import Size

__all__ = ["load_pt", "save_pt"]

_ALIGNMENT = 64
#: A tensor may repeat one element in memory, but not claim sizes that no memory holds.
_MAX_ELEMENTS = 1 << 40


def save_pt(obj: Any, file: IO[bytes], pickle_protocol: int = 2) -> None:
    """Write ``obj`` to an open file in PyTorch's format.

    Args:
        obj: see :func:`tinygrad_hw.save`.
        file: open for writing bytes.
        pickle_protocol: 2, or 3 to 5, which is only noted in the file.
    """
    if pickle_protocol not in PROTOCOLS:
        raise ValueError(f"save: pickle_protocol is {pickle_protocol}; use 2, or 3, 4 or 5")
    layout = Layout()
    dumps(obj, layout.collect)
    layout.finish()
    content = dumps(obj, layout.place, pickle_protocol)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        _write(archive, "data.pkl", content)
        _write(archive, ".format_version", b"1")
        _write(archive, ".storage_alignment", str(_ALIGNMENT).encode())
        _write(archive, "byteorder", sys.byteorder.encode())
        for block in layout.blocks:
            _write(archive, f"data/{block.key}", block.content())
        _write(archive, "version", b"3\n")


def _write(archive: zipfile.ZipFile, name: str, content: Any) -> None:
    """Write an uncompressed entry whose bytes start at a multiple of 64, so that they can be mapped."""
    if isinstance(content, np.ndarray):
        content = content.view(np.uint8)  # which also dtypes have that are no buffers
    view = memoryview(content).cast("B") if len(content) else memoryview(b"")
    info = zipfile.ZipInfo(f"archive/{name}", (1980, 1, 1, 0, 0, 0))
    large = view.nbytes > 1 << 30
    at = archive.fp.tell() + 30 + len(info.filename) + (20 if large else 0)  # type: ignore[union-attr]
    padding = -(at + 4) % _ALIGNMENT
    info.extra = b"FB" + struct.pack("<H", padding) + b"Z" * padding
    with archive.open(info, "w", force_zip64=large) as entry:
        entry.write(view)


def load_pt(file: IO[bytes], name: str, map_location: Any = None, mmap: bool = False) -> Any:
    """Read what :func:`save_pt` or PyTorch wrote.

    Args:
        file: open for reading bytes, with ``seek``.
        name: of the file, for messages.
        map_location: see :func:`tinygrad_hw.load`.
        mmap: map the tensors' bytes instead of reading them; ``file`` must be a file on the disk.
    """
    archive = Archive(file, name)
    return _Reader(archive, name, map_location, mmap).read()


class _Storage(Opaque):
    """The elements of one storage, and the version that the tensors on it share.

    Attributes:
        array: (numel,), or the raw bytes of an untyped storage.
        typed: whether the elements' dtype is known.
    """

    name = "a storage (save a tensor in its place)"

    def __init__(self, array: Any, typed: bool) -> None:
        self.array = array
        self.typed = typed
        self.version = new_cell()

    def view(self, dtype: dtypes.dtype) -> Any:
        """Return the elements of an untyped storage."""
        return self.array if self.typed else self.array.view(dtype.numpy)


#: What a storage's name in the pickle says of its elements: a dtype, or the name of one that is missing here.
_STORAGE_DTYPES: dict[str, dtypes.dtype | str | None] = {name: d for d, name in STORAGE_NAMES.items()}
_STORAGE_DTYPES |= {
    "UntypedStorage": None,
    "QInt8Storage": "qint8",
    "QUInt8Storage": "quint8",
    "QInt32Storage": "qint32",
    "QUInt4x2Storage": "quint4x2",
    "QUInt2x4Storage": "quint2x4",
}


def _resolved(tensor: Any, metadata: Any) -> Any:
    """Return the tensor with the conjugation and the sign that PyTorch had left pending."""
    if metadata is None:
        return tensor
    if metadata.__class__ is not dict or not all(v.__class__ is bool for v in metadata.values()):
        raise TypeError("no facts about a tensor")
    if metadata.get("conj"):
        tensor = tensor.conj()
    return -tensor if metadata.get("neg") else tensor


class _Reader:
    """One file being read."""

    def __init__(self, archive: Archive, name: str, map_location: Any, mmap: bool) -> None:
        self.archive = archive
        self.name = name
        self.map_location = map_location
        self.mmap = mmap
        self.storages: dict[str, tuple[str, _Storage]] = {}
        self.warned = False
        self.order = "little"

    def read(self) -> Any:
        if self.archive.has("byteorder"):
            order = self.archive.read("byteorder", 16).decode("ascii", "replace")
            if order not in ("little", "big"):
                raise RuntimeError(f"{self.name} is damaged: its byte order is {order!r}")
            self.order = order
        content = self.archive.read("data.pkl")
        return restricted_loads(
            content,
            self.names(),
            persistent_load=self.persistent_load,
            source=self.name,
            explain=_explain,
            trust=UserTrust(),
        )

    # -- storages ---------------------------------------------------------------------------------

    def persistent_load(self, pid: Any) -> _Storage:
        if pid.__class__ is not tuple or len(pid) != 5 or pid[0] != "storage":
            raise ValueError("a reference that is no storage")
        _, kind, key, location, numel = pid
        if kind.__class__ is not Call or not kind.name.endswith("Storage"):
            raise ValueError("a storage without a type")
        if key.__class__ is not str or not key or "/" in key or len(key) > 100:
            raise ValueError(f"the storage {str(key)[:40]!r}")
        if numel.__class__ is not int or numel < 0 or location.__class__ is not str:
            raise ValueError(f"the storage {key} of {str(numel)[:40]} elements")
        known = self.storages.get(key)
        if known is not None:
            if known[0] != kind.name or len(known[1].array) != numel:
                raise ValueError(f"the storage {key} with two types or sizes")
            return known[1]
        storage = self.restore(kind.name.rpartition(".")[2], key, numel)
        check_location(storage.array, location, self.map_location, self.name)
        self.storages[key] = kind.name, storage
        return storage

    def restore(self, kind: str, key: str, numel: int) -> _Storage:
        dtype = _STORAGE_DTYPES[kind]
        if dtype is None:
            return _Storage(self.bytes(key, numel, 1), typed=False)
        if dtype is dtypes.bfloat16 and not dtypes.is_available(dtype):
            if not self.warned:
                self.warned = True
                warnings.warn(
                    f"{self.name} holds bfloat16 tensors, which need the ml_dtypes package (pip install "
                    "'tinygrad-hw[bfloat16]'); they become float32, which has all their values",
                    UserWarning,
                    stacklevel=2,
                )
            high = self.bytes(key, numel, 2).view(np.uint16).astype(np.uint32)
            return _Storage((high << np.uint32(16)).view(np.float32), typed=True)
        if isinstance(dtype, str):
            raise UnpicklingError(
                f"{self.name} holds a tensor of dtype torch.{dtype}, which does not exist here. Convert it in "
                "PyTorch (.dequantize(), .to(...)) and save again"
            )
        # A complex number is two words.
        return _Storage(self.bytes(key, numel, dtype.itemsize, dtype.to_real().itemsize).view(dtype.numpy), typed=True)

    def bytes(self, key: str, numel: int, itemsize: int, word: int | None = None) -> Any:
        """Return the raw bytes of a storage, each word (the elements by default) in this machine's order."""
        entry = f"data/{key}"
        size = self.archive.size(entry)
        if size != numel * itemsize:
            raise UnpicklingError(
                f"{self.name} is damaged: the storage {key} should have {numel:,} elements of {itemsize} bytes, but "
                f"{size:,} bytes are there"
            )
        raw = self.archive.array(entry, self.mmap, itemsize)
        if itemsize > 1 and self.order != sys.byteorder:
            raw = raw.view(f"u{word or itemsize}").byteswap().view(np.uint8)
        return raw

    # -- tensors ----------------------------------------------------------------------------------

    def tensor(self, storage: Any, offset: Any, size: Any, stride: Any, dtype: Any = None) -> Any:
        if storage.__class__ is not _Storage:
            raise TypeError("no storage")
        if dtype is None and not storage.typed:
            raise TypeError("a storage without a dtype")
        if not storage.typed and self.order != sys.byteorder:
            raise UnpicklingError(f"{self.name} has untyped storages in the other byte order, which is not supported")
        elements = storage.view(dtype) if dtype is not None else storage.array
        array = _strided(elements, offset, tuple(size), tuple(stride))
        tensor = wrap(array)
        tensor._version_cell = storage.version
        return tensor

    def tensor_v2(
        self,
        storage: Any,
        offset: Any,
        size: Any,
        stride: Any,
        requires_grad: Any = False,
        hooks: Any = None,
        metadata: Any = None,
    ) -> Any:
        tensor = _resolved(self.tensor(storage, offset, size, stride), metadata)
        return tensor.requires_grad_() if _flag(requires_grad) else tensor

    def tensor_v3(
        self,
        storage: Any,
        offset: Any,
        size: Any,
        stride: Any,
        requires_grad: Any,
        hooks: Any,
        dtype: Any,
        metadata: Any = None,
    ) -> Any:
        if not isinstance(dtype, dtypes.dtype):
            raise TypeError("no dtype")
        tensor = _resolved(self.tensor(storage, offset, size, stride, dtype), metadata)
        return tensor.requires_grad_() if _flag(requires_grad) else tensor

    def parameter(self, data: Any = None, requires_grad: Any = True, hooks: Any = None, state: Any = None) -> Any:
        if not isinstance(data, TensorBase):
            raise TypeError("no tensor")
        parameter = Parameter(data, _flag(requires_grad))
        if state is not None:
            attributes = state[0] if state.__class__ is tuple else state
            for name, value in (attributes or {}).items():
                if name.__class__ is not str or hasattr(Parameter, name):
                    raise ValueError(f"the attribute {str(name)[:40]!r}")
                setattr(parameter, name, value)
        return parameter

    def from_type(self, function: Any, kind: Any, args: Any, state: Any) -> Any:
        """A tensor with attributes: the tensor is kept, what hung on it is not."""
        if function.__class__ is not Call or not function.name.startswith("torch._utils._rebuild"):
            raise TypeError("no function that makes tensors")
        if kind.__class__ is not Call or kind.name not in ("torch.Tensor", "torch.nn.parameter.Parameter"):
            raise TypeError("a subclass of Tensor")
        return function.function(*args)

    def names(self) -> dict[tuple[str, str], Any]:
        found = {**PLAIN_NAMES, **NUMPY_NAMES, **_NAMES}
        for name, function in (
            ("_rebuild_tensor", self.tensor),
            ("_rebuild_tensor_v2", self.tensor_v2),
            ("_rebuild_tensor_v3", self.tensor_v3),
            ("_rebuild_parameter", self.parameter),
            ("_rebuild_parameter_with_state", self.parameter),
        ):
            found["torch._utils", name] = Call(f"torch._utils.{name}", function)
        found["torch._tensor", "_rebuild_from_type_v2"] = Call("torch._tensor._rebuild_from_type_v2", self.from_type)
        found["torch.nn.parameter", "Parameter"] = Call("torch.nn.parameter.Parameter", self.parameter)
        return found


def _flag(value: Any) -> bool:
    if value.__class__ is not bool:
        raise TypeError("no bool")
    return bool(value)


def _strided(elements: Any, offset: Any, size: tuple[Any, ...], stride: tuple[Any, ...]) -> Any:
    """Return a view of ``elements`` (n,), after checking that it lies inside."""
    for what, numbers in (("offset", (offset,)), ("size", size), ("stride", stride)):
        if any(n.__class__ is not int for n in numbers):
            raise TypeError(f"a {what} that is no integer")
        if any(n < 0 for n in numbers):
            raise ValueError(f"a negative {what}")
    if len(size) != len(stride) or len(size) > 64:
        raise ValueError(f"{len(size)} sizes and {len(stride)} strides")
    if math.prod(n or 1 for n in size) > _MAX_ELEMENTS:
        raise ValueError(f"the size {size}, more than any memory holds")
    if 0 in size:
        return np.empty(size, elements.dtype)
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if last >= len(elements):
        raise ValueError(
            f"the size {size}, stride {stride} and offset {offset}, which reach element {last} of a storage of "
            f"{len(elements)}"
        )
    step = elements.itemsize
    # Of a dimension of one element the stride has no meaning, and may be beyond what numpy can hold.
    strides = [s * step if n > 1 else step for n, s in zip(size, stride, strict=True)]
    return np.ndarray(size, elements.dtype, elements, offset * step, strides)


def check_location(storage: Any, location: str, map_location: Any, name: str) -> None:
    """Raise unless a storage that was on ``location`` is to be loaded to the CPU."""
    wanted: Any = location
    if isinstance(map_location, dict):
        wanted = map_location.get(location, location)
    elif callable(map_location) and not isinstance(map_location, Device):
        if map_location(storage, location) is not None:
            return
    elif map_location is not None:
        wanted = map_location
    place = str(wanted).partition(":")[0]
    if place == "cpu":
        return
    raise RuntimeError(
        f"Attempting to deserialize object on device {str(wanted)[:40]!r}, but this package computes on the CPU only. "
        f"Use torch.load({name!r}, map_location='cpu') to map the storages to the CPU"
    )


def _storage_type(*args: Any) -> Any:
    raise TypeError("a storage on its own; save a tensor")


def _size(items: Any = ()) -> Size:
    if items.__class__ not in (tuple, list) or any(n.__class__ is not int for n in items):
        raise TypeError("sizes that are no integers")
    return Size(items)


def _device(type: Any, index: Any = None) -> Device:
    if type.__class__ is not str or not (index is None or index.__class__ is int):
        raise TypeError("no device")
    try:
        return Device(type, index)
    except RuntimeError as error:
        raise ValueError(error) from error


def _layout(name: Any) -> str:
    if name != "torch.strided":
        raise ValueError(f"the layout {str(name)[:40]}")
    return "torch.strided"


_NAMES: dict[tuple[str, str], Any] = {
    ("torch", "Size"): Call("torch.Size", _size),
    ("torch", "device"): Call("torch.device", _device),
    ("torch", "Tensor"): Call("torch.Tensor", _storage_type),
    ("torch.serialization", "_get_layout"): Call("torch.serialization._get_layout", _layout),
    **{("torch", d.name): d for d in dtypes.by_name().values()},
    **{("torch", kind): Call(f"torch.{kind}", _storage_type) for kind in _STORAGE_DTYPES},
    ("torch.storage", "UntypedStorage"): Call("torch.storage.UntypedStorage", _storage_type),
}


def _explain(module: str, name: str) -> str:
    """Say what to do about a name that is not on the list."""
    if module == "torch" and (name == "half2" or name.startswith(("float8", "qint", "quint"))):
        return f"There is no dtype torch.{name} here; convert the tensor in PyTorch and save again"
    for part, what in (("sparse", "Sparse"), ("qtensor", "Quantized"), ("nested", "Nested"), ("meta", "Meta")):
        if part in name:
            return f"{what} tensors do not exist here; convert them in PyTorch (.to_dense(), .dequantize(), ...)"
    return (
        "Names are never imported or called from a file, whatever it says. If you trust the file, load it in PyTorch "
        "with weights_only=False and save the state_dict() of the model, or plain data; or, for a class of your own, "
        f"use torch.serialization.add_safe_globals([{name[:40]}])"
    )
