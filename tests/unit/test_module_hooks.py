"""Hooks of modules: on the call and on the way back, and what the call costs."""

from __future__ import annotations

import gc
import timeit
import warnings
import weakref
from collections import OrderedDict

import pytest

import tinygrad_hw as torch
from tests.unit.small_modules import Net, Scale
from tinygrad_hw import nn
from tinygrad_hw.nn import hooks as module_hooks

# -- hooks on the call -----------------------------------------------------------------------------


def test_forward_hooks_in_order():
    m = Scale(1)
    log = []
    x = torch.ones(1)
    m.register_forward_pre_hook(lambda mod, args: log.append("pre1"))
    m.register_forward_pre_hook(lambda mod, args: log.append("pre0") or args[0] * 3, prepend=True)
    m.register_forward_hook(lambda mod, args, out: log.append(("out1", args[0].item())))
    m.register_forward_hook(lambda mod, args, out: log.append("out0") or out + 1, prepend=True)
    assert m(x).item() == 7.0
    assert log == ["pre0", "pre1", "out0", ("out1", 3.0)]


def test_forward_hooks_with_kwargs():
    class Two(nn.Module):
        def forward(self, x, *, times=1):
            return x * times

    m = Two()
    m.register_forward_pre_hook(
        lambda mod, args, kwargs: ((args[0] + 1,), {"times": kwargs["times"] + 1}),
        with_kwargs=True,
    )
    seen = []
    m.register_forward_hook(lambda mod, args, kwargs, out: seen.append((args[0].item(), kwargs)), with_kwargs=True)
    assert m(torch.ones(()), times=2).item() == 6.0
    assert seen == [(2.0, {"times": 3})]
    m._forward_pre_hooks.clear()
    assert m(torch.ones(()), times=2).item() == 2.0
    with (
        m.register_forward_pre_hook(lambda mod, args, kwargs: args, with_kwargs=True),
        pytest.raises(RuntimeError, match=r"must return None or a tuple of .new_args"),
    ):
        m(torch.ones(()))


def test_always_called_hooks_run_after_an_exception():
    class Broken(nn.Module):
        def forward(self, x):
            raise ValueError("broken")

    m = Broken()
    log = []
    m.register_forward_hook(lambda *a: log.append("never"))
    m.register_forward_hook(lambda mod, args, out: log.append(out), always_call=True)
    with pytest.raises(ValueError, match="broken"):
        m(1)
    assert log == [None]

    def fails(*args):
        raise KeyError("hook")

    m.register_forward_hook(fails, always_call=True)
    with pytest.warns(UserWarning, match="was silenced"), pytest.raises(ValueError, match="broken"):
        m(1)


def test_removing_and_clearing_hooks():
    m = nn.Identity()
    log = []
    with m.register_forward_hook(lambda *a: log.append(1)):
        m(0)
    m(0)
    assert log == [1] and len(m._forward_hooks) == 0
    handle = m.register_forward_hook(lambda *a: log.append(2), with_kwargs=True, always_call=True)
    assert len(m._forward_hooks_with_kwargs) == len(m._forward_hooks_always_called) == 1
    handle.remove()
    handle.remove()
    assert not m._forward_hooks_with_kwargs and not m._forward_hooks_always_called
    m.register_forward_hook(lambda *a: log.append(3))
    m._forward_hooks = OrderedDict()
    m(0)
    assert log == [1]


def test_hooks_of_all_modules():
    log = []
    net = nn.Sequential(nn.Identity())
    own = net.register_forward_hook(lambda m, a, o: log.append("own"))
    handles = [
        module_hooks.register_module_forward_pre_hook(lambda m, a: log.append(type(m).__name__)),
        module_hooks.register_module_forward_hook(
            lambda m, a, k, o: log.append("out"), with_kwargs=True, always_call=True
        ),
    ]
    net(0)
    assert log == ["Sequential", "Identity", "out", "out", "own"]
    for h in (*handles, own):
        h.remove()
    log.clear()
    net(0)
    assert log == []
    assert nn.Identity()._call_hooks is None  # the first call that finds none switches them off


def test_no_hooks_no_tables():
    m = nn.Sequential(Scale())
    m(torch.ones(2))
    m.state_dict()
    assert "_call_hooks" not in m.__dict__ and "_state_hooks" not in m.__dict__


def test_calling_costs_little():
    class Nothing(nn.Module):
        def forward(self, x):
            return x

    m = Nothing()
    n = 20_000

    def per_call(f):
        return min(timeit.repeat(lambda: f(1), number=n, repeat=7)) / n

    assert per_call(m) - per_call(m.forward) < 0.25e-6


@pytest.mark.parametrize("args", [(), (1,), (1, 2)])
@pytest.mark.parametrize("kwargs", [{}, {"c": 3}, {"input": 4}])
@pytest.mark.parametrize("hooked", [False, True])
def test_arguments_arrive_as_they_were_given(args, kwargs, hooked):
    class Echo(nn.Module):
        def forward(self, *args, **kwargs):
            return args, kwargs

    m = Echo()
    if hooked:
        m.register_forward_hook(lambda *a: None)
    assert m(*args, **kwargs) == (args, kwargs)


# -- backward hooks --------------------------------------------------------------------------------


def test_full_backward_hooks_see_and_replace_gradients():
    m = Scale()
    seen = []
    m.register_full_backward_hook(lambda mod, gi, go: seen.append((gi[0].tolist(), go[0].tolist())) or (gi[0] * 10,))
    m.register_full_backward_pre_hook(lambda mod, go: (go[0] * 2,))
    x = torch.ones(2, requires_grad=True)
    y = m(x)
    assert y.grad_fn.name() == "BackwardHookFunctionBackward"
    y.sum().backward()
    assert seen == [([4.0, 4.0], [2.0, 2.0])]
    assert x.grad.tolist() == [40.0, 40.0]
    assert m.scale.grad.tolist() == [2.0, 2.0]


def test_full_backward_hooks_with_several_inputs_and_outputs():
    class Many(nn.Module):
        def forward(self, x, flag, n, y):
            return x * 2, "text", y * 3

    m = Many()
    seen = []
    m.register_full_backward_hook(lambda mod, gi, go: seen.append((gi, go)))
    x, y = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    n = torch.tensor([1, 2])
    a, text, _ = m(x, True, n, y)
    assert text == "text"
    a.sum().backward()
    (gi, go), *rest = seen
    assert not rest and len(gi) == 4 and len(go) == 3
    assert gi[0].tolist() == [2.0, 2.0] and gi[1] is None and gi[3].tolist() == [0.0, 0.0]
    assert go[0].tolist() == [1.0, 1.0] and go[1] is None and go[2] is None


def test_full_backward_hook_without_inputs_that_require_grad():
    m = Scale()
    seen = []
    m.register_full_backward_hook(lambda mod, gi, go: seen.append((gi, go[0].tolist())))
    y = m(torch.ones(2))
    with pytest.warns(UserWarning, match="no inputs require gradients"):
        y.sum().backward()
    assert seen == [((None,), [1.0, 1.0])]
    m.register_full_backward_hook(lambda mod, gi, go: (go[0],))
    y = m(torch.ones(2))
    with warnings.catch_warnings(), pytest.raises(RuntimeError, match="should always return None"):
        warnings.simplefilter("ignore")
        y.sum().backward()


def test_full_backward_hooks_in_higher_derivatives():
    m = Scale(1)
    seen = []
    m.register_full_backward_hook(lambda mod, gi, go: seen.append(gi[0].requires_grad))
    x = torch.ones(1, requires_grad=True)
    (g,) = torch.autograd.grad((m(x) ** 3).sum(), x, create_graph=True)
    (g2,) = torch.autograd.grad(g.sum(), x)
    assert g.item() == pytest.approx(24.0) and g2.item() == pytest.approx(48.0)
    assert seen[0] is True


def test_backward_hooks_do_nothing_where_nothing_is_recorded():
    m = Scale()
    m.register_full_backward_hook(lambda *a: pytest.fail("called"))
    x = torch.ones(2, requires_grad=True)
    with torch.no_grad():
        assert m(x).grad_fn is None
    for p in m.parameters():
        p.requires_grad_(False)
    assert m(torch.ones(2)).grad_fn is None


def test_backward_hooks_and_other_outputs():
    class Dict(nn.Module):
        def forward(self, x):
            return {"y": x * 2}

    m = Dict()
    m.register_full_backward_hook(lambda *a: None)
    with pytest.warns(UserWarning, match="should be a Tensor or a tuple of Tensors"):
        m(torch.ones(1, requires_grad=True))


def test_in_place_behind_a_hooked_module():
    m = Scale()
    m.register_full_backward_hook(lambda mod, gi, go: None)
    x = torch.tensor([1.0, -1.0], requires_grad=True)
    y = m(x)
    y.mul_(3)
    y.sum().backward()
    assert x.grad.tolist() == [6.0, 6.0]


def test_hook_count_errors():
    m = Scale()
    h = m.register_full_backward_hook(lambda mod, gi, go: (gi[0], gi[0]))
    x = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="got 2, but expected 1"):
        m(x).sum().backward()
    h.remove()
    m.register_full_backward_pre_hook(lambda mod, go: ())
    with pytest.raises(RuntimeError, match="got 0, but expected 1"):
        m(x).sum().backward()


def test_old_backward_hooks():
    m = nn.Sequential(Scale())
    seen = []
    m.register_backward_hook(lambda mod, gi, go: seen.append((mod, go[0].tolist())))
    m(torch.ones(2)).sum().backward()
    assert seen == [(m, [1.0, 1.0])]
    with pytest.raises(RuntimeError, match="Cannot use both"):
        m.register_full_backward_hook(lambda *a: None)


def test_backward_hooks_of_all_modules():
    seen = []
    net = nn.Sequential(Scale(), Scale())
    x = torch.ones(2, requires_grad=True)
    with (
        module_hooks.register_module_full_backward_hook(lambda m, gi, go: seen.append(m)),
        module_hooks.register_module_full_backward_pre_hook(lambda m, go: seen.append("pre")),
    ):
        net(x).sum().backward()
    assert seen == ["pre", "pre", net[1], "pre", net[0], net]


def test_a_hooked_call_leaves_no_cycle():
    gc.collect()
    gc.disable()
    try:
        m = Scale()
        m.register_full_backward_hook(lambda mod, gi, go: None)
        y = m(torch.ones(2, requires_grad=True)).sum()
        node = weakref.ref(y.grad_fn)
        y.backward()
        del y
        assert node() is None
        gone = weakref.ref(m)
        del m
        assert gone() is None
    finally:
        gc.enable()


def test_a_module_dies_with_its_last_reference():
    gc.collect()
    gc.disable()
    try:
        net = Net()
        assert net._parameters is not None and net._modules and net.state_dict()
        gone = weakref.ref(net)
        del net
        assert gone() is None
    finally:
        gc.enable()
