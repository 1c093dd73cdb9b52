"""Corners of linear algebra that the table of cases does not reach."""

from __future__ import annotations

import pytest

import tinygrad_hw as torch


def test_gradient_of_the_determinant_of_a_singular_matrix_is_its_cofactors() -> None:
    a = torch.tensor([[1.0, 2.0], [2.0, 4.0]], dtype=torch.float64, requires_grad=True)
    torch.linalg.det(a).backward()
    assert a.grad.sub(torch.tensor([[4.0, -2.0], [-2.0, 1.0]], dtype=torch.float64)).abs().max() < 1e-12


def test_singular_matrix_has_an_error_that_teaches() -> None:
    with pytest.raises(torch.linalg.LinAlgError, match="pinv"):
        torch.linalg.inv(torch.ones(2, 2))
    with pytest.raises(RuntimeError, match="positive-definite"):
        torch.linalg.cholesky(-torch.eye(2))
