"""nn.init and nn.utils."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tinygrad_hw as torch
from tinygrad_hw import nn
from tinygrad_hw.nn import init

RANDOM = [
    (init.uniform_, {}),
    (init.normal_, {}),
    (init.trunc_normal_, {}),
    (init.xavier_uniform_, {}),
    (init.xavier_normal_, {}),
    (init.kaiming_uniform_, {}),
    (init.kaiming_normal_, {}),
    (init.orthogonal_, {}),
    (init.sparse_, {"sparsity": 0.3}),
]


@pytest.mark.parametrize(("function", "options"), RANDOM)
def test_random_functions_fill_in_place_and_repeat(function, options):
    w = nn.Parameter(torch.zeros(6, 5))
    torch.manual_seed(3)
    version = w._version
    assert function(w, **options) is w
    assert w.grad_fn is None and w.requires_grad and w._version > version
    first = w.array.copy()
    assert np.any(first != 0)
    torch.manual_seed(3)
    function(w, **options)
    assert np.array_equal(w.array, first)
    torch.manual_seed(3)
    g = torch.Generator().manual_seed(11)
    function(w, **options, generator=g)
    assert not np.array_equal(w.array, first)


def test_not_contiguous_is_filled_in_memory_order():
    w = torch.zeros(5, 6).T
    torch.manual_seed(0)
    init.uniform_(w)
    torch.manual_seed(0)
    assert np.array_equal(w.array.T, init.uniform_(torch.zeros(5, 6)).array)


def test_distributions():
    torch.manual_seed(0)
    w = torch.empty(200, 300)
    init.uniform_(w, -2, 3)
    assert -2 <= w.array.min() < -1.9 and 2.9 < w.array.max() < 3
    init.normal_(w, 1, 2)
    assert abs(w.array.mean() - 1) < 0.05 and abs(w.array.std() - 2) < 0.05
    init.trunc_normal_(w, 0, 1, -0.5, 1)
    assert w.array.min() >= -0.5 and w.array.max() <= 1
    init.xavier_uniform_(w, gain=2)
    assert abs(np.abs(w.array).max() - 2 * math.sqrt(6 / 500)) < 1e-3
    init.xavier_normal_(w)
    assert abs(w.array.std() - math.sqrt(2 / 500)) < 1e-3
    init.kaiming_uniform_(w, nonlinearity="relu")
    assert abs(np.abs(w.array).max() - math.sqrt(6 / 300)) < 1e-3
    init.kaiming_normal_(w, mode="fan_out", a=1)
    assert abs(w.array.std() - math.sqrt(1 / 200)) < 1e-3


def test_fans_of_a_convolution():
    w = torch.empty(8, 4, 3, 5)
    assert init._calculate_fan_in_and_fan_out(w) == (60, 120)
    assert init._calculate_correct_fan(w, "FAN_OUT") == 120


@pytest.mark.parametrize("shape", [(4, 7), (7, 4), (5, 5), (3, 2, 2)])
def test_orthogonal(shape):
    w = init.orthogonal_(torch.empty(shape), gain=2).array.reshape(shape[0], -1)
    small = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    assert np.allclose(small, 4 * np.eye(len(small)), atol=1e-5)


def test_structured():
    assert init.eye_(torch.empty(2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert init.constant_(torch.empty(2), 3).tolist() == [3, 3]
    assert init.ones_(torch.empty(1)).item() == 1 and init.zeros_(torch.empty(1)).item() == 0
    w = init.dirac_(torch.empty(4, 2, 3, 3), groups=2).array
    assert w.sum() == 4 and all(w[o, o % 2, 1, 1] == 1 for o in range(4))
    for kernel in ((3,), (3, 3), (3, 3, 3)):
        w = init.dirac_(torch.empty(3, 2, *kernel)).array
        center = tuple(k // 2 for k in kernel)
        assert w.sum() == 2 and w[(0, 0, *center)] == w[(1, 1, *center)] == 1
    w = init.sparse_(torch.empty(10, 4), sparsity=0.25).array
    assert ((w == 0).sum(axis=0) == 3).all()


def test_errors():
    with pytest.raises(ValueError, match="Only tensors with 2 dimensions"):
        init.eye_(torch.empty(2))
    with pytest.raises(ValueError, match="Only tensors with 2 dimensions"):
        init.sparse_(torch.empty(2), 0.5)
    with pytest.raises(ValueError, match="3, 4, or 5"):
        init.dirac_(torch.empty(2, 2))
    with pytest.raises(ValueError, match="divisible by groups"):
        init.dirac_(torch.empty(3, 2, 1), groups=2)
    with pytest.raises(ValueError, match="2 or more"):
        init.orthogonal_(torch.empty(2))
    with pytest.raises(ValueError, match="Fan in and fan out"):
        init.xavier_uniform_(torch.empty(2))
    with pytest.raises(ValueError, match="Mode fan not supported"):
        init.kaiming_normal_(torch.empty(2, 2), mode="fan")
    with pytest.raises(ValueError, match="Unsupported nonlinearity gelu"):
        init.calculate_gain("gelu")
    with pytest.raises(ValueError, match="not a valid number"):
        init.calculate_gain("leaky_relu", True)
    with pytest.warns(UserWarning, match="no-op"):
        init.kaiming_uniform_(torch.empty(0, 2))
    with pytest.warns(UserWarning, match="more than 2 std"):
        init.trunc_normal_(torch.empty(3), mean=9)
    with pytest.warns(FutureWarning, match=r"`nn.init.uniform` is now deprecated"):
        init.uniform(torch.empty(3))


def test_all_old_names_warn():
    for name in ("normal", "xavier_uniform", "xavier_normal", "kaiming_normal", "orthogonal"):
        with pytest.warns(FutureWarning, match=name + "_"):
            getattr(init, name)(torch.empty(3, 3))


# -- nn.utils --------------------------------------------------------------------------------------


def gradients(*arrays, dtype=np.float32):
    params = []
    for a in arrays:
        p = nn.Parameter(torch.from_numpy(np.zeros(np.shape(a), dtype)))
        p.grad = torch.from_numpy(np.array(a, dtype))
        params.append(p)
    return params


@pytest.mark.parametrize("order", [0.5, 1, 2, 3, math.inf, -math.inf, 0])
def test_total_norm(order):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=s) for s in [(3, 4), (5,), ()]]
    tensors = [torch.from_numpy(np.array(a)) for a in arrays]
    total = nn.utils.get_total_norm(tensors, order)
    each = [np.linalg.norm(np.ravel(a), order) for a in arrays]
    assert total.item() == pytest.approx(np.linalg.norm(each, order))
    assert total.shape == () and total.dtype is torch.float64


def test_clip_grad_norm():
    a, b = gradients([3.0], [0.0, 4.0])
    c = nn.Parameter(torch.ones(2))  # without a gradient
    grad, version = a.grad, a.grad._version
    total = nn.utils.clip_grad_norm_([a, b, c], 1.0)
    assert total.item() == 5.0
    assert a.grad is grad and a.grad._version > version
    assert np.allclose(a.grad.array, 0.6, atol=1e-6) and np.allclose(b.grad.array, [0, 0.8])
    total = nn.utils.clip_grad_norm_([a, b], 10.0)
    assert total.item() == pytest.approx(1, abs=1e-5) and np.allclose(a.grad.array, 0.6, atol=1e-5)
    assert nn.utils.clip_grad_norm_(a, 0.1).item() == pytest.approx(0.6, abs=1e-5)
    assert nn.utils.clip_grad_norm_([c], 1.0).item() == 0
    assert nn.utils.clip_grad_norm_([], 1.0).item() == 0
    with pytest.warns(UserWarning, match="empty generator"):
        nn.utils.clip_grad_norm_((p for p in ()), 1.0)
    with pytest.warns(FutureWarning):
        nn.utils.clip_grad_norm([a], 1.0)


def test_clip_grad_norm_of_what_is_not_finite():
    (a,) = gradients([np.inf, 1.0])
    with pytest.raises(RuntimeError, match="is non-finite, so it cannot be clipped"):
        nn.utils.clip_grad_norm_([a], 1.0, error_if_nonfinite=True)
    assert a.grad.tolist() == [math.inf, 1.0]
    nn.utils.clip_grad_norm_([a], 1.0)
    assert math.isnan(a.grad.tolist()[0]) and a.grad.tolist()[1] == 0.0


def test_clip_grad_value():
    a, b = gradients([-3.0, 0.5, 4.0], [[2.0]])
    nn.utils.clip_grad_value_([a, b], 1)
    assert a.grad.tolist() == [-1.0, 0.5, 1.0] and b.grad.tolist() == [[1.0]]
    assert a.grad._version > 0


def test_parameters_and_vectors():
    a = nn.Parameter(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    b = nn.Parameter(torch.tensor(5.0))
    vector = nn.utils.parameters_to_vector([a, b])
    assert vector.tolist() == [1, 2, 3, 4, 5]
    (vector * torch.arange(5.0)).sum().backward()
    assert a.grad.tolist() == [[0, 1], [2, 3]] and b.grad.item() == 4
    new = torch.arange(6.0)
    nn.utils.vector_to_parameters(new, [a, b])
    assert a.tolist() == [[0, 1], [2, 3]] and b.item() == 4 and isinstance(a, nn.Parameter)
    assert np.shares_memory(a.array, new.array)
    with pytest.raises(TypeError, match=r"expected torch.Tensor, but got: list"):
        nn.utils.vector_to_parameters([1.0], [a])
    with pytest.raises(RuntimeError, match="is invalid for the 1 elements"):
        nn.utils.vector_to_parameters(torch.zeros(5), [a, a])
