"""The optimizer base: groups, state, hooks, saving."""

from __future__ import annotations

import gc
import pickle
import weakref

import numpy as np
import pytest

from tinygrad_hw import optim
from tinygrad_hw.autograd import grad_mode
from tinygrad_hw.optim.optimizer import (
    Optimizer,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)
from tinygrad_hw.tensor import Tensor

ALL = [n for n in optim.__all__ if n not in ("LBFGS", "Optimizer", "lr_scheduler", "swa_utils")]


def param(*values, dtype=np.float32, grad=None):
    p = Tensor._wrap(np.array(values or [1.0, 2.0], dtype))
    p.requires_grad_()
    if grad is not None:
        p.grad = Tensor._wrap(np.full(p.array.shape, grad, dtype))
    return p


def shaped(name, grad=None):
    """Return a parameter for an optimizer: Muon takes matrices only."""
    return param([1.0, 2.0], [3.0, 4.0], grad=grad) if name == "Muon" else param(grad=grad)


class Plain(Optimizer):
    """Gradient descent as a user would write it."""

    def __init__(self, params, lr=0.5):
        super().__init__(params, {"lr": lr})

    def step(self, closure=None):
        loss = None if closure is None else closure()
        with grad_mode.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        p -= group["lr"] * p.grad
                        self.state[p]["steps"] = self.state[p].get("steps", 0) + 1
        return loss


def test_a_user_optimizer():
    p = param(grad=2.0)
    opt = Plain([p], lr=0.25)
    seen = []
    opt.register_step_pre_hook(lambda o, args, kwargs: seen.append((o, args, kwargs)))
    opt.step()
    assert p.tolist() == [0.5, 1.5]
    assert seen == [(opt, (opt,), {})]
    assert opt.state_dict() == {
        "state": {0: {"steps": 1}},
        "param_groups": [{"lr": 0.25, "params": [0]}],
    }
    assert repr(opt) == "Plain (\nParameter Group 0\n    lr: 0.25\n)"


def test_base_step_is_abstract():
    with pytest.raises(NotImplementedError):
        Optimizer([param()], {}).step()


# -- hooks -----------------------------------------------------------------------------------------


def test_step_hooks_run_in_order():
    p = param(grad=1.0)
    opt = optim.SGD([p], lr=0.1)
    seen = []

    def note(name):
        return lambda optimizer, args, kwargs: seen.append(name)

    handles = [
        opt.register_step_pre_hook(note("pre 1")),
        opt.register_step_pre_hook(note("pre 2")),
        opt.register_step_post_hook(note("post 1")),
        register_optimizer_step_pre_hook(note("global pre")),
        register_optimizer_step_post_hook(note("global post")),
    ]
    opt.step()
    assert seen == ["global pre", "pre 1", "pre 2", "post 1", "global post"]
    for handle in handles:
        handle.remove()
    opt.step()
    assert len(seen) == 5


def test_pre_hook_changes_the_arguments():
    p = param(grad=1.0)
    opt = optim.SGD([p], lr=0.1)
    calls = []

    def closure():
        calls.append(1)
        return 7.0

    with opt.register_step_pre_hook(lambda o, args, kwargs: ((o, closure), {})):
        assert opt.step() == 7.0
    assert calls == [1]
    opt.register_step_pre_hook(lambda o, args, kwargs: 3)
    with pytest.raises(RuntimeError, match=r"must return None or a tuple of \(new_args, new_kwargs\)"):
        opt.step()


def test_hooks_run_once_where_step_calls_its_parent():
    class Twice(optim.SGD):
        def step(self, closure=None):
            super().step(closure)
            return super().step(closure)

    p = param(grad=1.0)
    opt = Twice([p], lr=0.5)
    seen = []
    opt.register_step_post_hook(lambda *a: seen.append(1))
    opt.step()
    assert seen == [1]
    assert p.tolist() == [0.0, 1.0]


def test_state_dict_hooks():
    opt = optim.SGD([param()], lr=0.1)
    seen = []
    opt.register_state_dict_pre_hook(lambda o: seen.append("pre"))
    opt.register_state_dict_pre_hook(lambda o: seen.append("first"), prepend=True)
    opt.register_state_dict_post_hook(lambda o, d: {**d, "note": 1})
    saved = opt.state_dict()
    assert seen == ["first", "pre"]
    assert saved["note"] == 1

    def raise_lr(o, d):
        seen.append("load pre")
        return {**d, "param_groups": [{**d["param_groups"][0], "lr": 9.0}]}

    opt.register_load_state_dict_pre_hook(raise_lr)
    opt.register_load_state_dict_post_hook(lambda o: seen.append(o.param_groups[0]["lr"]))
    opt.load_state_dict(saved)
    assert seen[2:] == ["load pre", 9.0]
    assert saved["param_groups"][0]["lr"] == 0.1


# -- gradients and versions ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_step_counts_the_version(name):
    p, other = shaped(name, grad=1.0), shaped(name)
    before = p._version, other._version
    getattr(optim, name)([p, other]).step()
    assert p._version == before[0] + 1
    assert other._version == before[1]


def test_step_between_forward_and_backward_is_noticed():
    p = param(grad=1.0)
    y = (p * p).sum()
    optim.SGD([p], lr=0.1).step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_step_records_nothing_and_keeps_the_leaf():
    p = param(grad=1.0)
    optim.Adam([p]).step()
    assert p.is_leaf
    assert p.requires_grad
    assert p.grad_fn is None


def test_zero_grad():
    p = param(grad=1.0)
    opt = optim.SGD([p], lr=0.1)
    grad = p.grad
    opt.zero_grad(set_to_none=False)
    assert p.grad is grad
    assert grad.tolist() == [0.0, 0.0]
    opt.zero_grad()
    assert p.grad is None
    opt.step()
    assert p.tolist() == [1.0, 2.0]


def test_zero_grad_of_a_recorded_gradient():
    p = param(dtype=np.float64)
    (p**3).sum().backward(create_graph=True)
    assert p.grad.grad_fn is not None
    optim.SGD([p], lr=0.1).zero_grad(set_to_none=False)
    assert p.grad.grad_fn is None
    assert p.grad.tolist() == [0.0, 0.0]


def test_closure_runs_with_gradients_enabled():
    p = param()
    opt = optim.SGD([p], lr=0.25)

    def closure():
        opt.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with grad_mode.no_grad():
        assert opt.step(closure).item() == 5.0
    assert p.tolist() == [0.5, 1.0]


def test_retained_gradient_of_a_result():
    """A tensor that is no leaf is accepted if its gradient is kept."""
    x = param()
    y = x * 2
    with pytest.raises(ValueError, match="can't optimize a non-leaf Tensor"):
        optim.SGD([y], lr=0.1)
    y.retain_grad()
    optim.SGD([y], lr=0.1)


# -- groups and names ------------------------------------------------------------------------------


def test_names_are_saved():
    a, b = param(), param()
    opt = optim.SGD([("a", a), ("b", b)], lr=0.1)
    assert opt.param_groups[0]["params"] == [a, b]
    assert opt.param_groups[0]["param_names"] == ["a", "b"]
    saved = opt.state_dict()
    assert saved["param_groups"][0]["param_names"] == ["a", "b"]
    other = optim.SGD([("x", param()), ("y", param())], lr=0.1)
    del saved["param_groups"][0]["param_names"]
    other.load_state_dict(saved)
    assert other.param_groups[0]["param_names"] == ["x", "y"]


def test_add_group_while_training():
    a, b = param(grad=1.0), param(grad=1.0)
    opt = optim.Adam([a], lr=0.5)
    opt.step()
    opt.add_param_group({"params": b, "lr": 0.25})
    opt.step()
    assert [float(opt.state[p]["step"].array) for p in (a, b)] == [2.0, 1.0]
    np.testing.assert_allclose(b.array, [0.75, 1.75], rtol=1e-6)


@pytest.mark.parametrize("name", [n for n in ALL if n not in ("Adafactor", "Muon")])
def test_differentiable_says_what_to_do(name):
    with pytest.raises(NotImplementedError, match="leave differentiable=False"):
        getattr(optim, name)([param()], differentiable=True)


# -- saving ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_loading_copies(name):
    """Two optimizers loaded from one dictionary do not share memory, with it or each other."""
    p = shaped(name, grad=1.0)
    options = {"momentum": 0.9} if name in ("SGD", "RMSprop") else {}
    opt = getattr(optim, name)([p], **options)
    opt.step()
    saved = opt.state_dict()
    kept = {k: v.array.copy() for k, v in saved["state"][0].items()}
    q = shaped(name, grad=3.0)
    again = getattr(optim, name)([q], **options)
    again.load_state_dict(saved)
    again.step()
    assert kept, "no state to compare"
    for key, value in kept.items():
        assert np.array_equal(saved["state"][0][key].array, value), key
        assert not np.shares_memory(again.state[q][key].array, saved["state"][0][key].array), key


def test_loading_reports_what_differs():
    opt = optim.SGD([param()], lr=0.1)
    two = optim.SGD([{"params": [param()]}, {"params": [param()]}], lr=0.1)
    with pytest.raises(ValueError, match=r"different number of parameter groups \(2; this optimizer has 1\)"):
        opt.load_state_dict(two.state_dict())
    pair = optim.SGD([param(), param()], lr=0.1)
    with pytest.raises(ValueError, match=r"doesn't match the size of optimizer's group \(group 0: 2 param"):
        opt.load_state_dict(pair.state_dict())


def test_unknown_state_is_kept():
    p = param()
    opt = optim.SGD([p], lr=0.1)
    saved = opt.state_dict()
    saved["state"] = {"note": {"x": 1}, 0: {"list": [Tensor._wrap(np.ones(2))], "n": None}}
    opt.load_state_dict(saved)
    assert opt.state["note"] == {"x": 1}
    assert opt.state[p]["n"] is None
    assert opt.state[p]["list"][0].array.dtype == np.float32


def test_training_goes_on_after_a_round_trip():
    def run(interrupt):
        p = param(1.0, -2.0, 3.0, dtype=np.float64)
        opt = optim.Adam([p], lr=0.1, amsgrad=True)
        for i in range(10):
            if interrupt and i == 5:
                saved = pickle.loads(pickle.dumps(opt.state_dict()))
                opt = optim.Adam([p])
                opt.load_state_dict(saved)
            p.grad = Tensor._wrap(p.array**3 + i)
            opt.step()
        return p.array

    assert np.array_equal(run(False), run(True))


def test_pickle_keeps_groups_and_state():
    p = param(grad=1.0)
    opt = optim.Adam([p])
    opt.step()
    again = pickle.loads(pickle.dumps(opt))
    q = again.param_groups[0]["params"][0]
    assert repr(again) == repr(opt)
    assert np.array_equal(again.state[q]["exp_avg"].array, opt.state[p]["exp_avg"].array)
    again.step()


def test_no_reference_cycle():
    """An optimizer, with a scheduler or without, is freed by its last reference."""
    gc.collect()
    gc.disable()
    try:
        p = param(grad=1.0)
        for with_schedule in (False, True):
            opt = optim.Adam([p])
            schedule = optim.lr_scheduler.StepLR(opt, 2) if with_schedule else None
            opt.step()
            if schedule is not None:
                schedule.step()
            alive = weakref.ref(opt)
            del opt, schedule
            assert alive() is None
    finally:
        gc.enable()
