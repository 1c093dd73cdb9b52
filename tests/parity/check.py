"""Everything that one entry of PyTorch's operator database must do here as it does there."""

from __future__ import annotations

import contextlib
import random
import signal
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

import tinygrad_hw
from tests.parity import translate
from tests.parity.compare import Different, same, same_values, same_view, tensors_in
from tests.parity.database import (
    CANNOT,
    COMPLEX,
    GRADIENT_WRONG_THERE,
    LOOSER,
    ON_PURPOSE,
    OUT_DIFFERS,
    SECOND_ORDER_WRONG_THERE,
    TIES,
    UNDEFINED_VALUES,
    family_of,
    full_name,
)
from tinygrad_hw.autograd.narrow import wide

#: How many samples of a dtype are run, how many of them for gradients, and for second-order gradients.
SAMPLES = {torch.float64: 40, torch.float32: 10, torch.int64: 8, torch.bool: 6}
GRADIENTS = {torch.float64: 14, torch.float32: 3, torch.complex128: 8, torch.complex64: 2}
COMPLEX_SAMPLES = {torch.complex128: 20, torch.complex64: 5}
SECOND_ORDER = 4
VARIANTS = 6

#: Larger samples are left out: elements of all tensors of a sample, for values and for second-order gradients.
LARGEST = 300_000
LARGEST_SECOND = 2_000

#: Seconds of computing an entry may take, compilation of kernels included.
SECONDS = 40


@dataclass(frozen=True)
class Limits:
    """How much of an entry is run.

    Attributes:
        samples: for values, by dtype.
        gradients: samples for gradients, by dtype.
        second_order: samples for second-order gradients.
        variants: samples for methods, operators and in-place forms.
        largest: elements of all tensors of a sample; larger ones are left out.
        largest_second: the same, for second-order gradients.
        seconds: of computing.
    """

    samples: dict[torch.dtype, int]
    gradients: dict[torch.dtype, int]
    second_order: int
    variants: int
    largest: int
    largest_second: int
    seconds: float


QUICK = Limits(SAMPLES | COMPLEX_SAMPLES, GRADIENTS, SECOND_ORDER, VARIANTS, LARGEST, LARGEST_SECOND, SECONDS)

_ALL = 10**9
#: Every sample that the database has.
ALL_SAMPLES = Limits(
    dict.fromkeys(SAMPLES | COMPLEX_SAMPLES, _ALL), dict.fromkeys(GRADIENTS, _ALL), _ALL, _ALL, _ALL, LARGEST, 3_600
)


@dataclass
class Report:
    """What was found about one entry.

    Attributes:
        name: the entry's full name.
        family: its family in the table.
        status: ``"pass"``, ``"fail"``, ``"cannot"`` or ``"differs"``.
        failures: (a few words, details) of each kind of failure, the first of its kind.
        errors: how many of the entry's error inputs there are, and how many raise what PyTorch raises.
        seconds: time taken.
    """

    name: str
    family: str
    status: str = "pass"
    failures: list[tuple[str, str]] = field(default_factory=list)
    errors: tuple[int, int] = (0, 0)
    seconds: float = 0.0

    @property
    def line(self) -> str:
        """What the ledger says of the entry."""
        return self.status if self.status == "pass" else f"{self.status}: {self.failures[0][0]}"


class _TimeUp(BaseException):
    pass


@contextlib.contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise in the middle of what takes longer, in processor time."""

    def ring(*_: Any) -> None:
        raise _TimeUp

    old = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, old)


def check(info: Any, limits: Limits = QUICK) -> Report:
    """Run all checks of an entry."""
    name = full_name(info)
    report = Report(name, family_of(info.name, info.variant_test_name))
    if name in CANNOT or info.name in CANNOT:
        report.status = "cannot"
        report.failures.append((CANNOT.get(name) or CANNOT[info.name], ""))
        return report
    if name in ON_PURPOSE:
        report.status = "differs"
        report.failures.append((ON_PURPOSE[name], ""))
        return report
    supported = info.supported_dtypes("cpu")
    if not any(d in supported for d in _samples(name)):
        report.status = "cannot"
        report.failures.append(("no dtype in common", ""))
        return report
    start = time.perf_counter()
    checker = _Checker(info, report, limits)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with _time_limit(limits.seconds):
                checker.run()
        except _TimeUp:
            report.failures.append((f"takes more than {limits.seconds} s", ""))
    if report.status == "pass" and report.failures:
        report.status = "fail"
    report.seconds = time.perf_counter() - start
    return report


def _samples(name: str) -> dict[torch.dtype, int]:
    """Return how many samples of each dtype an entry is run with."""
    return SAMPLES | COMPLEX_SAMPLES if name in COMPLEX else SAMPLES


def _pick(samples: list[Any], count: int) -> list[Any]:
    """Return at most ``count`` of them, evenly spread."""
    if len(samples) <= count:
        return samples
    return [samples[i * (len(samples) - 1) // (count - 1)] for i in range(count)]


def _size(sample: Any) -> int:
    return sum(t.numel() for t in tensors_in((sample.input, sample.args, sample.kwargs), torch.Tensor))


def _seed() -> None:
    torch.manual_seed(0)
    tinygrad_hw.manual_seed(0)


def _direction(rng: np.random.Generator, like: torch.Tensor) -> np.ndarray:
    """Return a random gradient for a tensor."""
    kind = translate.dtype_of(like.dtype)
    values = np.asarray(rng.standard_normal(like.shape))
    if kind.is_complex:
        values = values + 1j * rng.standard_normal(like.shape)
    return np.asarray(values).astype(kind.numpy)


def _tensor(array: np.ndarray) -> torch.Tensor:
    """Return an array as a tensor of PyTorch's, also one of a dtype that PyTorch does not take from arrays."""
    kind = str(tinygrad_hw.Tensor._wrap(array).dtype).removeprefix("torch.")
    return torch.from_numpy(wide(array).copy()).to(getattr(torch, kind))


def _same_ties(name: str, sample: Any, x: Any, result: Any, expected: Any) -> bool:
    """Whether results differ only in which of several equal elements their indices name."""
    own, theirs = tensors_in([result], tinygrad_hw.Tensor), tensors_in([expected], torch.Tensor)
    at = TIES[name]
    dim = sample.kwargs.get("dim", sample.args[at] if len(sample.args) > at else -1)
    for a, b in zip(own, theirs, strict=True):
        if b.dtype is not torch.int64 or (b is theirs[0] and name != "argsort"):
            same(a, b)
            continue
        same(a, b, values=False)
        values = _tensor(x.array)
        mine = torch.from_numpy(a.array.copy())
        if values.ndim > b.ndim:
            mine, b = mine.unsqueeze(dim), b.unsqueeze(dim)
        if values.ndim and not torch.equal(values.gather(dim, mine), values.gather(dim, b)):
            return False
    return True


def _short(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:200]


class _Checker:
    """The checks of one entry; failures are collected in its report."""

    def __init__(self, info: Any, report: Report, limits: Limits = QUICK) -> None:
        self.info = info
        self.limits = limits
        self.report = report
        self.values = full_name(info) not in UNDEFINED_VALUES
        self.kinds: set[str] = set()
        self.ran = 0

    def fail(self, kind: str, detail: str = "") -> None:
        if kind not in self.kinds:
            self.kinds.add(kind)
            self.report.failures.append((kind, detail))

    def run(self) -> None:
        info = self.info
        try:
            self.ours = translate.function(info.op, info.name)
        except translate.Missing as missing:
            self.fail(f"missing {missing}")
            self.count_errors_only()
            return
        supported = info.supported_dtypes("cpu")
        for dtype in _samples(self.report.name):
            if dtype in supported:
                self.check_dtype(dtype)
        self.check_aliases()
        if info.supports_out:
            self.check_out()
        self.check_errors()
        if not self.ran and not self.report.failures:
            self.report.status = "cannot"
            self.report.failures.append((self.unsupported or "no sample", ""))

    unsupported = ""

    # -- samples ----------------------------------------------------------------------------------

    def samples(self, dtype: torch.dtype, grad: bool) -> list[Any]:
        torch.manual_seed(0)
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002 - some samples are drawn from it
        made = list(self.info.sample_inputs("cpu", dtype, requires_grad=grad))
        return [s for s in made if _size(s) <= self.limits.largest]

    def check_dtype(self, dtype: torch.dtype) -> None:
        info = self.info
        grad = info.supports_autograd and dtype in info.supported_backward_dtypes("cpu") and dtype in GRADIENTS
        samples = self.samples(dtype, grad)
        label = str(dtype).removeprefix("torch.")
        for sample in _pick(samples, self.limits.samples[dtype]):
            self.one(label, sample, lambda s: self.check_values(info.op, self.ours, s))
        if grad:
            for sample in _pick(samples, self.limits.gradients[dtype]):
                self.one(f"gradient, {label}", sample, self.check_gradient)
            wrong = full_name(info) in SECOND_ORDER_WRONG_THERE
            if dtype in (torch.float64, torch.complex128) and info.supports_gradgrad and not wrong:
                small = [s for s in samples if _size(s) <= self.limits.largest_second]
                for sample in _pick(small, self.limits.second_order):
                    self.one("second order", sample, lambda s: self.check_gradient(s, second=True))
        if dtype in (torch.float64, torch.int64, torch.complex128):
            self.check_variants(_pick(samples, self.limits.variants), label, grad)

    def one(self, label: str, sample: Any, test: Any) -> None:
        """Run a test on a sample, and note how it fails."""
        try:
            test(sample)
            self.ran += 1
        except translate.Unsupported as error:
            self.unsupported = str(error)
        except translate.Missing as missing:
            self.fail(f"missing {missing}")
        except Different as difference:
            self.fail(f"{difference} ({label})", f"{difference.detail}; {sample.summary()}")
        except Exception as error:
            self.fail(f"raises {type(error).__name__} ({label})", f"{_short(error)}; {sample.summary()}")

    def both(self, theirs: Any, ours: Any, sample: Any, leave: bool = False) -> Any:
        """Run both sides on one sample; returns the results and the inputs, or None if PyTorch raises."""
        given = (sample.input, sample.args, sample.kwargs)
        memo: dict[int, Any] = {}
        mine = translate.convert(given, memo)
        process = translate.function(sample.output_process_fn_grad)
        _seed()
        try:
            expected = sample.output_process_fn_grad(theirs(given[0], *given[1], **given[2]))
        except Exception:
            return None
        _seed()
        result = process(ours(mine[0], *mine[1], **mine[2]))
        return result, expected, mine, given, memo

    def check_values(self, theirs: Any, ours: Any, sample: Any) -> None:
        ran = self.both(theirs, ours, sample)
        if ran is None:
            return
        result, expected, mine, given, _ = ran
        try:
            same(result, expected, self.values, LOOSER.get(self.info.name, 1.0))
        except Different:
            if self.info.name not in TIES or not _same_ties(self.info.name, sample, mine[0], result, expected):
                raise
        same_view(result, tensors_in(mine, tinygrad_hw.Tensor), expected, tensors_in(given, torch.Tensor))

    # -- gradients --------------------------------------------------------------------------------

    def check_gradient(self, sample: Any, second: bool = False, theirs: Any = None, ours: Any = None) -> None:
        ran = self.both(theirs or self.info.op, ours or self.ours, sample)
        if ran is None:
            return
        result, expected, _, given, memo = ran
        inputs = [t for t in tensors_in(given, torch.Tensor) if t.requires_grad]
        outputs = tensors_in(expected, torch.Tensor)
        own = tensors_in(result, tinygrad_hw.Tensor)
        if len(own) != len(outputs):
            raise Different("structure", f"{len(own)} outputs instead of {len(outputs)}")
        for i, (a, b) in enumerate(zip(own, outputs, strict=True)):
            if a.requires_grad != b.requires_grad:
                raise Different("requires_grad", f"{a.requires_grad} instead of {b.requires_grad} of output {i}")
        pairs = [(a, b) for a, b in zip(own, outputs, strict=True) if b.requires_grad]
        if not pairs or not inputs:
            return
        rng = np.random.default_rng(0)
        directions = [_direction(rng, b) for _, b in pairs]
        theirs_g = [_tensor(d).requires_grad_(second) for d in directions]
        ours_g = [tinygrad_hw.Tensor._wrap(d.copy()).requires_grad_(second) for d in directions]
        mine = [memo[id(t)] for t in inputs]
        try:
            expected_grads = torch.autograd.grad(
                [b for _, b in pairs], inputs, theirs_g, allow_unused=True, create_graph=second
            )
        except (RuntimeError, NotImplementedError):
            return
        grads = tinygrad_hw.autograd.grad([a for a, _ in pairs], mine, ours_g, allow_unused=True, create_graph=second)
        for i, (a, b, t) in enumerate(zip(grads, expected_grads, inputs, strict=True)):
            if i not in GRADIENT_WRONG_THERE.get(full_name(self.info), ()):
                self.same_gradient(a, b, t, f"gradient {i}")
        if not second:
            return
        parts = [(a, b) for a, b in zip(grads, expected_grads, strict=True) if b is not None and b.requires_grad]
        if not parts:
            return
        directions = [_direction(rng, b) for _, b in parts]
        try:
            expected_second = torch.autograd.grad(
                [b for _, b in parts],
                [*inputs, *theirs_g],
                [_tensor(d) for d in directions],
                allow_unused=True,
            )
        except (RuntimeError, NotImplementedError):
            return
        recorded = [(a, d) for (a, _), d in zip(parts, directions, strict=True) if a is not None and a.requires_grad]
        if recorded:
            second_grads = tinygrad_hw.autograd.grad(
                [a for a, _ in recorded],
                [*mine, *ours_g],
                [tinygrad_hw.Tensor._wrap(d) for _, d in recorded],
                allow_unused=True,
            )
        else:
            second_grads = [None] * len(expected_second)
        for i, (a, b, t) in enumerate(zip(second_grads, expected_second, [*inputs, *theirs_g], strict=True)):
            # A NaN that PyTorch's rule gives in second order is no promise.
            if b is None or not bool(torch.isnan(b).any()):
                self.same_gradient(a, b, t, f"second-order gradient {i}")

    def same_gradient(self, a: Any, b: Any, of: torch.Tensor, label: str) -> None:
        """Compare gradients; a missing one is one of zeros."""
        if a is None and b is None:
            return
        if b is None and of.is_leaf and of._is_view():
            # The samples are made under no_grad; for a leaf that is a view PyTorch finds no gradient.
            return
        x = np.zeros(tuple(of.shape)) if a is None else a.array
        y = np.zeros(tuple(of.shape)) if b is None else translate.numpy_of(b)
        if x.shape != y.shape:
            raise Different("shape", f"{label}: {list(x.shape)} instead of {list(y.shape)}")
        if a is not None and x.dtype != translate.dtype_of(of.dtype).numpy:
            raise Different("dtype", f"{label}: {x.dtype}")
        try:
            same_values(x, y, of.dtype, 10.0 * LOOSER.get(self.info.name, 1.0))
        except Different as difference:
            raise Different("values", f"{label}: {difference.detail}") from None

    # -- other names of the same function ---------------------------------------------------------

    def check_variants(self, samples: list[Any], label: str, grad: bool) -> None:
        info = self.info
        samples = [s for s in samples if isinstance(s.input, torch.Tensor)]
        for kind, theirs in (("method", info.method_variant), ("operator", info.operator_variant)):
            if theirs is None or theirs is info.op:
                continue
            ours = self.variant(theirs, info.name, kind)
            if ours is None:
                continue
            for sample in samples:
                if kind == "operator" and sample.kwargs:
                    continue
                self.one(f"{kind}, {label}", sample, lambda s, t=theirs, o=ours: self.check_values(t, o, s))
        for kind, theirs in (("in place", info.inplace_variant), ("in-place operator", info.inplace_operator_variant)):
            if theirs is None:
                continue
            ours = self.variant(theirs, info.name + "_", kind)
            if ours is None:
                continue
            for sample in samples:
                if sample.kwargs and kind == "in-place operator":
                    continue
                self.one(f"{kind}, {label}", sample, lambda s, t=theirs, o=ours: self.check_inplace(t, o, s))
                if grad and info.supports_inplace_autograd and sample.input.requires_grad and kind == "in place":
                    self.one(
                        f"{kind}, gradient",
                        sample,
                        lambda s, t=theirs, o=ours: self.check_gradient(
                            s,
                            theirs=lambda x, *a, **k: t(x.clone(), *a, **k),
                            ours=lambda x, *a, **k: o(x.clone(), *a, **k),
                        ),
                    )

    def variant(self, theirs: Any, name: str, kind: str) -> Any:
        try:
            return translate.function(theirs)
        except translate.Missing as missing:
            self.fail(f"missing {missing}")
            return None

    def check_inplace(self, theirs: Any, ours: Any, sample: Any) -> None:
        """The result is the tensor itself, and holds PyTorch's values."""
        memo: dict[int, Any] = {}
        mine = translate.convert((sample.input, sample.args, sample.kwargs), memo)
        with torch.no_grad(), tinygrad_hw.no_grad():
            x, y = sample.input.clone(), mine[0].clone()
            _seed()
            try:
                expected = theirs(x, *sample.args, **sample.kwargs)
            except Exception as error:
                try:
                    ours(y, *mine[1], **mine[2])
                except Exception as own:
                    if not isinstance(own, _classes(error)):
                        raise Different("error class", f"{_short(own)} instead of {_short(error)}") from None
                    return
                raise Different("no error", f"PyTorch raises {_short(error)}") from None
            _seed()
            result = ours(y, *mine[1], **mine[2])
            same(result, expected, self.values)
            if expected is x and result is not y:
                raise Different("result", "not the tensor itself")
            same(y, x, self.values)

    # -- out= -------------------------------------------------------------------------------------

    def check_out(self) -> None:
        """Results go into given tensors: any layout, resized with a warning, dtypes and gradients refused alike."""
        supported = self.info.supported_dtypes("cpu")
        dtype = next((d for d in (torch.float32, torch.float64, torch.int64, torch.bool) if d in supported), None)
        if dtype is None:
            return
        for sample in _pick(self.samples(dtype, False), OUT_SAMPLES):
            for kind in OUT_KINDS:
                if kind in OUT_DIFFERS.get(self.info.name, ()):
                    continue
                if kind == "requires_grad" and not self.info.supports_autograd:
                    continue
                self.one(f"out=, {kind}", sample, lambda s, k=kind: self.check_one_out(s, k))

    def check_one_out(self, sample: Any, kind: str) -> None:
        given = (sample.input, sample.args, sample.kwargs)
        _seed()
        try:
            plain = self.info.op(given[0], *given[1], **given[2])
        except Exception:
            return
        shapes = [plain] if isinstance(plain, torch.Tensor) else plain
        if not isinstance(shapes, (tuple, list)) or not all(isinstance(t, torch.Tensor) for t in shapes):
            return
        if any(t.is_complex() or t.dtype not in _WIDER for t in shapes):
            return
        theirs = [_out_like(t, kind) for t in shapes]
        memo: dict[int, Any] = {}
        mine_args = translate.convert(given, memo)
        # Not by conversion: PyTorch will not resize a tensor that numpy has seen.
        mine = [_same_layout(t) for t in theirs]
        single = isinstance(plain, torch.Tensor)
        # Vectors of undefined sign are not compared: the sample would have made them defined.
        sign_free = not self.values or sample.output_process_fn_grad(plain) is not plain
        ran = []
        for op, arguments, outs in ((self.info.op, given, theirs), (self.ours, mine_args, mine)):
            _seed()
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                out = outs[0] if single else tuple(outs)
                try:
                    ran.append(op(arguments[0], *arguments[1], **arguments[2], out=out))
                except Exception as error:
                    ran.append(error)
            ran.append(sum("was resized" in str(w.message) for w in caught))
        expected, their_warnings, result, our_warnings = ran
        if isinstance(expected, Exception):
            if not isinstance(result, Exception):
                raise Different("no error", f"PyTorch raises {_short(expected)}")
            if not isinstance(result, _classes(expected)):
                raise Different("error class", f"{_short(result)} instead of {_short(expected)}")
            return
        if isinstance(result, Exception):
            raise result
        if bool(their_warnings) != bool(our_warnings):
            raise Different("warning", f"{our_warnings} of a resized output instead of {their_warnings}")
        if single and result is not mine[0]:
            raise Different("result", "not the given tensor")
        for a, b, t in zip(mine, theirs, shapes, strict=True):
            same(a, b, False)
            if sign_free:
                continue
            # In a wider dtype, the values are as good as those of the narrower one.
            same_values(a.array, translate.numpy_of(b), t.dtype, LOOSER.get(self.info.name, 1.0))
            if kind == "strided" and b.numel() > 1 and tuple(a.stride()) != tuple(b.stride()):
                raise Different("strides", f"{a.stride()} instead of {b.stride()}")

    def check_aliases(self) -> None:
        info = self.info
        for alias in info.aliases:
            for theirs in (alias.op, alias.method_variant, alias.inplace_variant):
                if theirs is None:
                    continue
                try:
                    translate.function(theirs)
                except translate.Missing as missing:
                    self.fail(f"missing {missing}")

    # -- errors -----------------------------------------------------------------------------------

    def error_samples(self) -> Iterator[tuple[Any, Any, Exception]]:
        """Yield sample, our arguments and PyTorch's error for each error input that can be made here."""
        if self.info.error_inputs_func is None:
            return
        torch.manual_seed(0)
        try:
            errors = list(self.info.error_inputs("cpu"))
        except Exception:
            return
        for error in errors:
            sample = error.sample_input
            if _views_of_one(sample):  # of copies, which would not overlap
                continue
            try:
                mine = translate.convert((sample.input, sample.args, sample.kwargs))
            except (translate.Unsupported, translate.Missing):
                continue
            try:
                self.info.op(sample.input, *sample.args, **sample.kwargs)
            except Exception as theirs:
                yield sample, mine, theirs

    def check_errors(self) -> None:
        total = right = 0
        for i, (sample, mine, theirs) in enumerate(self.error_samples()):
            total += 1
            try:
                self.ours(mine[0], *mine[1], **mine[2])
            except Exception as own:
                if isinstance(own, _classes(theirs)):
                    right += 1
                else:
                    self.fail(
                        f"error {i}: {type(own).__name__} instead of {type(theirs).__name__}",
                        f"{_short(own)} instead of {_short(theirs)}; {sample.summary()}",
                    )
            else:
                self.fail(f"error {i}: none raised", f"PyTorch: {_short(theirs)}; {sample.summary()}")
        self.report.errors = (total, right)

    def count_errors_only(self) -> None:
        self.report.errors = (sum(1 for _ in self.error_samples()), 0)


#: How many samples are written into given tensors, and what is tried with each.
OUT_SAMPLES = 4
OUT_KINDS = ("empty", "strided", "resized", "wider", "integers", "requires_grad")
_WIDER = {
    torch.float32: torch.float64,
    torch.float64: torch.float64,
    torch.int32: torch.int64,
    torch.int64: torch.float64,
    torch.bool: torch.uint8,
}


def _out_like(result: torch.Tensor, kind: str) -> torch.Tensor:
    """Return a tensor for a result to be written into."""
    shape = tuple(result.shape)
    if kind == "empty":
        return torch.empty(0, dtype=result.dtype)
    if kind == "strided":
        return torch.zeros((*shape[::-1], 2), dtype=result.dtype)[..., 0].permute(tuple(range(len(shape) - 1, -1, -1)))
    if kind == "resized":
        return torch.zeros((*shape, 2), dtype=result.dtype)
    if kind == "wider":
        return torch.zeros(shape, dtype=_WIDER[result.dtype])
    if kind == "integers":
        return torch.zeros(shape, dtype=torch.int64)
    return torch.zeros(shape, dtype=result.dtype).requires_grad_(result.is_floating_point())


def _same_layout(theirs: torch.Tensor) -> Any:
    """Return a tensor of ours of the same dtype, sizes and strides."""
    kind = translate.dtype_of(theirs.dtype).numpy
    memory = np.zeros(max(1, theirs.untyped_storage().nbytes() // theirs.itemsize), kind)
    strides = [s * kind.itemsize for s in theirs.stride()]
    view = np.lib.stride_tricks.as_strided(memory, tuple(theirs.shape), strides)
    return tinygrad_hw.Tensor._wrap(view).requires_grad_(theirs.requires_grad)


def _views_of_one(sample: Any) -> bool:
    """Whether the output and an input are different tensors on the same memory."""
    outs = tensors_in(sample.kwargs.get("out"), torch.Tensor)
    given = tensors_in((sample.input, sample.args), torch.Tensor)
    return any(
        o is not t and o.untyped_storage().data_ptr() == t.untyped_storage().data_ptr() != 0
        for o in outs
        for t in given
    )


def _classes(error: Exception) -> Any:
    """Return the class that must be raised here for an error of PyTorch's."""
    if type(error).__name__ in ("_LinAlgError", "LinAlgError"):
        return tinygrad_hw.linalg.LinAlgError
    if type(error).__module__ == "builtins":
        return type(error)
    return next(c for c in type(error).__mro__ if c.__module__ == "builtins")
