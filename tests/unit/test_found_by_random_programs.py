"""Small programs on which random testing once found another result than PyTorch's; the values are PyTorch's."""

from __future__ import annotations

from typing import Any

import pytest

import tinygrad_hw as torch

F64 = torch.float64


def leaf(*values: float) -> Any:
    return torch.tensor(list(values), dtype=F64, requires_grad=True)


# -- writing ---------------------------------------------------------------------------------------


def test_a_leaf_written_into_a_tensor_gets_its_gradient() -> None:
    for index in (0, slice(None), ..., (0, slice(None))):
        w = leaf(1.0, 2.0)
        out = torch.zeros(1, 2, dtype=F64)
        out[index] = w
        assert out.requires_grad
        (out * torch.tensor([3.0, 5.0], dtype=F64)).sum().backward()
        assert w.grad.tolist() == [3.0, 5.0]


def test_rows_may_be_filled_with_results_that_their_ops_saved() -> None:
    w = leaf(0.0, 0.0)
    out = torch.zeros(2, 2, dtype=F64)
    out[0] = w.exp()
    out[1] = w.tanh()
    out.sum().backward()
    assert w.grad.tolist() == [2.0, 2.0]


def test_a_written_result_does_not_depend_on_what_happens_to_the_copy() -> None:
    w = leaf(0.0, 0.0)
    h = w.exp()
    out = torch.zeros(2, dtype=F64)
    out[:] = h
    out.mul_(3)
    h.sum().backward()
    assert w.grad.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("name", ["eq_", "gt_", "logical_and_"])
def test_writing_what_has_no_gradient_keeps_the_history_with_zeros(name: str) -> None:
    x = leaf(1.0, -2.0)
    y = x * 2
    getattr(y, name)(y.detach())
    assert y.requires_grad
    y.sum().backward()
    assert x.grad.tolist() == [0.0, 0.0]


def test_retain_grad_follows_the_tensor_through_in_place_operations() -> None:
    x = leaf(1.0, 2.0)
    y = x * 2
    y.retain_grad()
    y.mul_(3)
    assert y.retains_grad
    y.sum().backward()
    assert (y.grad.tolist(), x.grad.tolist()) == ([1.0, 1.0], [6.0, 6.0])
    y = x * 2
    y.retain_grad()
    y.view(2)[0].mul_(3)
    assert y.retains_grad


def test_change_of_shape_without_recording_keeps_the_history() -> None:
    x = torch.arange(6.0).reshape(2, 3).requires_grad_()
    y = x * 2
    with torch.no_grad():
        y.t_()
        y.unsqueeze_(0)
    assert y.requires_grad
    (y * torch.arange(6.0).reshape(1, 3, 2)).sum().backward()
    assert x.grad.tolist() == [[0.0, 4.0, 8.0], [2.0, 6.0, 10.0]]


def test_write_through_an_empty_view() -> None:
    x = torch.zeros(2, 0, 1, requires_grad=True)
    y = x * 1
    y[:1].mul_(2)
    y.sum().backward()
    assert x.grad.shape == (2, 0, 1)


# -- copies ----------------------------------------------------------------------------------------


def test_results_that_are_copies_share_no_memory() -> None:
    x = torch.tensor([[1.0, 2.0]])
    for y in (x.flip(0), torch.flipud(x), x.tile(()), x.repeat(1, 1), torch.rot90(x.t(), 2)):
        y.fill_(9)
    scalar = torch.tensor(1.0)
    scalar.gather(0, torch.tensor(0)).fill_(9)
    assert (x.tolist(), scalar.item()) == ([[1.0, 2.0]], 1.0)


# -- backward --------------------------------------------------------------------------------------


def test_gradient_under_create_graph_is_nobody_elses_memory() -> None:
    x = leaf(1.0, 2.0)
    x.sum().backward(create_graph=True)
    (x * x).sum().backward()
    assert x.grad.tolist() == [3.0, 5.0]
    x, g = leaf(1.0, 2.0), torch.tensor([1.0, 1.0], dtype=F64)
    x.backward(g, create_graph=True)
    x.sum().backward()
    assert (x.grad.tolist(), g.tolist()) == ([2.0, 2.0], [1.0, 1.0])


def test_plain_backward_adds_to_a_gradient_that_has_a_graph() -> None:
    x = leaf(1.0, 2.0)
    (x * x).sum().backward(create_graph=True)
    (x * 3).sum().backward()
    assert x.grad.requires_grad
    assert x.grad.tolist() == [5.0, 7.0]


def test_what_saves_only_shapes_may_be_walked_twice() -> None:
    x = leaf(1.0, 2.0)
    for f in (lambda t: t.view(2, 1), lambda t: t.sum(), lambda t: t.expand(3, 2), lambda t: t[0], torch.clone):
        x.grad = None
        y = f(x).sum()
        y.backward()
        first = x.grad.clone()
        y.backward()
        assert torch.equal(x.grad, 2 * first)
    y = (x * x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()


def test_leaf_frozen_after_its_use_gets_no_gradient() -> None:
    x = leaf(1.0, 2.0)
    y = (x * 2).sum()
    x.requires_grad_(False)
    y.backward()
    assert x.grad is None


def test_inputs_of_backward_retain_their_gradients() -> None:
    x = leaf(1.0, 2.0)
    y = x * 2
    y.sum().backward(inputs=[y], retain_graph=True)
    assert y.retains_grad
    y.sum().backward()
    assert (y.grad.tolist(), x.grad.tolist()) == ([2.0, 2.0], [2.0, 2.0])


def test_materialized_gradients_require_grad_under_create_graph() -> None:
    x, y = leaf(1.0), leaf(2.0)
    (g,) = torch.autograd.grad(x.sum(), y, create_graph=True, materialize_grads=True)
    assert g.requires_grad
    assert g.tolist() == [0.0]


def test_floor_division_has_no_derivative() -> None:
    x = leaf(5.0, 7.0)
    y = x // 2
    assert y.requires_grad
    with pytest.raises(RuntimeError, match="floor_divide is not implemented"):
        y.sum().backward()
    torch.div(x, 2, rounding_mode="floor").sum().backward()
    assert x.grad.tolist() == [0.0, 0.0]


def test_requires_grad_of_a_result_cannot_be_set() -> None:
    y = leaf(1.0) * 2
    assert y.requires_grad_() is y
    with pytest.raises(RuntimeError, match="only change requires_grad flags of leaf"):
        y.requires_grad = True


class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        x.mul_(2)
        ctx.mark_dirty(x)
        return x

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * 2


class Flat(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x.view(-1)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g.view(1, -1)


def test_functions_that_write_respect_leaves_and_bases() -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        Double.apply(x)
    x = leaf(1.0, 2.0)
    y = x * 1
    Double.apply(y[:1])
    y.sum().backward()
    assert (y.tolist(), x.grad.tolist()) == ([2.0, 2.0], [2.0, 1.0])


def test_views_made_by_functions_refuse_writes() -> None:
    x = torch.ones(1, 2, requires_grad=True)
    y = Flat.apply(x * 1)
    with pytest.raises(RuntimeError, match="custom Function"):
        y.mul_(2)


# -- numbers ---------------------------------------------------------------------------------------


def test_numbers_wrap_around_in_narrow_integers() -> None:
    u = torch.tensor([1, 255], dtype=torch.uint8)
    i = torch.tensor([1, 5], dtype=torch.int32)
    assert (u * -1).tolist() == [255, 1]
    assert (u + 300).tolist() == [45, 43]
    assert (-1 - u).tolist() == [254, 0]
    assert (u == -1).tolist() == [False, True]
    assert (u > -1).tolist() == [False, False]
    assert (u & -1).tolist() == [1, 255]
    assert (i + 2**40).tolist() == [1, 5]
    assert (i < 2**40).tolist() == [False, False]
    u *= -1
    assert u.tolist() == [255, 1]


def test_numbers_that_fill_narrow_integers() -> None:
    u = torch.tensor([1, 255], dtype=torch.uint8)
    mask = torch.tensor([True, False])
    assert torch.full((1,), -1, dtype=torch.uint8).tolist() == [255]
    assert torch.tensor([-1], dtype=torch.uint8).tolist() == [255]
    assert u.masked_fill(mask, -2).tolist() == [254, 255]
    assert u.masked_fill(mask, 1.5).tolist() == [1, 255]
    u[0] = -3
    assert u.tolist() == [253, 255]
    for fail in (
        lambda: u.fill_(300),
        lambda: torch.full((1,), 256, dtype=torch.uint8),
        lambda: u.masked_fill(mask, 999),
    ):
        with pytest.raises(RuntimeError, match="without overflow"):
            fail()


def test_scans_in_another_dtype() -> None:
    u = torch.tensor([3, 200, 100], dtype=torch.uint8)
    assert torch.cumsum(u, 0).dtype == torch.int64
    assert torch.cumsum(u, 0, dtype=torch.uint8).tolist() == [3, 203, 47]
    assert torch.cumprod(u, 0, dtype=torch.uint8).tolist() == [3, 88, 96]
    assert u.cumsum_(0).tolist() == [3, 203, 47]


def test_products_in_mixed_dtypes_are_not_rounded_first() -> None:
    a, b = torch.tensor([16777217.0], dtype=F64), torch.tensor([16777216.0])
    c = torch.tensor([1.0000001])
    exact = 16777217.0 + 16777216.0 * float(c[0])
    assert torch.addcmul(a, b, c).item() == exact
    assert torch.addcdiv(a, b, c).item() == 16777217.0 + 16777216.0 / float(c[0])
    i = torch.tensor([3], dtype=torch.int32)
    assert torch.addcmul(i, i, i, value=2).tolist() == [21]
    assert i.clone().addcmul_(i, i, value=0.5).tolist() == [3]


def test_tensors_of_other_dtypes_may_be_equal() -> None:
    assert torch.equal(torch.ones(2), torch.ones(2, dtype=F64))
    assert not torch.equal(torch.ones(2), torch.zeros(2, dtype=F64))


def test_scalars_have_no_dimension_to_roll_or_select_twice() -> None:
    with pytest.raises(IndexError):
        torch.roll(torch.tensor(1.0), 1, 0)
    with pytest.raises(RuntimeError, match="only 1 value"):
        torch.tensor(1.0).index_select(0, torch.tensor([0, 0]))


def test_bounds_and_casts_of_unsigned_integers() -> None:
    u = torch.tensor([0, 7, 255], dtype=torch.uint8)
    assert u.clamp(-250, 100).tolist() == [6, 7, 100]
    with pytest.raises(RuntimeError, match="without overflow"):
        u.clamp(0, 300)
    assert torch.can_cast(torch.int64, torch.uint8)
    u += torch.tensor([1, 1, 1])
    assert u.tolist() == [1, 8, 0]


def test_repetitions_may_be_written_to() -> None:
    y = torch.tensor([1.0, 2.0]).repeat(2, 1)
    assert y.stride() == (2, 1)
    y[0, 0] = 9
    assert y.tolist() == [[9.0, 2.0], [1.0, 2.0]]


def test_copies_of_expanded_tensors_are_contiguous() -> None:
    x = torch.tensor([1.0, 2.0])
    assert x.expand(3, 2).clone().stride() == (2, 1)
    assert torch.zeros_like(x.expand(3, 2)).stride() == (2, 1)
    assert torch.ones(2, 3).t().expand(2, 3, 2).clone().stride() == (6, 1, 3)


def test_an_empty_vector_in_cat_keeps_its_history() -> None:
    empty = torch.zeros(0, requires_grad=True)
    y = torch.cat([torch.ones(2, 2, dtype=torch.int64), empty])
    assert (y.dtype, y.shape, y.requires_grad) == (torch.float32, (2, 2), True)
    y.sum().backward()
    assert empty.grad.shape == (0,)


def test_broadcasting_to_the_same_shape_returns_the_tensor_itself() -> None:
    a, b = torch.ones(2, requires_grad=True), torch.ones(1)
    assert torch.broadcast_tensors(a, b)[0] is a
    normal = torch.distributions.Normal(a, torch.ones(2))
    normal.log_prob(torch.zeros(2)).sum().backward()
    assert normal.loc.grad.tolist() == [-1.0, -1.0]


def test_dropout3d_takes_three_dimensions_for_no_batch() -> None:
    torch.manual_seed(0)
    with pytest.warns(UserWarning, match="3-D input"):
        y = torch.nn.functional.dropout3d(torch.ones(6, 3, 2), 0.5)
    assert y.flatten(1).std(dim=1).tolist() == [0.0] * 6
    assert 0 < y.sum() < 72
