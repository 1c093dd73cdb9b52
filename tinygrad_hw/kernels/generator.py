"""The random generator: PyTorch's CPU stream of 32-bit words.

The words are MT19937's, seeded from one 32-bit number (Matsumoto and Nishimura's ``init_genrand``),
which is what :class:`numpy.random.RandomState` produces too. numpy's engine therefore makes them;
in a process that has numba loaded, long runs come from a vectorised loop that works on the same
state.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any, ClassVar, TypeAlias

import numpy as np

from tinygrad_hw.kernels.runtime import compiled_kernels

__all__ = ["STATE_BYTES", "Generator", "compiled", "default_generator"]

Array: TypeAlias = "np.ndarray[Any, Any]"

DEFAULT_SEED = 67280421310721  # the seed of torch.Generator()

# The byte layout of torch.get_rng_state(); written as a structure so that its states can be
# exchanged.
_STATE = np.dtype(
    {
        "names": [
            "seed",
            "left",
            "seeded",
            "next",
            "words",
            "normal",
            "has_normal",
            "normal32",
            "has_normal32",
        ],
        "formats": ["<u8", "<i4", "<i4", "<u8", ("<u8", 624), "<f8", "<i4", "<f4", "u1"],
        "offsets": [0, 8, 12, 16, 24, 5024, 5040, 5048, 5052],
        "itemsize": 5056,
    }
)
STATE_BYTES = _STATE.itemsize

_SMALL = 4096  # words below which numpy's plain call is quicker than its typed one
_COMPILED_WORDS = 8192  # words from which the compiled loop pays

_LOW21, _LOW24, _LOW24_WIDE = np.uint32(0x1FFFFF), np.uint32(0xFFFFFF), np.uint64(0xFFFFFF)
_2_TO_MINUS_24 = np.float32(2.0**-24)

_module: ModuleType | None = None
_tried = False


def compiled(load: bool = False) -> ModuleType | None:
    """Return the compiled kernels if numba is loaded already, or with ``load``; else None.

    Loading numba costs more than it saves on any ordinary draw, so that is left to the layers,
    whose kernels need it.
    """
    global _module, _tried
    if not _tried and (load or "numba" in sys.modules):
        if compiled_kernels():
            try:
                from tinygrad_hw.kernels import random_jit as _module
            except Exception as error:  # a broken numba must not take the random numbers with it
                warnings.warn(f"random kernels run on numpy alone: {error}", stacklevel=2)
        _tried = True
    return _module


class Generator:
    """A stream of pseudo-random numbers, the same as ``torch.Generator``'s for the same seed.

    A new one starts from the fixed seed 67280421310721, as PyTorch's does. It may be used from
    several threads; each draw is one undivided piece of the stream.

    Args:
        device: ``"cpu"``.

    Raises:
        RuntimeError: another device was asked for.

    Source: ``torch.Generator``; MT19937 by Matsumoto and Nishimura (1998).

    Example:
        >>> from tinygrad_hw.kernels.random import Generator, rand
        >>> g = Generator()
        >>> _ = g.manual_seed(0)
        >>> [round(float(x), 4) for x in rand(3, generator=g)]
        [0.4963, 0.7682, 0.0885]
        >>> g.initial_seed()
        0
    """

    __slots__ = (
        "__weakref__",
        "_legacy",
        "_memory",
        "_normal",
        "_normal32",
        "_raw",
        "_seed",
        "lock",
    )

    # What users get to see; the floors above put their Tensor and device here.
    show_state: ClassVar[Callable[[Array], Any]] = staticmethod(lambda state: state)
    show_device: ClassVar[Callable[[str], Any]] = staticmethod(lambda name: name)

    lock: threading.RLock
    _seed: int
    _normal: float | None  # the second of a pair of normals, kept for the next call
    _normal32: float | None  # never made here; carried along from states that have it

    def __init__(self, device: Any = "cpu") -> None:
        if str(device).partition(":")[0] != "cpu":
            raise RuntimeError(
                f"Generator: device {str(device)!r} is not available, this package computes on the "
                "CPU only. Leave the device out or use 'cpu'"
            )
        self._open()
        self._restart(DEFAULT_SEED)

    def _open(self) -> None:
        """Make the word engine and the lock."""
        engine = np.random.MT19937(0)
        self._legacy = np.random.RandomState(engine)
        self._raw = engine.random_raw
        self._memory = _view(engine) if _LAYOUT_IS_KNOWN else None
        self.lock = threading.RLock()

    def _restart(self, seed: int) -> None:
        self._legacy.seed(seed & 0xFFFFFFFF)
        self._seed = seed
        self._normal = self._normal32 = None

    @property
    def device(self) -> Any:
        """Where the numbers are made: the CPU."""
        return type(self).show_device("cpu")

    # -- seeds and states -------------------------------------------------------------------------

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream of ``seed`` and return the generator.

        Args:
            seed: from ``-2**63`` to ``2**64 - 1``; a negative one counts from ``2**64`` down. Only
                the low 32 bits choose the stream.

        Raises:
            RuntimeError: not an integer.
            ValueError: out of range.
        """
        if isinstance(seed, (bool, np.bool_)) or not hasattr(seed, "__index__"):
            raise RuntimeError(f"manual_seed expected a long, but got {type(seed).__name__}; pass an integer")
        number = int(seed)
        if not -(2**63) <= number < 2**64:
            raise ValueError(f"Overflow when unpacking long long: manual_seed takes -2**63 to 2**64 - 1, got {number}")
        with self.lock:
            self._restart(number % 2**64)
        return self

    def seed(self) -> int:
        """Seed from the system's entropy; return the seed, 64 bits."""
        number = int.from_bytes(os.urandom(8), "little")
        with self.lock:
            self._restart(number)
        return number

    def initial_seed(self) -> int:
        """Return the seed that the stream was last started from."""
        return self._seed

    def get_state(self) -> Any:
        """Return the state: 5056 bytes (uint8), laid out as PyTorch's CPU generator lays it out."""
        return type(self).show_state(self._pack())

    def set_state(self, new_state: Any) -> Generator:
        """Continue from ``new_state``, as :meth:`get_state` (or PyTorch's) returned it.

        Raises:
            TypeError: not a uint8 array.
            RuntimeError: of another size, or not a state.
        """
        self._unpack(np.asarray(new_state))
        return self

    def clone_state(self) -> Generator:
        """Return a new generator that continues from the same place."""
        twin = type(self)()
        twin._unpack(self._pack())
        return twin

    def get_offset(self) -> int:
        """Not offered on the CPU, as in PyTorch."""
        raise RuntimeError("CPU Generator does not use offset; save get_state() instead")

    def set_offset(self, offset: int) -> Generator:
        """Not offered on the CPU, as in PyTorch."""
        raise RuntimeError("CPU Generator does not use offset; restore with set_state() instead")

    def key(self) -> tuple[Array, int]:
        """Return the 624 words of the state and the position in them."""
        if self._memory is not None:
            return self._memory[:624].copy(), int(self._memory[624])
        _, key, position, *_ = self._legacy.get_state(legacy=True)
        return np.asarray(key, np.uint32), int(position)

    def _set_key(self, key: Array, position: int) -> None:
        if self._memory is not None:
            self._memory[:624] = key
            self._memory[624] = position
        else:
            self._legacy.set_state(("MT19937", key, position, 0, 0.0))

    def _pack(self) -> Array:
        state = np.zeros((), _STATE)
        with self.lock:
            key, position = self.key()
            # A fresh stream has all words of its (never used) seed block behind it; PyTorch marks
            # that 0.
            fresh = position == 624 and int(key[0]) == self._seed & 0xFFFFFFFF
            state["seed"] = self._seed
            state["left"] = 625 - position
            state["seeded"] = 1
            state["next"] = 0 if fresh else position
            state["words"] = key
            if self._normal is not None:
                state["normal"], state["has_normal"] = self._normal, 1
            if self._normal32 is not None:
                state["normal32"], state["has_normal32"] = self._normal32, 1
        return np.frombuffer(state.tobytes(), np.uint8).copy()

    def _unpack(self, packed: Array) -> None:
        if packed.dtype != np.uint8:
            raise TypeError(f"RNG state must be a ByteTensor (uint8), got {packed.dtype}")
        if packed.size != STATE_BYTES:
            raise RuntimeError(
                f"Expected a CPUGeneratorImplState of size {STATE_BYTES} but found the input RNG "
                f"state size to be {packed.size}; pass what get_state() returned"
            )
        state = np.frombuffer(packed.tobytes(), _STATE)[0]
        left, following = int(state["left"]), int(state["next"])
        position = 625 - left
        if not state["seeded"] or not 1 <= left <= 624 or (following != position and (left, following) != (1, 0)):
            raise RuntimeError(
                f"Invalid mt19937 state: left={left}, next={following}, "
                f"seeded={int(state['seeded'])}; pass what get_state() returned"
            )
        with self.lock:
            self._set_key(state["words"].astype(np.uint32), position)
            self._seed = int(state["seed"])
            self._normal = float(state["normal"]) if state["has_normal"] else None
            self._normal32 = float(state["normal32"]) if state["has_normal32"] else None

    def __getstate__(self) -> Array:
        return self._pack()

    def __setstate__(self, state: Array) -> None:
        self._open()
        self._unpack(state)

    # -- draws: hold the lock ---------------------------------------------------------------------

    def words(self, n: int) -> Array:
        """Return the next ``n`` words, uint32."""
        if n < _SMALL:
            return self._raw(n).astype(np.uint32)
        state = self._memory
        if n >= _COMPILED_WORDS and state is not None:
            kernels = compiled()
            if kernels is not None:
                out = np.empty(n, np.uint32)
                kernels.fill_words(state, out)
                return out
        return self._legacy.randint(0, 2**32, n, np.uint32)

    def words64(self, n: int) -> Array:
        """Return the next ``n`` pairs of words as uint64, the first word of a pair on top."""
        pairs = self.words(2 * n)
        out = pairs[0::2].astype(np.uint64)
        out <<= np.uint64(32)
        out |= pairs[1::2]
        return out

    def floats(self, n: int) -> Array:
        """Return ``n`` float32 in [0, 1): the low 24 bits of a word each."""
        if n < _SMALL:
            out = (self._raw(n) & _LOW24_WIDE).astype(np.float32)
        else:
            word = self.words(n)
            word &= _LOW24
            out = word.astype(np.float32)
        out *= _2_TO_MINUS_24
        return out

    def doubles(self, n: int) -> Array:
        """Return ``n`` float64 in [0, 1): the low 53 bits of a pair of words each."""
        pairs = self.words(2 * n)
        out = (pairs[0::2] & _LOW21).astype(np.float64)
        out *= 2.0**-21
        out += pairs[1::2] * 2.0**-53
        return out

    def rewind(self, key: tuple[Array, int], used: int) -> None:
        """Go back to ``key`` (of :meth:`key`) and forward by ``used`` words."""
        self._set_key(*key)
        if used:
            self._raw(used, False)


def _view(engine: np.random.MT19937) -> Array:
    """Return the engine's memory as 625 uint32: the state's words, then the position in them."""
    block = (ctypes.c_uint32 * 625).from_address(engine.ctypes.state_address)
    return np.frombuffer(memoryview(block).cast("B"), np.uint32)


def _layout_is_known() -> bool:
    """Whether numpy keeps the words where :func:`_view` looks for them; else slower calls serve."""
    engine = np.random.MT19937(0)
    view = _view(engine)
    for _ in range(2):
        state: Any = engine.state["state"]
        if view[624] != state["pos"] or not np.array_equal(view[:624], state["key"]):
            return False
        engine.random_raw(3, False)
    return True


_LAYOUT_IS_KNOWN = _layout_is_known()

default_generator = Generator()
default_generator.seed()


def _renew_lock() -> None:
    """Give a forked child a lock that no thread of its parent holds."""
    default_generator.lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)
