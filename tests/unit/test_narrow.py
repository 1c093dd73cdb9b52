"""Dtypes that numpy only stores: nothing before the first one, one rounding per op, and what else looks at ops."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest

import tinygrad_hw as torch
from tinygrad_hw.autograd import tracer
from tinygrad_hw.autograd.graph import NAMESPACE
from tinygrad_hw.autograd.narrow import is_narrow, wide

pytest.importorskip("ml_dtypes")


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_nothing_happens_before_the_first_tensor() -> None:
    code = """
import sys
import tinygrad_hw as torch
from tinygrad_hw.autograd.graph import NAMESPACE
x = torch.ones(2)
print(x.dtype == torch.bfloat16, torch.finfo(torch.bfloat16).eps, torch.promote_types(torch.bfloat16, torch.float16))
print("ml_dtypes" in sys.modules, NAMESPACE["TRACE"])
x.bfloat16()
print("ml_dtypes" in sys.modules, NAMESPACE["TRACE"] is not None)
"""
    assert python(code).splitlines() == ["False 0.0078125 torch.float32", "False None", "True True"]


def test_without_the_package() -> None:
    code = """
import sys
sys.modules["ml_dtypes"] = None
import tinygrad_hw as torch
for make in (lambda: torch.ones(2).bfloat16(), lambda: torch.zeros(2, dtype=torch.chalf),
             lambda: torch.autocast("cpu").__enter__()):
    try:
        make()
    except ImportError as error:
        print(error)
print(torch.is_autocast_enabled("cpu"), (torch.ones(2) * 2).sum())
"""
    lines = python(code).splitlines()
    assert lines[0] == "torch.bfloat16 needs the ml_dtypes package: pip install 'tinygrad-hw[bfloat16]'"
    assert lines[1].startswith("torch.complex32 needs the ml_dtypes package, version 0.6 or later")
    assert lines[2] == lines[0]
    assert lines[3] == "False tensor(4.)"


def test_the_array_is_two_bytes_wide() -> None:
    x = torch.ones(4).bfloat16()
    assert x.array.itemsize == 2 and x.array.dtype.name == "bfloat16" and is_narrow(x)
    assert wide(x).array.dtype == np.float32
    assert x[1:].array.base is not None and np.shares_memory(x[1:].array, x.array)


def test_one_rounding_per_op() -> None:
    """A sum of many small numbers does not get stuck, and the result is the rounded exact one."""
    x = torch.full((4096,), 1 / 3, dtype=torch.bfloat16)
    exact = float(np.float32(x[0].item())) * 4096
    assert x.sum().item() == torch.tensor(exact).bfloat16().item()
    a, b = torch.randn(64, 64).bfloat16(), torch.randn(64, 64).bfloat16()
    assert torch.equal(a @ b, (a.float() @ b.float()).bfloat16())


def test_copies_keep_the_layout() -> None:
    x = torch.randn(3, 4).bfloat16().t()
    assert x.clone().stride() == x.stride() == (1, 4)
    assert (x * 2).stride() == x.stride()


def test_the_walk_frees_and_refuses_as_always() -> None:
    w = torch.ones(2, dtype=torch.bfloat16, requires_grad=True)
    y = (w * w).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()
    assert w.grad.tolist() == [2, 2] and w.grad.dtype is torch.bfloat16
    (w * w).sum().backward()
    assert w.grad.tolist() == [4, 4]


def test_functions_of_users_get_the_dtype() -> None:
    seen = []

    class Twice(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            seen.append(x.dtype)
            return x * 2

        @staticmethod
        def backward(ctx, g):
            seen.append(g.dtype)
            return g * 2

    x = torch.ones(2, dtype=torch.bfloat16, requires_grad=True)
    Twice.apply(x).sum().backward()
    assert seen == [torch.bfloat16, torch.bfloat16]
    assert x.grad.tolist() == [2, 2]


def test_other_tracers_go_on() -> None:
    x = torch.ones(3, dtype=torch.bfloat16, requires_grad=True)
    assert not tracer.tracing()
    names = []

    def spy(op, args, params, apply):
        names.append(op.name)
        return apply(op, args, params)

    tracer.add_tracer(spy)
    try:
        assert tracer.tracing()
        y = torch.sort(x * 3)[0]
    finally:
        tracer.remove_tracer(spy)
    assert not tracer.tracing() and NAMESPACE["TRACE"] is not None
    assert y.dtype is torch.bfloat16 and "mul" in names
    with pytest.warns(UserWarning), torch.autograd.detect_anomaly(), pytest.raises(RuntimeError, match="nan"):
        (x * float("nan")).sum().backward()
    with torch.profiler.profile() as profile:
        (x * 2).sum()
    assert "mul" in [e.key for e in profile.key_averages()]


def test_a_model_is_exported_after_a_bfloat16_tensor() -> None:
    pytest.importorskip("onnx")
    torch.ones(1).bfloat16()
    before = NAMESPACE["TRACE"]
    program = torch.onnx.export(torch.nn.Linear(2, 1), (torch.ones(1, 2),))
    assert program is not None and NAMESPACE["TRACE"] is before


def test_autocast_is_of_one_thread() -> None:
    found = []

    def elsewhere() -> None:
        found.append((torch.is_autocast_enabled("cpu"), (torch.ones(2, 2) @ torch.ones(2, 2)).dtype))

    with torch.autocast("cpu"):
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is torch.bfloat16
    assert found == [(False, torch.float32)]


def test_integer_functions_refuse() -> None:
    x = torch.ones(3).bfloat16()
    for call in (lambda: x & 1, lambda: x << 1, lambda: ~x, lambda: torch.gcd(x, x)):
        with pytest.raises((NotImplementedError, RuntimeError, TypeError)):
            call()
    with pytest.raises(TypeError, match="BFloat16"):
        x.numpy()


def test_a_gradient_of_another_dtype_is_refused() -> None:
    x = torch.ones(3, dtype=torch.bfloat16, requires_grad=True)
    with pytest.raises(RuntimeError, match="dtype"):
        x.grad = torch.ones(3)


def test_scaled_losses() -> None:
    w = torch.nn.Parameter(torch.ones(2).bfloat16())
    optimizer = torch.optim.SGD([w], lr=0.25)
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    scaler.scale((w * w).sum()).backward()
    assert w.grad.tolist() == [8, 8]
    scaler.step(optimizer)
    scaler.update()
    assert w.tolist() == [0.5, 0.5] and w.dtype is torch.bfloat16
