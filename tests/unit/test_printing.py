"""Printing: golden strings as PyTorch 2.13 prints them, and the options."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tinygrad_hw.printing import (
    format_array,
    get_printoptions,
    set_printoptions,
    tensor_str,
)


@pytest.fixture(autouse=True)
def restore_options() -> Iterator[None]:
    yield
    set_printoptions(profile="default")


def f32(*values: Any) -> np.ndarray:
    return np.array(values, np.float32)


GOLDEN: list[tuple[str, Any, dict[str, Any], str]] = [
    ("zero_dim", np.float32(3.5), {}, "tensor(3.5000)"),
    ("zero_dim_integral", np.float32(3), {}, "tensor(3.)"),
    ("zero_dim_int", np.int64(7), {}, "tensor(7)"),
    ("zero_dim_bool", np.bool_(True), {}, "tensor(True)"),
    ("integral_floats", f32(1, 2, 3), {}, "tensor([1., 2., 3.])"),
    ("four_digits", f32(1, 2.5, -3.14159), {}, "tensor([ 1.0000,  2.5000, -3.1416])"),
    ("negative_zero", f32(-0.0, 0.0), {}, "tensor([-0., 0.])"),
    (
        "not_finite_integral",
        f32(1, float("nan"), float("inf"), float("-inf")),
        {},
        "tensor([1., nan, inf, -inf])",
    ),
    ("not_finite", f32(1.5, float("nan")), {}, "tensor([1.5000,    nan])"),
    (
        "scientific_by_ratio",
        f32(0.001, 2000.5),
        {},
        "tensor([1.0000e-03, 2.0005e+03])",
    ),
    ("scientific_small", f32(0.00001), {}, "tensor([1.0000e-05])"),
    ("scientific_large", f32(2e8, 1), {}, "tensor([2.0000e+08, 1.0000e+00])"),
    ("bool", np.array([[True, False]]), {}, "tensor([[ True, False]])"),
    ("int64", np.array([1, -20, 300]), {}, "tensor([  1, -20, 300])"),
    ("int32", np.array([1, 2], np.int32), {}, "tensor([1, 2], dtype=torch.int32)"),
    ("int16", np.array([-1], np.int16), {}, "tensor([-1], dtype=torch.int16)"),
    ("int8", np.array([-128, 5], np.int8), {}, "tensor([-128,    5], dtype=torch.int8)"),
    ("uint8", np.array([255], np.uint8), {}, "tensor([255], dtype=torch.uint8)"),
    ("float64", np.array([0.1]), {}, "tensor([0.1000], dtype=torch.float64)"),
    (
        "float16_prints_its_own_value",
        np.array([0.1, 65504], np.float16),
        {},
        "tensor([9.9976e-02, 6.5504e+04], dtype=torch.float16)",
    ),
    ("float64_default", np.array([0.1]), {"default_dtype": "float64"}, "tensor([0.1000])"),
    (
        "float32_not_default",
        f32(0.5),
        {"default_dtype": "float64"},
        "tensor([0.5000], dtype=torch.float32)",
    ),
    ("empty", np.zeros(0, np.float32), {}, "tensor([])"),
    ("empty_shape", np.zeros((0, 3), np.float32), {}, "tensor([], size=(0, 3))"),
    ("empty_int", np.zeros(0, np.int64), {}, "tensor([], dtype=torch.int64)"),
    (
        "empty_all",
        np.zeros((2, 0), np.bool_),
        {},
        "tensor([], size=(2, 0), dtype=torch.bool)",
    ),
    ("requires_grad", f32(1), {"requires_grad": True}, "tensor([1.], requires_grad=True)"),
    (
        "grad_fn",
        f32(1),
        {"grad_fn_name": "MulBackward0"},
        "tensor([1.], grad_fn=<MulBackward0>)",
    ),
    (
        "dtype_before_grad_fn",
        np.array(2.0),
        {"grad_fn_name": "SumBackward0"},
        "tensor(2., dtype=torch.float64, grad_fn=<SumBackward0>)",
    ),
    (
        "matrix",
        np.arange(4.0).reshape(2, 2).astype(np.float32),
        {},
        "tensor([[0., 1.],\n        [2., 3.]])",
    ),
    (
        "three_dimensions",
        np.zeros((2, 2, 1), np.int64),
        {},
        "tensor([[[0],\n         [0]],\n\n        [[0],\n         [0]]])",
    ),
    (
        "summary",
        np.arange(1001),
        {},
        "tensor([   0,    1,    2,  ...,  998,  999, 1000])",
    ),
    (
        "not_a_summary_yet",
        np.zeros((1000, 0)),
        {"default_dtype": "float64"},
        "tensor([], size=(1000, 0))",
    ),
    (
        "summary_of_a_matrix",
        np.arange(1200.0).reshape(30, 40).astype(np.float32),
        {},
        "tensor([[0.0000e+00, 1.0000e+00, 2.0000e+00,  ..., 3.7000e+01, 3.8000e+01,\n"
        "         3.9000e+01],\n"
        "        [4.0000e+01, 4.1000e+01, 4.2000e+01,  ..., 7.7000e+01, 7.8000e+01,\n"
        "         7.9000e+01],\n"
        "        [8.0000e+01, 8.1000e+01, 8.2000e+01,  ..., 1.1700e+02, 1.1800e+02,\n"
        "         1.1900e+02],\n"
        "        ...,\n"
        "        [1.0800e+03, 1.0810e+03, 1.0820e+03,  ..., 1.1170e+03, 1.1180e+03,\n"
        "         1.1190e+03],\n"
        "        [1.1200e+03, 1.1210e+03, 1.1220e+03,  ..., 1.1570e+03, 1.1580e+03,\n"
        "         1.1590e+03],\n"
        "        [1.1600e+03, 1.1610e+03, 1.1620e+03,  ..., 1.1970e+03, 1.1980e+03,\n"
        "         1.1990e+03]])",
    ),
    (
        "long_row_wraps",
        np.arange(25),
        {},
        "tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,\n"
        "        18, 19, 20, 21, 22, 23, 24])",
    ),
    (
        "suffix_wraps",
        np.linspace(0, 1, 7),
        {"grad_fn_name": "ExpBackward0"},
        "tensor([0.0000, 0.1667, 0.3333, 0.5000, 0.6667, 0.8333, 1.0000],\n"
        "       dtype=torch.float64, grad_fn=<ExpBackward0>)",
    ),
    (
        "subclass",
        np.eye(2, dtype=np.float32),
        {"type_name": "Image"},
        "Image([[1., 0.],\n       [0., 1.]])",
    ),
    (
        "given_contents",
        np.zeros((1000, 1000), np.int8),
        {"contents": "..."},
        "tensor(..., dtype=torch.int8)",
    ),
]


@pytest.mark.parametrize(("array", "options", "expected"), [g[1:] for g in GOLDEN], ids=[g[0] for g in GOLDEN])
def test_golden(array: Any, options: dict[str, Any], expected: str) -> None:
    assert tensor_str(np.asarray(array), **options) == expected


def test_layout_in_memory_does_not_show() -> None:
    array = np.arange(12.0).reshape(3, 4)
    assert tensor_str(array.T) == tensor_str(np.ascontiguousarray(array.T))
    assert tensor_str(array[:, ::-2]) == tensor_str(np.ascontiguousarray(array[:, ::-2]))


def test_body_alone() -> None:
    assert format_array(np.array([[1, 2], [3, 4]])) == "[[1, 2],\n [3, 4]]"
    assert format_array(np.array([[1, 2], [3, 4]]), indent=2) == "[[1, 2],\n   [3, 4]]"


class TestOptions:
    def test_defaults(self) -> None:
        assert get_printoptions() == {
            "precision": 4,
            "threshold": 1000,
            "edgeitems": 3,
            "linewidth": 80,
            "sci_mode": None,
        }

    def test_precision(self) -> None:
        set_printoptions(precision=2)
        assert tensor_str(f32(1.12345)) == "tensor([1.12])"

    def test_threshold_and_edgeitems(self) -> None:
        set_printoptions(threshold=5, edgeitems=1)
        assert tensor_str(np.arange(10)) == "tensor([0,  ..., 9])"

    def test_no_edgeitems_shows_the_size(self) -> None:
        set_printoptions(threshold=5, edgeitems=0)
        assert tensor_str(np.arange(10)) == "tensor([...], size=(10,))"

    def test_linewidth(self) -> None:
        set_printoptions(linewidth=20)
        assert tensor_str(np.arange(6)) == "tensor([0, 1, 2, 3,\n        4, 5])"

    def test_scientific_forced_and_forbidden(self) -> None:
        set_printoptions(sci_mode=True)
        assert tensor_str(f32(1, 0)) == "tensor([1.0000e+00, 0.0000e+00])"
        set_printoptions(sci_mode=False)
        assert tensor_str(f32(1e-5, 1.5)) == "tensor([0.0000, 1.5000])"

    def test_scientific_is_forgotten_by_the_next_call(self) -> None:
        set_printoptions(sci_mode=True)
        set_printoptions(precision=3)
        assert get_printoptions()["sci_mode"] is None

    def test_profiles(self) -> None:
        set_printoptions(profile="short")
        assert get_printoptions() == {
            "precision": 2,
            "threshold": 1000,
            "edgeitems": 2,
            "linewidth": 80,
            "sci_mode": None,
        }
        set_printoptions(profile="full", precision=1)
        assert "..." not in tensor_str(np.arange(2000))
        assert get_printoptions()["precision"] == 1

    def test_options_can_be_given_back(self) -> None:
        set_printoptions(precision=1, sci_mode=True)
        kept = get_printoptions()
        set_printoptions(profile="default")
        set_printoptions(**kept)
        assert get_printoptions() == kept

    def test_unknown_profile(self) -> None:
        with pytest.raises(ValueError, match=r"'default', 'full', 'short'.*'long'"):
            set_printoptions(profile="long")
