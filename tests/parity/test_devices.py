"""Devices that are not there, and their switches: answers and errors are those of PyTorch built for the CPU alone."""

from __future__ import annotations

import importlib
import pickle
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import tinygrad_hw as ours

torch = pytest.importorskip("torch")

pytestmark = [pytest.mark.torch, pytest.mark.skipif(torch.backends.cuda.is_built(), reason="that PyTorch has CUDA")]


def outcome(call: Callable[[], Any]) -> Any:
    """Return what a call returns, or what it raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return call()
        except Exception as error:
            return type(error).__name__, str(error)


def module(package: Any, name: str) -> Any:
    return importlib.import_module(f"{package.__name__}.{name}")


QUESTIONS = [
    *(("cuda", name) for name in ("is_available", "is_initialized", "is_bf16_supported", "device_count")),
    *(("cuda", name) for name in ("get_arch_list", "empty_cache", "seed", "seed_all")),
    *(("cuda", f"{which}memory_{what}") for which in ("", "max_") for what in ("allocated", "reserved")),
    *(("mps", name) for name in ("is_available", "device_count", "seed", "empty_cache", "synchronize")),
    *(("xpu", name) for name in ("is_available", "device_count", "seed", "empty_cache")),
    *(("accelerator", name) for name in ("is_available", "device_count", "current_accelerator")),
    *(("cpu", name) for name in ("is_available", "is_initialized", "device_count", "current_device", "synchronize")),
    *(("backends.cuda", f"{kernel}_sdp_enabled") for kernel in ("flash", "mem_efficient", "math", "cudnn")),
    *(("backends.cudnn", name) for name in ("is_available", "version")),
    *(("backends.mps", name) for name in ("is_available", "is_built")),
    ("backends.cuda", "is_built"),
]


@pytest.mark.parametrize(("where", "name"), QUESTIONS, ids=[f"{where}.{name}" for where, name in QUESTIONS])
def test_questions(where: str, name: str) -> None:
    mine, theirs = (outcome(getattr(module(package, where), name)) for package in (ours, torch))
    assert mine == theirs


@pytest.mark.parametrize(
    ("where", "name", "argument"),
    [
        *(("cuda", name, seed) for name in ("manual_seed", "manual_seed_all") for seed in (1, "1", "x")),
        *(("xpu", "manual_seed", seed) for seed in (1, "x")),
        ("mps", "manual_seed", 1),
        *(("cuda", "set_device", device) for device in (-1, "cpu")),
    ],
)
def test_arguments(where: str, name: str, argument: Any) -> None:
    mine, theirs = (outcome(lambda p=package: getattr(module(p, where), name)(argument)) for package in (ours, torch))
    assert mine == theirs


@pytest.mark.parametrize(
    "name",
    ["init", "current_device", "synchronize", "get_device_name", "get_device_capability", "get_device_properties"],
)
def test_what_needs_cuda(name: str) -> None:
    for package in (ours, torch):
        with pytest.raises(AssertionError, match=r"^Torch not compiled with CUDA enabled"):
            getattr(package.cuda, name)()


def test_what_needs_cuda_to_be_built() -> None:
    # PyTorch misses the compiled function behind these; here they say why.
    for name, arguments in (("set_device", (0,)), ("set_device", ("cuda:0",)), ("reset_peak_memory_stats", ())):
        with pytest.raises(AttributeError, match="_cuda_"):
            getattr(torch.cuda, name)(*arguments)
        with pytest.raises(AssertionError, match=r"^Torch not compiled with CUDA enabled"):
            getattr(ours.cuda, name)(*arguments)


# -- switches --------------------------------------------------------------------------------------


@contextmanager
def restored(switches: Any, names: tuple[str, ...]) -> Iterator[None]:
    before = {name: getattr(switches, name) for name in names}
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(switches, name, value)


def set_and_read(switches: Any, name: str, value: Any) -> Any:
    setattr(switches, name, value)
    return getattr(switches, name)


@pytest.fixture
def thawed(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch's own test utilities, which other tests import, freeze its switches."""
    monkeypatch.setitem(torch.backends.flags_frozen.__globals__, "__allow_nonbracketed_mutation_flag", True)


CUDNN = ("enabled", "benchmark", "deterministic", "allow_tf32")
MATMUL = ("allow_fp16_reduced_precision_reduction", "allow_bf16_reduced_precision_reduction", "allow_fp16_accumulation")


@pytest.mark.parametrize("value", [True, False, 1, "x", None])
@pytest.mark.parametrize("name", CUDNN)
@pytest.mark.usefixtures("thawed")
def test_switches_of_cudnn(name: str, value: Any) -> None:
    results = []
    for package in (ours, torch):
        switches = package.backends.cudnn
        with restored(switches, CUDNN):
            results.append(outcome(lambda s=switches: set_and_read(s, name, value)))
    assert results[0] == results[1]


def test_flags_of_cudnn() -> None:
    results = []
    for package in (ours, torch):
        switches = package.backends.cudnn
        with switches.flags(enabled=False, deterministic=True, allow_tf32=False):
            inside = [getattr(switches, name) for name in CUDNN]
        results.append((inside, [getattr(switches, name) for name in CUDNN], switches.benchmark_limit))
    assert results[0] == results[1]


@pytest.mark.parametrize("value", [True, False, 1, "x", (False, True), (True, False), ()])
@pytest.mark.parametrize("name", MATMUL)
@pytest.mark.usefixtures("thawed")
def test_switches_of_matrix_products(name: str, value: Any) -> None:
    results = []
    for package in (ours, torch):
        switches = package.backends.cuda.matmul
        with restored(switches, MATMUL):
            results.append(outcome(lambda s=switches: set_and_read(s, name, value)))
    mine, theirs = results
    assert type(mine) is type(theirs)
    assert mine == theirs or (isinstance(mine, tuple) and mine[0] == theirs[0])


@pytest.mark.parametrize(
    ("name", "value"),
    [("allow_tf23", True), ("allow_tf32", 1), ("fp32_precision", "bf16"), ("fp32_precision", "x")],
)
def test_refused_for_matrix_products(name: str, value: Any) -> None:
    results = [outcome(lambda p=package: setattr(p.backends.cuda.matmul, name, value)) for package in (ours, torch)]
    assert results[0] == results[1]
    assert results[0] is not None


@pytest.mark.parametrize("kernel", ["flash", "mem_efficient", "math", "cudnn"])
def test_kernels_of_attention(kernel: str) -> None:
    for package in (ours, torch):
        switches = package.backends.cuda
        enable, enabled = getattr(switches, f"enable_{kernel}_sdp"), getattr(switches, f"{kernel}_sdp_enabled")
        try:
            enable(False)
            assert enabled() is False
            with pytest.raises(RuntimeError, match="expects a bool"):
                enable("x")
        finally:
            enable(True)
        assert enabled() is True


def attend(package: Any, **options: Any) -> tuple[int, ...]:
    x = package.ones(1, 1, options.pop("steps", 2), 4)
    return tuple(package.nn.functional.scaled_dot_product_attention(x, x, x, **options).shape)


@pytest.mark.parametrize("steps", [2, 0])
@pytest.mark.parametrize("kernels", [[], ["MATH"], ["FLASH_ATTENTION"], ["EFFICIENT_ATTENTION"], ["MATH", "ERROR"]])
def test_choosing_a_kernel_of_attention(kernels: list[str], steps: int) -> None:
    names = ("flash", "mem_efficient", "math", "cudnn")
    results = []
    for package in (ours, torch):
        attention = module(package, "nn.attention")
        chosen = [getattr(attention.SDPBackend, k) for k in kernels]
        with attention.sdpa_kernel(chosen):
            inside = [getattr(package.backends.cuda, f"{n}_sdp_enabled")() for n in names]
            shape = outcome(lambda p=package: attend(p, steps=steps))
        results.append((inside, shape[:1] if isinstance(shape[0], str) else shape))
        assert [getattr(package.backends.cuda, f"{n}_sdp_enabled")() for n in names] == [True] * 4
        assert attend(package) == (1, 1, 2, 4)
    assert results[0] == results[1]


def test_no_kernel_of_attention_at_all() -> None:
    for package in (ours, torch):
        with (
            module(package, "nn.attention").sdpa_kernel([]),
            pytest.raises(RuntimeError, match=r"^No viable backend for scaled_dot_product_attention was found"),
        ):
            attend(package)


@pytest.mark.filterwarnings("ignore:TF32 acceleration")
@pytest.mark.parametrize("value", [True, False, 1, "x"])
@pytest.mark.parametrize("name", ["enabled", "deterministic"])
@pytest.mark.usefixtures("thawed")
def test_switches_of_mkldnn(name: str, value: Any) -> None:
    results = []
    for package in (ours, torch):
        switches = package.backends.mkldnn
        with restored(switches, ("enabled", "deterministic")):
            results.append(outcome(lambda s=switches: set_and_read(s, name, value)))
            with switches.flags(enabled=False, deterministic=True):
                results.append((switches.enabled, switches.deterministic))
    assert results[:2] == results[2:]


# -- loss scaling ----------------------------------------------------------------------------------


def scaling(package: Any) -> list[Any]:
    """Go through a scaler's life, errors included."""
    log: list[Any] = []

    def note(call: Callable[[], Any]) -> None:
        log.append(outcome(call))

    scaler = package.amp.GradScaler("cpu", init_scale=4.0, growth_interval=2)
    weight = package.nn.Parameter(package.tensor([1.0, 2.0]))
    optimizer = package.optim.SGD([weight], lr=0.1)
    note(scaler.update)
    note(lambda: scaler.step(optimizer))
    note(lambda: scaler.scale(3))
    note(lambda: [t.tolist() for t in scaler.scale(t for t in (package.ones(1), package.ones(2)))])
    note(lambda: [t.tolist() for t in scaler.scale([package.ones(1), package.ones(2)])])
    for i in range(5):
        optimizer.zero_grad()
        scaler.scale((weight * weight).sum() * (float("inf") if i == 2 else 1.0)).backward()
        if i % 2:
            note(lambda: scaler.unscale_(optimizer))
            note(lambda: scaler.unscale_(optimizer))
        note(lambda: scaler.step(optimizer))
        note(lambda: pickle.dumps(scaler) and None)
        note(lambda: scaler.step(optimizer))
        note(lambda: scaler.unscale_(optimizer))
        note(scaler.update)
        note(scaler.update)
        log.append((scaler.get_scale(), scaler.state_dict(), weight.tolist()))
    log.append(pickle.loads(pickle.dumps(scaler)).get_scale())
    for scale in (8.0, package.tensor(16.0), package.ones(2), package.ones(1, requires_grad=True)):
        note(lambda s=scale: scaler.update(s))
        log.append(scaler.get_scale())
    # Without a gradient nothing is checked, and nothing can be stepped.
    weight.grad = None
    note(lambda: scaler.unscale_(optimizer))
    note(lambda: scaler.step(optimizer))
    note(scaler.update)
    note(lambda: scaler.load_state_dict({}))
    return log


def test_a_scaler_does_what_pytorchs_does() -> None:
    mine, theirs = scaling(ours), scaling(torch)
    assert len(mine) == len(theirs) > 40
    for a, b in zip(mine, theirs, strict=True):
        assert a == b
