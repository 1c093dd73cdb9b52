"""The walk, the modes, hooks, in-place changes: the mechanism itself."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest

import tinygrad_hw as torch
from tests.unit.leaves import leaf
from tinygrad_hw.autograd.op import REGISTRY, op
from tinygrad_hw.autograd.tracer import tracing

# -- the walk --------------------------------------------------------------------------------------


def test_diamond() -> None:
    a = leaf(3.0)
    b = a + a
    c = b * b
    c.sum().backward()
    assert a.grad.item() == 24.0


def test_reused_non_leaf_is_visited_once_after_all_its_children() -> None:
    a = leaf(2.0)
    b = a * 3
    c = b * b + b * (b * b)
    c.sum().backward()
    assert a.grad.item() == pytest.approx((2 * 6 + 3 * 36) * 3)


@pytest.mark.slow
def test_chain_of_a_million_ops_needs_no_recursion_and_leaves_no_memory() -> None:
    def resident() -> float:
        with open("/proc/self/statm") as f:
            return int(f.read().split()[1]) * 4096 / 1e6

    x = torch.ones(1, requires_grad=True)
    (x + 0.0).sum().backward()
    before = resident()
    y = x
    for _ in range(1_000_000):
        y = y + 0.0
    y.sum().backward()
    assert x.grad.item() == 2.0
    del y
    gc.collect()
    assert resident() - before < 30


def test_graph_has_no_reference_cycles() -> None:
    torch.zeros(4, 4, requires_grad=True).softmax(1).sum().backward()  # numba leaves cycles behind as it loads kernels
    w = torch.randn(4, 4, requires_grad=True)
    gc.collect()
    gc.disable()
    try:
        x = torch.randn(4, 4)
        y = ((x @ w).tanh().exp() * 2).softmax(1)
        z, i = y.max(1)
        a, b = y.chunk(2, 1)
        loss = (a * b).sum() + z.sum()
        dead = weakref.ref(y.grad_fn)
        loss.backward()
        del x, y, z, i, a, b, loss
        assert dead() is None
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_backward_twice_names_the_mend() -> None:
    x = leaf(1.0)
    y = (x * x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        y.backward()


def test_retained_graph_can_be_walked_again() -> None:
    x = leaf(3.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 12.0


def test_tensor_reused_after_backward() -> None:
    x = leaf(2.0)
    y = x + 1
    (y * 3).sum().backward()
    (y * 5).sum().backward()
    assert x.grad.item() == 8.0


def test_backward_needs_a_scalar_or_a_gradient() -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="scalar outputs"):
        (x * 2).backward()
    with pytest.raises(RuntimeError, match="shape"):
        (x * 2).backward(torch.ones(3, dtype=torch.float64))
    with pytest.raises(TypeError):
        (x * 2).backward("ones")
    with pytest.raises(RuntimeError, match="does not require grad"):
        torch.ones(1).sum().backward()
    (x * 2).backward(torch.tensor([1.0, 10.0], dtype=torch.float64))
    assert x.grad.tolist() == [2.0, 20.0]


def test_gradients_of_two_leaves_do_not_share_memory() -> None:
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (a + b).sum().backward()
    a.grad.add_(100)
    assert b.grad.tolist() == [1.0, 1.0]
    g = torch.ones(2, dtype=torch.float64)
    c = leaf(1.0, 1.0)
    (c + 0).backward(g)
    c.grad.mul_(7)
    assert g.tolist() == [1.0, 1.0]


def test_gradients_accumulate() -> None:
    x = leaf(1.0)
    for _ in range(3):
        (x * 2).sum().backward()
    assert x.grad.item() == 6.0


def test_a_failing_walk_changes_no_gradient() -> None:
    class Fails(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            raise ValueError("no gradient today")

    x, y = leaf(1.0), leaf(2.0)
    loss = (y * 3).sum() + Fails.apply(x).sum()
    with pytest.raises(ValueError, match="today"):
        loss.backward()
    assert x.grad is None
    assert y.grad is None


def test_backward_with_inputs_accumulates_only_there() -> None:
    a, b = leaf(2.0), leaf(3.0)
    h = a * b
    h.sum().backward(inputs=[a], retain_graph=True)
    assert a.grad.item() == 3.0
    assert b.grad is None
    with pytest.raises(RuntimeError, match="cannot be empty"):
        h.sum().backward(inputs=[])


# -- grad ------------------------------------------------------------------------------------------


def test_grad_of_leaf_and_of_intermediate() -> None:
    x = leaf(3.0)
    h = x * x
    y = (h * 2).sum()
    gx, gh = torch.autograd.grad(y, (x, h))
    assert gx.item() == 12.0
    assert gh.item() == 2.0
    assert x.grad is None


def test_grad_of_unused_input() -> None:
    x, z = leaf(1.0), leaf(2.0)
    y = (x * 2).sum()
    with pytest.raises(RuntimeError, match="allow_unused"):
        torch.autograd.grad(y, (x, z), retain_graph=True)
    assert torch.autograd.grad(y, (x, z), allow_unused=True, retain_graph=True)[1] is None
    zeros = torch.autograd.grad(y, (x, z), materialize_grads=True, retain_graph=True)[1]
    assert zeros.tolist() == [0.0]
    with pytest.raises(ValueError, match="allow_unused"):
        torch.autograd.grad(y, (x, z), allow_unused=False, materialize_grads=True)
    with pytest.raises(RuntimeError, match="does not require grad"):
        torch.autograd.grad(y, torch.ones(1))


def test_batched_gradients_are_the_rows_of_the_jacobian() -> None:
    x = leaf(1.0, 2.0)
    y = x**3
    (rows,) = torch.autograd.grad(y, x, torch.eye(2, dtype=torch.float64), is_grads_batched=True, retain_graph=True)
    assert rows.tolist() == [[3.0, 0.0], [0.0, 12.0]]


def test_third_derivative() -> None:
    x = leaf(2.0)
    y = (x**4).sum()
    (g1,) = torch.autograd.grad(y, x, create_graph=True)
    (g2,) = torch.autograd.grad(g1.sum(), x, create_graph=True)
    (g3,) = torch.autograd.grad(g2.sum(), x)
    assert (g1.item(), g2.item(), g3.item()) == (32.0, 48.0, 48.0)


def test_create_graph_makes_grad_differentiable() -> None:
    x = leaf(2.0)
    (x**3).sum().backward(create_graph=True)
    assert x.grad.requires_grad
    (g,) = torch.autograd.grad(x.grad.sum(), x)
    assert g.item() == 12.0


def test_float32_input_gets_float32_gradient_through_float64() -> None:
    x = torch.ones(2, requires_grad=True)
    y = x.double() * torch.ones(2, dtype=torch.float64)
    y.sum().backward()
    assert x.grad.dtype == torch.float32


# -- modes -----------------------------------------------------------------------------------------


def test_no_grad_as_context_decorator_and_generator() -> None:
    x = leaf(1.0)
    with torch.no_grad():
        assert not (x * 2).requires_grad
        with torch.enable_grad():
            assert (x * 2).requires_grad
    assert (x * 2).requires_grad

    @torch.no_grad()
    def f():
        return x * 2

    @torch.no_grad
    def g():
        return x * 2

    @torch.no_grad()
    def h():
        yield x * 2
        yield x * 3

    assert not f().requires_grad
    assert not g().requires_grad
    for y in h():
        assert not y.requires_grad
        assert torch.is_grad_enabled()


def test_mode_is_restored_after_an_error() -> None:
    with pytest.raises(ValueError, match="inside"), torch.no_grad():
        raise ValueError("inside")
    assert torch.is_grad_enabled()


def test_set_grad_enabled_as_function_and_block() -> None:
    torch.set_grad_enabled(False)
    try:
        assert not torch.is_grad_enabled()
    finally:
        torch.set_grad_enabled(True)
    with torch.set_grad_enabled(False):
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()


def test_inference_mode() -> None:
    x = leaf(1.0)
    with torch.inference_mode():
        assert torch.is_inference_mode_enabled()
        assert not (x * 2).requires_grad
    assert not torch.is_inference_mode_enabled()


def test_mode_belongs_to_the_thread() -> None:
    seen = []
    with torch.no_grad():
        thread = threading.Thread(target=lambda: seen.append(torch.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


# -- leaves, flags, hooks --------------------------------------------------------------------------


def test_only_floats_require_grad() -> None:
    with pytest.raises(RuntimeError, match="floating point"):
        torch.tensor([1, 2]).requires_grad_()
    assert not (torch.ones(2, requires_grad=True) > 0).requires_grad


def test_flags_of_leaves_and_results() -> None:
    x = leaf(1.0)
    y = x * 2
    assert x.is_leaf
    assert x.grad_fn is None
    assert not y.is_leaf
    assert y.grad_fn.name() == "MulBackward0"
    assert y.grad_fn.next_functions[0][0].variable is x
    with pytest.raises(RuntimeError, match="leaf"):
        y.requires_grad = False
    d = y.detach()
    assert d.is_leaf
    assert not d.requires_grad
    assert d.data_ptr() == y.data_ptr()
    y.detach_()
    assert y.is_leaf


def test_retain_grad() -> None:
    x = leaf(1.0)
    y = x * 2
    y.retain_grad()
    assert y.retains_grad
    (y * y).sum().backward()
    assert y.grad.item() == 4.0


def test_hooks_on_leaf_and_intermediate() -> None:
    x = leaf(1.0)
    y = x * 2
    seen = []
    y.register_hook(lambda g: seen.append(g.item()))
    handle = x.register_hook(lambda g: g * 10)
    (y * 3).sum().backward(retain_graph=True)
    assert seen == [3.0]
    assert x.grad.item() == 60.0
    handle.remove()
    (y * 3).sum().backward()
    assert x.grad.item() == 66.0


def test_hook_may_replace_an_intermediate_gradient_but_not_its_shape() -> None:
    x = leaf(1.0)
    y = x * 2
    y.register_hook(lambda g: g * 100)
    y.sum().backward()
    assert x.grad.item() == 200.0
    z = x * 2
    z.register_hook(lambda g: torch.ones(5, dtype=torch.float64))
    with pytest.raises(RuntimeError, match="size"):
        z.sum().backward()
    with pytest.raises(RuntimeError, match="doesn't require gradient"):
        torch.ones(1).register_hook(print)


def test_post_accumulate_hook_sees_the_gradient() -> None:
    x = leaf(1.0)
    seen = []
    x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.item()))
    (x * 2).sum().backward()
    assert seen == [2.0]
    with pytest.raises(RuntimeError, match="leaf"):
        (x * 2).register_post_accumulate_grad_hook(print)


def test_node_hooks() -> None:
    x = leaf(2.0)
    y = x * 3
    seen = []
    y.grad_fn.register_hook(lambda gi, go: seen.append((gi[0].item(), go[0].item())))
    y.grad_fn.register_prehook(lambda go: (go[0] * 2,))
    y.sum().backward()
    assert seen == [(6.0, 2.0)]
    assert x.grad.item() == 6.0


def test_assigning_grad_checks_it() -> None:
    x = leaf(1.0)
    x.grad = torch.ones(1, dtype=torch.float64)
    with pytest.raises(RuntimeError, match="size"):
        x.grad = torch.ones(2, dtype=torch.float64)
    with pytest.raises(RuntimeError, match="dtype"):
        x.grad = torch.ones(1)
    with pytest.raises(TypeError):
        x.grad = 1.0
    x.grad = None


# -- in place --------------------------------------------------------------------------------------


def test_leaf_refuses_in_place_outside_no_grad() -> None:
    x = leaf(1.0)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        x.add_(1)
    with pytest.raises(RuntimeError, match="a view of a leaf Variable"):
        x[0] = 5
    with torch.no_grad():
        x.add_(1)
    assert x.item() == 2.0
    assert x.requires_grad


def test_saved_tensor_changed_in_place_is_an_error_that_teaches() -> None:
    x = leaf(1.0, 2.0)
    h = x * 2
    y = h * h
    h.add_(1)
    with pytest.raises(RuntimeError, match=r"inplace operation.*MulBackward0.*\[2\].*version") as e:
        y.sum().backward()
    assert "clone()" in str(e.value)


def test_in_place_through_an_alias_is_noticed() -> None:
    x = leaf(1.0, 2.0)
    h = x * 2
    view = h.view(2, 1)
    y = h.exp() * h
    with torch.no_grad():
        view.zero_()
    with pytest.raises(RuntimeError, match="inplace operation"):
        y.sum().backward()


def test_in_place_on_a_recorded_tensor_is_differentiated() -> None:
    x = leaf(1.0, 2.0)
    h = x * 2
    h.mul_(h.detach().clone()).add_(x)
    h.sum().backward()
    assert x.grad.tolist() == [2.0 * 2 + 1, 2.0 * 4 + 1]


def test_in_place_op_that_saves_its_result() -> None:
    x = leaf(0.0, 1.0)
    h = x * 1
    h.exp_()
    h.sum().backward()
    assert x.grad.tolist() == [1.0, np.exp(1.0)]


def test_in_place_op_that_saves_its_input() -> None:
    x, w = leaf(2.0), leaf(5.0)
    h = x * 1
    h.mul_(w)
    h.sum().backward()
    assert w.grad.item() == 2.0
    assert x.grad.item() == 5.0


def test_write_through_a_view_is_seen_by_the_base() -> None:
    w = leaf(3.0)
    base = torch.zeros(3, dtype=torch.float64)
    view = base[1:2]
    view.copy_(w)
    assert base.requires_grad
    (base * torch.tensor([1.0, 10.0, 100.0], dtype=torch.float64)).sum().backward()
    assert w.grad.item() == 10.0


def test_write_to_the_base_is_seen_by_a_view() -> None:
    w = leaf(2.0, 3.0)
    base = torch.ones(2, dtype=torch.float64)
    view = base[1]
    base.mul_(w)
    assert view.requires_grad
    (view * 7).backward()
    assert w.grad.tolist() == [0.0, 7.0]


def test_write_through_one_view_is_seen_by_another() -> None:
    w = leaf(2.0)
    base = torch.ones(2, 2, dtype=torch.float64)
    row, column = base[0], base[:, 0]
    row.mul_(w)
    assert column.tolist() == [2.0, 1.0]
    column.sum().backward()
    assert w.grad.item() == 1.0


def test_expanded_tensor_refuses_writes() -> None:
    with pytest.raises(RuntimeError, match="single memory location"):
        torch.ones(1).expand(3).add_(1)


def test_in_place_keeps_shape_and_dtype() -> None:
    with pytest.raises(RuntimeError, match="shape"):
        torch.ones(1, 2).add_(torch.ones(3, 2))
    with pytest.raises(RuntimeError, match="can't be cast"):
        torch.tensor([1, 2]).add_(0.5)


# -- anomaly ---------------------------------------------------------------------------------------


def test_anomaly_mode_says_that_it_is_slow() -> None:
    with pytest.warns(UserWarning, match="Anomaly"), torch.autograd.detect_anomaly():
        pass


@pytest.mark.filterwarnings("ignore:Anomaly")
def test_anomaly_names_the_forward_line_of_a_nan_gradient() -> None:
    x = torch.tensor([0.0], requires_grad=True)
    with torch.autograd.detect_anomaly():
        y = x.sqrt() * 0  # the line to be named
        with pytest.raises(RuntimeError, match=r"SqrtBackward0.*nan values(.|\n)*the line to be named"):
            y.sum().backward()
    assert not tracing()


@pytest.mark.filterwarnings("ignore:Anomaly")
def test_anomaly_names_the_op_that_made_an_inf() -> None:
    with torch.autograd.detect_anomaly(), pytest.raises(RuntimeError, match="'log' returned inf"):
        torch.zeros(1).log()


# -- declaration -----------------------------------------------------------------------------------


def test_unknown_name_in_a_rule_fails_at_declaration() -> None:
    with pytest.raises(TypeError, match="asks for 'inptu'"):
        op("broken_a", np.exp, input=lambda g, inptu: g)
    with pytest.raises(TypeError, match="unknown arguments"):
        op("broken_b", np.exp, x=lambda g: g)
    with pytest.raises(ValueError, match="declared already"):
        op("mul", np.multiply)
    assert "broken_a" not in REGISTRY


# -- checks ----------------------------------------------------------------------------------------


def test_gradcheck_finds_a_wrong_gradient_and_names_it() -> None:
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * x

        @staticmethod
        def backward(ctx, g):
            return g

    x = leaf(1.0, 2.0)
    with pytest.raises(
        torch.autograd.GradcheckError,
        match=r"output 0 with respect to input 0(.|\n)*numerical 4(.|\n)*analytical 1",
    ):
        torch.autograd.gradcheck(Wrong.apply, (x,))
    assert not torch.autograd.gradcheck(Wrong.apply, (x,), raise_exception=False)
    with pytest.raises(RuntimeError, match="random direction"):
        torch.autograd.gradcheck(Wrong.apply, (x,), fast_mode=True)


def test_gradcheck_explains_kinks_and_low_precision() -> None:
    with pytest.raises(RuntimeError, match="kink"):
        torch.autograd.gradcheck(lambda t: t.clamp(min=0), (leaf(0.0),))
    x = torch.tensor([1.0], requires_grad=True)
    with (
        pytest.warns(UserWarning, match="double precision"),
        pytest.raises(RuntimeError, match="float64"),
    ):
        torch.autograd.gradcheck(torch.exp, (x,))
    with pytest.raises(ValueError, match="requires_grad=True"):
        torch.autograd.gradcheck(torch.exp, (torch.ones(1, dtype=torch.float64),))


def test_functional_derivatives() -> None:
    F = torch.autograd.functional
    x = torch.tensor([1.0, 2.0], dtype=torch.float64)
    v = torch.tensor([3.0, 5.0], dtype=torch.float64)

    def f(t):
        return t**3

    def s(t):
        return (t**3).sum()

    assert F.jacobian(f, x).tolist() == [[3.0, 0.0], [0.0, 12.0]]
    assert F.hessian(s, x).tolist() == [[6.0, 0.0], [0.0, 12.0]]
    assert F.vjp(f, x, v)[1].tolist() == [9.0, 60.0]
    assert F.jvp(f, x, v)[1].tolist() == [9.0, 60.0]
    assert F.hvp(s, x, v)[1].tolist() == [18.0, 60.0]
    assert F.vhp(s, x, v)[1].tolist() == [18.0, 60.0]
    jac = F.jacobian(lambda a, b: (a * b, a.sum()), (x, v))
    assert [[t.shape for t in row] for row in jac] == [
        [torch.Size([2, 2]), torch.Size([2, 2])],
        [torch.Size([2]), torch.Size([2])],
    ]
    with pytest.raises(RuntimeError, match="independent"):
        F.jacobian(lambda a: torch.ones(1), x, strict=True)
