"""``torch.testing``: the same comparisons pass, the same fail, with the same words."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

import tinygrad_hw
from tests.parity.both import compare

pytestmark = pytest.mark.torch


def test_assert_close():
    torch = pytest.importorskip("torch")

    def code(torch, log):
        close = importlib.import_module(f"{torch.__name__}.testing").assert_close
        t, one = torch.tensor, torch.ones(2)
        nan = float("nan")

        def both(a, b, **options):
            try:
                close(a, b, **options)
            except (AssertionError, TypeError, ValueError) as error:
                log(
                    type(error).__name__,
                    str(error).replace("tinygrad_hw.tensor", "torch").replace("tinygrad_hw", "torch"),
                )
            else:
                log("close")

        both(t([1.0, 2.0, 3.0]), t([1.0, 2.0, 3.0]))
        both(t([1.0, 2.0, 3.0]), t([1.0, 2.1, 3.2]))
        both(t([[1.0, 2.0, 3.0]]), t([[1.0, 2.1, 3.2]]))
        both(t([1, 2, 3]), t([1, 2, 4]))
        both(t([1, 2, 3]), t([1, 2, 4]), rtol=0, atol=1)
        both(t([1.0, 2.0]), t([1.0]))
        both(one, one.double())
        both(one, one.double(), check_dtype=False)
        both(t(1.0), t(2.0))
        both(1.0, 2.0)
        both(1.0, 1.0 + 1e-9)
        both(1, 2)
        both(1, 2.0)
        both(1, 1.0, check_dtype=False)
        both(True, False)
        both([one, torch.ones(3)], [one, torch.zeros(3)])
        both([one], [one, one])
        both({"a": one, "b": {"c": 1.0}}, {"a": one, "b": {"c": 1.5}})
        both({"a": one}, {"b": one})
        both("a", "a")
        both(np.ones(2), np.ones(2))
        both(one, one, rtol=1e-3)
        both(one, one * 1.5, msg="hello")
        both(one, one * 1.5, msg=lambda m: "X: " + m)
        both(one * nan, one * nan)
        both(one * nan, one * nan, equal_nan=True)
        both(torch.ones(3, 2).t(), torch.ones(2, 3), check_stride=True)
        both(torch.ones(3, 2).t(), torch.ones(2, 3))
        both(None, None)
        both(None, 1)
        both(torch.zeros(0), torch.zeros(0))
        both(t([True, False]), t([True, True]))
        both(t([1.0]), t([1.1]), rtol=0, atol=0)
        both([[1.0, 2.0], [1.0]], [[1.0, 2.0], [2.0]])
        both(t([1.0]).half(), t([1.002]).half())
        both(torch.nn.Parameter(one), one)
        both(torch.nn.Parameter(one), torch.nn.Parameter(one * 2))

    compare(code, tinygrad_hw, torch)


def test_make_tensor():
    torch = pytest.importorskip("torch")

    def code(torch, log):
        make = importlib.import_module(f"{torch.__name__}.testing").make_tensor
        for name in ("float16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool"):
            torch.manual_seed(0)
            log(make(2, 3, dtype=getattr(torch, name), device="cpu"))
        torch.manual_seed(0)
        x = make((4, 5), dtype=torch.float32, device="cpu", low=0, high=1, noncontiguous=True, requires_grad=True)
        log(x, x.stride(), x.requires_grad, x.is_leaf)
        log(make(20, dtype=torch.int64, device="cpu", low=-1, high=2, exclude_zero=True))
        log.error(make, 2, dtype=torch.float32, device="cpu", low=3, high=2)
        log.error(make, 2, dtype=torch.int64, device="cpu", requires_grad=True)
        log.error(make, 2, dtype=torch.float32, device="cpu", low=float("nan"))
        log.error(make, 2, dtype=torch.uint8, device="cpu", low=-5, high=-3)

    compare(code, tinygrad_hw, torch)
