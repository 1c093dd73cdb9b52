"""numpy's words for arguments, ``axis`` and ``keepdims``, where PyTorch takes them."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import pytest

import tinygrad_hw as torch
from tinygrad_hw import numpy_names

X = torch.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: X.sum(axis=1, keepdims=True), [[3.0], [12.0]]),
        (lambda: torch.sum(X, axis=(0, 1)), 15.0),
        (lambda: torch.mean(input=X, axis=0), [1.5, 2.5, 3.5]),
        (lambda: X.max(axis=1).indices, [2, 2]),
        (lambda: torch.max(X, axis=0).values, [3.0, 4.0, 5.0]),
        (lambda: X.argmin(axis=0, keepdims=True), [[0, 0, 0]]),
        (lambda: X.var(axis=0), [4.5, 4.5, 4.5]),
        (lambda: torch.cat([X, X], axis=1).shape, (2, 6)),
        (lambda: torch.stack([X, X], axis=2).shape, (2, 3, 2)),
        (lambda: X.unsqueeze(axis=0).squeeze(axis=0).shape, (2, 3)),
        (lambda: X.gather(axis=1, index=torch.tensor([[2], [0]])), [[2.0], [3.0]]),
        (lambda: X.clone().index_fill_(axis=1, index=torch.tensor([0, 1]), value=9.0), [[9, 9, 2], [9, 9, 5]]),
        (lambda: torch.linalg.norm(X - 2, axis=0), [1 + 3 - 4 + 5**0.5, 5**0.5, 3.0]),
        (lambda: torch.special.logsumexp(torch.zeros(2, 1), axis=1), [0.0, 0.0]),
        (lambda: torch.fft.fft(X, axis=0).real[1], [-3.0, -3.0, -3.0]),
        (lambda: X.mean(axis=None), 2.5),
    ],
)
def test_values(call: Any, expected: Any) -> None:
    result = call()
    result = result.tolist() if isinstance(result, torch.Tensor) else tuple(result)
    assert (
        result == pytest.approx(expected)
        if not isinstance(result, list)
        else torch.allclose(torch.tensor(result, dtype=torch.float64), torch.tensor(expected, dtype=torch.float64))
    )


def test_gradients_flow() -> None:
    x = torch.ones(2, 3, requires_grad=True)
    (x.sum(axis=0) * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert x.grad.tolist() == [[1.0, 2.0, 3.0]] * 2


@pytest.mark.parametrize(
    "call",
    [
        lambda: torch.sum(X, 1, axis=1),
        lambda: X.sum(dim=1, axis=1),
        lambda: X.argmax(1, True, keepdims=True),
        lambda: torch.flip(X, axis=0),
        lambda: X.split(1, axis=0),
        lambda: torch.nn.functional.softmax(X, axis=0),
        lambda: X.unsqueeze(),
        lambda: X.cumsum(),
        lambda: X.gather(index=torch.tensor([[0]])),
        lambda: torch.sum(),
        lambda: X.sum(axes=0),
    ],
)
def test_what_pytorch_refuses_is_refused(call: Any) -> None:
    with pytest.raises(TypeError):
        call()


def test_functions_keep_their_face() -> None:
    assert list(inspect.signature(torch.sum).parameters) == ["input", "dim", "keepdim", "dtype", "out"]
    assert torch.sum.__doc__ and torch.sum.__name__ == "sum"
    assert pickle.loads(pickle.dumps(torch.sum)) is torch.sum


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore")
def test_all_names_are_pytorchs() -> None:
    oracle = pytest.importorskip("torch")
    x = oracle.ones(1, 1)
    for place, names in (
        (oracle, numpy_names.FUNCTIONS),
        (oracle.Tensor, numpy_names.METHODS),
        (oracle.linalg, numpy_names.LINALG),
        (oracle.fft, numpy_names.FFT),
        (oracle.special, numpy_names.SPECIAL),
    ):
        for name in names:
            # PyTorch names a parameter that it does not know; other complaints are about what is missing.
            try:
                getattr(place, name)(x, axis=0)
            except (TypeError, RuntimeError, IndexError, NotImplementedError) as e:
                assert "unexpected keyword argument 'axis'" not in str(e), name
