"""nn.init and nn.utils against PyTorch: the same seed fills in the same numbers."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

import tinygrad_hw
from tests.parity.both import compare

pytorch = pytest.importorskip("torch")

SHAPES = [(2, 3), (3, 2), (16, 5), (5, 16), (8, 4, 3), (4, 6, 3, 3), (3, 2, 2, 2, 2), (40, 30)]
RANDOM = [
    ("uniform_", {}),
    ("uniform_", {"a": -2.0, "b": 3.5}),
    ("normal_", {}),
    ("normal_", {"mean": 1.5, "std": 0.2}),
    ("trunc_normal_", {}),
    ("trunc_normal_", {"mean": 0.5, "std": 0.5, "a": 0.0, "b": 1.0}),
    ("trunc_normal_", {"mean": 3.0, "std": 2.0, "a": -1.0, "b": 0.5}),
    ("xavier_uniform_", {}),
    ("xavier_uniform_", {"gain": 1.7}),
    ("xavier_normal_", {}),
    ("xavier_normal_", {"gain": 0.3}),
    ("kaiming_uniform_", {}),
    ("kaiming_uniform_", {"a": math.sqrt(5)}),
    ("kaiming_uniform_", {"mode": "fan_out", "nonlinearity": "tanh"}),
    ("kaiming_normal_", {}),
    ("kaiming_normal_", {"mode": "fan_out", "nonlinearity": "relu"}),
    ("kaiming_normal_", {"a": 0.2, "nonlinearity": "leaky_relu"}),
    ("orthogonal_", {}),
    ("orthogonal_", {"gain": 1.3}),
    ("sparse_", {"sparsity": 0.1}),
    ("sparse_", {"sparsity": 0.75, "std": 0.5}),
]


@pytest.mark.parametrize(("name", "options"), RANDOM)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("own_generator", [False, True])
def test_same_numbers(name, options, dtype, own_generator):
    def code(torch, log):
        init = getattr(torch.nn.init, name)
        torch.manual_seed(1)
        generator = torch.Generator().manual_seed(7) if own_generator else None
        for shape in SHAPES:
            if name == "sparse_" and len(shape) != 2:
                continue
            w = torch.nn.Parameter(torch.empty(shape, dtype=getattr(torch, dtype)))
            log(init(w, **options, generator=generator))
            log(w.requires_grad, w.grad_fn is None)
        if len(SHAPES[0]) == 2:
            strange = torch.zeros(5, 8, dtype=getattr(torch, dtype)).T
            log(init(strange, **options, generator=generator))
        log(torch.rand(3))

    compare(code, tinygrad_hw, pytorch, rtol=1e-5 if name == "orthogonal_" else 1e-6)


def test_structured():
    def code(torch, log):
        init = torch.nn.init
        for shape in ((2, 3), (3, 2), (3, 3)):
            log(init.eye_(torch.empty(shape)), init.eye_(torch.empty(shape).T))
        for shape in ((4, 2, 3), (4, 6, 2, 3), (6, 3, 3, 3, 2), (2, 2, 1)):
            for groups in (1, 2):
                log(init.dirac_(torch.empty(shape), groups))
        log(init.constant_(torch.empty(3), 0.3), init.ones_(torch.empty(2)))
        log(init.zeros_(torch.empty(2, 2)), init.constant_(torch.empty(2).double(), 2))

    compare(code, tinygrad_hw, pytorch)


def test_gains_fans_and_errors():
    def code(torch, log):
        init = torch.nn.init
        for name in (
            *("linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d"),
            *("conv_transpose3d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"),
        ):
            log(float(init.calculate_gain(name)))
        log(init.calculate_gain("leaky_relu", 0.3), init.calculate_gain("leaky_relu", 2))
        log.error(init.calculate_gain, "gelu")
        log.error(init.calculate_gain, "leaky_relu", True)
        log.error(init.calculate_gain, "leaky_relu", "a")
        for shape in SHAPES:
            log(init._calculate_fan_in_and_fan_out(torch.empty(shape)))
            log(init._calculate_correct_fan(torch.empty(shape), "Fan_Out"))
        log.error(init._calculate_correct_fan, torch.empty(2, 2), "x")
        vector = torch.empty(3)
        for name in ("eye_", "dirac_", "orthogonal_", "xavier_normal_", "kaiming_uniform_"):
            log.error(getattr(init, name), vector)
        log.error(init.sparse_, vector, 0.5)
        log.error(init.dirac_, torch.empty(3, 2, 2), 2)
        log.warned(init.kaiming_normal_, torch.empty(0, 3))
        log.warned(init.orthogonal_, torch.empty(0, 3))
        torch.manual_seed(0)
        log.warned(init.trunc_normal_, torch.empty(3), mean=5.0)
        log.warned(init.kaiming_uniform, torch.empty(3, 2))

    compare(code, tinygrad_hw, pytorch)


# -- nn.utils ------------------------------------------------------------------------------------


def parameters_of(torch, dtype="float32", scale=1.0):
    rng = np.random.default_rng(0)
    params = []
    for shape in ((3, 4), (5,), (), (0,), (2, 2, 2)):
        array = rng.normal(size=shape) * scale
        p = torch.nn.Parameter(torch.from_numpy(np.zeros(shape, dtype)))
        p.grad = torch.from_numpy(np.array(array, dtype))
        params.append(p)
    params.append(torch.nn.Parameter(torch.ones(2)))
    return params


@pytest.mark.parametrize("norm_type", [2, 1, 0.5, 3, math.inf, 0, "inf"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_clip_grad_norm(norm_type, dtype):
    def code(torch, log):
        for max_norm in (0.1, 1.0, 100.0):
            params = parameters_of(torch, dtype)
            if float(norm_type) == math.inf:
                del params[3]  # PyTorch has no largest element of an empty gradient
            log(torch.nn.utils.clip_grad_norm_(params, max_norm, norm_type))
            log([p.grad for p in params[:-1]], params[-1].grad is None)
            log(torch.nn.utils.get_total_norm([p.grad for p in params[:-1]], norm_type))

    compare(code, tinygrad_hw, pytorch)


def test_clipping_odds_and_ends():
    def code(torch, log):
        u = torch.nn.utils
        params = parameters_of(torch)
        log(u.clip_grad_norm_(params[0], 0.5), params[0].grad)
        log(u.clip_grad_norm_([params[-1]], 0.5), u.clip_grad_norm_([], 0.5))
        log.warned(u.clip_grad_norm_, (p for p in ()), 0.5)
        log.warned(u.clip_grad_norm, [], 0.5)
        u.clip_grad_value_(params, 0.3)
        log([p.grad for p in params[:-1]])
        u.clip_grads_with_norm_(params, 0.1, torch.tensor(2.0))
        log([p.grad for p in params[:-1]])
        bad = torch.nn.Parameter(torch.zeros(2))
        bad.grad = torch.tensor([math.inf, 1.0])
        log.error(u.clip_grad_norm_, bad, 1.0, error_if_nonfinite=True)
        log(u.clip_grad_norm_(bad, 1.0), bad.grad)
        half = torch.nn.Parameter(torch.zeros(2).half())
        half.grad = torch.tensor([300.0, 400.0]).half()
        log(u.clip_grad_norm_([half], 1.0), half.grad)

    compare(code, tinygrad_hw, pytorch)


def test_vectors():
    def code(torch, log):
        u = torch.nn.utils
        a = torch.nn.Parameter(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        b = torch.nn.Parameter(torch.tensor(5.0))
        vector = u.parameters_to_vector([a, b])
        log(vector, vector.requires_grad)
        (vector * vector).sum().backward()
        log(a.grad, b.grad)
        u.vector_to_parameters(vector * 2, [a, b])
        log(a, b, a.requires_grad, a.is_leaf)
        log.error(u.vector_to_parameters, [1.0], [a])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compare(code, tinygrad_hw, pytorch)
