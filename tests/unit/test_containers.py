"""Sequential, ModuleList, ModuleDict, ParameterList, ParameterDict."""

from __future__ import annotations

import copy
import operator
from collections import OrderedDict

import pytest

import tinygrad_hw as torch
from tinygrad_hw import nn


def named(*names):
    """Return modules that print as their names."""
    return [nn.Flatten(int(n), -1) if n.isdigit() else nn.Identity() for n in names]


# -- Sequential ------------------------------------------------------------------------------------


def test_sequential_calls_in_order():
    net = nn.Sequential(nn.Flatten(), nn.ReLU())
    assert net(-torch.ones(2, 3, 4)).shape == (2, 12)
    assert nn.Sequential()(5) == 5
    net = nn.Sequential(OrderedDict(flat=nn.Flatten(), act=nn.ReLU()))
    assert net.flat is net[0] and [n for n, _ in net.named_children()] == ["flat", "act"]


def test_sequential_indexing():
    a, b, c = named("1", "2", "3")
    net = nn.Sequential(a, b, c)
    assert net[0] is a and net[-1] is c and len(net) == 3 and list(net) == [a, b, c]
    part = net[1:]
    assert type(part) is nn.Sequential and list(part) == [b, c]
    assert [n for n, _ in part.named_children()] == ["1", "2"]
    net[-1] = a
    assert net[2] is a
    for index in (3, -4):
        with pytest.raises(IndexError, match="out of range"):
            net[index]
        with pytest.raises(IndexError):
            net[index] = a
        with pytest.raises(IndexError):
            del net[index]
    with pytest.raises(TypeError):
        net["0"]


def test_sequential_editing():
    a, b, c, d = named("1", "2", "3", "4")
    net = nn.Sequential(a, b)
    assert net.append(c) is net and list(net) == [a, b, c]
    assert net.insert(1, d) is net and list(net) == [a, d, b, c]
    assert net.insert(-1, a) is net and list(net) == [a, d, b, a, c]
    assert [n for n, _ in net.named_children()] == ["0", "1", "2", "4"]  # a is there twice
    assert net.pop(-1) is c and len(net) == 4
    del net[1:3]
    assert list(net) == [a, a] and list(net._modules) == ["0", "1"]
    assert net.extend([b, c]) is net and len(net) == 4
    assert isinstance(net.pop(slice(0, 2)), nn.Sequential) and list(net) == [b, c]
    net.extend(net)
    assert list(net) == [b, c, b, c]
    with pytest.raises(AssertionError, match="should be of type"):
        net.insert(0, 3)
    with pytest.raises(IndexError, match="Index out of range: 9"):
        net.insert(9, a)
    with pytest.raises(TypeError, match="int is not a Module subclass"):
        net.append(3)


def test_sequential_arithmetic():
    a, b = named("1", "2")
    one, two = nn.Sequential(a), nn.Sequential(b, a)
    assert list(one + two) == [a, b, a]
    assert list(one * 3) == list(3 * one) == [a, a, a]
    kept = one
    one += two
    assert one is kept and list(one) == [a, b, a]
    one *= 2
    assert one is kept and list(one) == [a, b, a, a, b, a]
    with pytest.raises(ValueError, match="supports only objects of Sequential"):
        operator.add(one, [a])
    with pytest.raises(ValueError, match="Non-positive"):
        one * 0
    with pytest.raises(TypeError, match="unsupported operand"):
        one * "a"
    two += two
    assert len(two) == 4


def test_sequential_of_names_can_be_edited():
    net = nn.Sequential(OrderedDict(a=nn.Identity(), b=nn.ReLU()))
    net.append(nn.Flatten())
    assert [n for n, _ in net.named_children()] == ["a", "b", "2"]
    del net[0]
    assert [n for n, _ in net.named_children()] == ["0", "1"]


def test_sequential_subclass_may_define_forward():
    class Twice(nn.Sequential):
        def forward(self, x):
            return super().forward(super().forward(x))

    assert Twice(nn.Flatten(0))(torch.ones(2, 2)).shape == (4,)


# -- ModuleList ------------------------------------------------------------------------------------


def test_module_list():
    a, b, c, d = named("1", "2", "3", "4")
    layers = nn.ModuleList([a, b])
    assert layers[0] is a and layers[-1] is b and len(layers) == 2 and list(layers) == [a, b]
    assert type(layers[:1]) is nn.ModuleList and list(layers[::-1]) == [b, a]
    assert layers.append(c) is layers and layers.extend(iter([d])) is layers
    layers.insert(1, d)
    assert list(layers) == [a, d, b, c, d]
    layers.insert(-1, a)
    assert list(layers) == [a, d, b, c, a, d]
    del layers[::2]
    assert list(layers) == [d, c, d] and list(layers._modules) == ["0", "1", "2"]
    assert layers.pop(1) is c
    layers += [a]
    layers[0] = b
    assert list(operator.add(layers, [c])) == [b, d, a, c] and len(layers) == 3
    layers += layers
    assert len(layers) == 6
    with pytest.raises(IndexError):
        layers[6]
    with pytest.raises(TypeError, match="iterable, but got int"):
        layers.extend(3)
    with pytest.raises(NotImplementedError, match="ModuleList"):
        layers(1)
    assert bool(nn.ModuleList()) is False


def test_module_list_repr_joins_what_repeats():
    layers = nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Flatten(), nn.ReLU()])
    assert repr(layers) == (
        "ModuleList(\n  (0-1): 2 x ReLU()\n  (2): Flatten(start_dim=1, end_dim=-1)\n  (3): ReLU()\n)"
    )
    assert repr(nn.ModuleList()) == "ModuleList()"
    nested = nn.ModuleList([nn.Sequential(nn.ReLU()) for _ in range(3)])
    assert repr(nested) == "ModuleList(\n  (0-2): 3 x Sequential(\n    (0): ReLU()\n  )\n)"
    assert "0" not in dir(layers)


# -- ModuleDict ------------------------------------------------------------------------------------


def test_module_dict():
    a, b, c = named("1", "2", "3")
    d = nn.ModuleDict({"b": b, "a": a})
    assert list(d) == list(d.keys()) == ["b", "a"] and list(d.values()) == [b, a]
    assert dict(d.items()) == {"b": b, "a": a} and len(d) == 2 and "a" in d and "x" not in d
    assert d["a"] is a and d.a is a
    d["c"] = c
    assert d.pop("b") is b and list(d) == ["a", "c"]
    del d["a"]
    d.update([["x", a], ("y", b)])
    d.update(nn.ModuleDict({"x": c}))
    assert dict(d.items()) == {"c": c, "x": c, "y": b}
    d.clear()
    assert len(d) == 0 and list(d.children()) == []
    with pytest.raises(KeyError):
        d["a"]
    with pytest.raises(KeyError, match="already exists"):
        d["pop"] = a
    with pytest.raises(TypeError, match=r"ModuleDict.update should be called with an iterable"):
        d.update(3)
    with pytest.raises(TypeError, match="element #0 should be Iterable; isint"):
        d.update([3])
    with pytest.raises(ValueError, match="element #0 has length 3; 2 is required"):
        d.update([(1, 2, 3)])


# -- ParameterList ---------------------------------------------------------------------------------


def test_parameter_list():
    p = nn.Parameter(torch.ones(2))
    params = nn.ParameterList([p, torch.zeros(3, 4), "text"])
    assert params[0] is p and isinstance(params[1], nn.Parameter) and params[-1] == "text"
    assert len(params) == 3 and len(list(params.parameters())) == 2
    assert list(params.state_dict()) == ["0", "1"]
    assert params.append(torch.ones(1)) is params
    params[0] = torch.full((2,), 5.0)
    assert isinstance(params[0], nn.Parameter) and params[0].tolist() == [5.0, 5.0]
    part = params[1:]
    assert type(part) is nn.ParameterList and part[0] is params[1] and len(part) == 3
    params += params
    assert len(params) == 8 and len(list(params)) == 8
    assert repr(nn.ParameterList([torch.zeros(3, 4), p, 3, torch.tensor(1.0)])) == (
        "ParameterList(\n"
        "    (0): Parameter containing: [torch.float32 of size 3x4]\n"
        "    (1): Parameter containing: [torch.float32 of size 2]\n"
        "    (2): Object of type: int\n"
        "    (3): Parameter containing: [torch.float32 of size ]\n"
        ")"
    )
    for bad in (torch.ones(2), 3):
        with pytest.raises(TypeError, match="should be called with an iterable"):
            params.extend(bad)
    with pytest.raises(RuntimeError, match="should not be called"):
        params(1)
    with pytest.raises(IndexError):
        params[8]
    assert "0" not in dir(params)
    twin = copy.deepcopy(params)
    assert len(twin) == 8 and twin[1] is not params[1]


# -- ParameterDict ---------------------------------------------------------------------------------


def test_parameter_dict():
    p = nn.Parameter(torch.ones(2))
    d = nn.ParameterDict({"b": p, "a": torch.zeros(1), "c": 7})
    assert list(d) == ["a", "b", "c"]  # a plain dict is sorted
    assert list(nn.ParameterDict(OrderedDict(b=p, a=p))) == ["b", "a"]
    assert list(nn.ParameterDict([("b", p), ("a", p)])) == ["b", "a"]
    assert d["b"] is p and isinstance(d["a"], nn.Parameter) and d["c"] == 7
    assert list(reversed(d)) == ["c", "b", "a"] and "a" in d and len(d) == 3
    assert [n for n, _ in d.named_parameters()] == ["a", "b"]
    assert d.get("x") is None and d.get("x", 1) == 1 and d.setdefault("a", 3) is d["a"]
    assert d.setdefault("n", torch.ones(1)) is d["n"] and isinstance(d["n"], nn.Parameter)
    assert d.popitem()[0] == "n" and d.pop("c") == 7
    assert dict(d.items()).keys() == {"a", "b"} and list(d.values())[1] is p
    other = d.copy()
    assert type(other) is nn.ParameterDict and other["b"] is p
    del other["b"]
    assert "b" in d
    merged = other | nn.ParameterDict({"z": p})
    assert list(merged) == ["a", "z"]
    other |= d
    assert list(other) == ["a", "b"]
    assert list(d.fromkeys(["x", "y"], 3).items()) == [("x", 3), ("y", 3)]
    d.clear()
    assert len(d) == 0 and list(d.parameters()) == []
    for bad in (KeyError, d.popitem), (AttributeError, lambda: d["x"]), (TypeError, lambda: d[1]):
        with pytest.raises(bad[0]):
            bad[1]()
    with pytest.raises(TypeError, match=r"ParametersDict.update should be called with"):
        d.update(3)
    with pytest.raises(RuntimeError, match="should not be called"):
        d(1)


def test_parameter_dict_repr():
    d = nn.ParameterDict({"left": torch.zeros(5, 10), "n": 3})
    assert repr(d) == (
        "ParameterDict(\n"
        "    (left): Parameter containing: [torch.FloatTensor of size 5x10]\n"
        "    (n): Object of type: int\n"
        ")"
    )


def _net(*between: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(2, 4, 3), torch.nn.BatchNorm2d(4), *between, torch.nn.ReLU())
    net.append(torch.nn.BatchNorm2d(4))
    return net


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_and_relu_are_one(training: bool) -> None:
    """The same results, gradients and statistics as one after the other, up to rounding."""
    x = torch.randn(3, 2, 9, 8)
    # Identity stands between the two in the second net.
    one, two = _net().train(training), _net(torch.nn.Identity()).train(training)
    outs = [net(x) for net in (one, two)]
    for out in outs:
        (out * out.detach().cos()).sum().backward()
    assert torch.allclose(*outs, atol=1e-6)
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.allclose(a.grad, b.grad, rtol=1e-4, atol=1e-4)
    for a, b in zip(one.buffers(), two.buffers(), strict=True):
        assert torch.allclose(a, b)
    hidden = one[:3](x)
    assert hidden.grad_fn.name() == ("ReluBackward0" if training else "NativeBatchNormBackward0")
    assert (hidden >= 0).all()


def test_batch_norm_with_a_hook_is_seen() -> None:
    net = _net()
    seen = []
    net[1].register_forward_hook(lambda module, args, out: seen.append(out))
    net(torch.randn(3, 2, 9, 8))
    assert len(seen) == 1
    assert (seen[0] < 0).any()
    net = _net()
    net[2].register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    net(torch.randn(3, 2, 9, 8))
    assert (seen[1] < 0).any()


def test_a_batch_norm_of_ones_own_is_called() -> None:
    class Twice(torch.nn.BatchNorm2d):
        def forward(self, input: torch.Tensor) -> torch.Tensor:
            return super().forward(input) * 2

    plain, twice = torch.nn.BatchNorm2d(2), Twice(2)
    x = torch.randn(3, 2, 4, 4)
    relu = torch.nn.ReLU()
    assert torch.allclose(torch.nn.Sequential(twice, relu)(x), torch.nn.Sequential(plain, relu)(x) * 2)


CONVOLUTIONS = [
    ((1, 6, 5, 1, 2), (4, 1, 12, 12)),
    ((8, 16, 3, 1, 1), (5, 8, 8, 8)),
    ((8, 16, 3, 2, 1), (5, 8, 9, 9)),
    ((8, 8, 3, 1, 1, 1, 8), (2, 8, 9, 9)),
    ((8, 16, 1), (2, 8, 8, 8)),
]


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize(("arguments", "shape"), CONVOLUTIONS)
def test_convolution_and_relu_are_one(arguments: tuple[int, ...], shape: tuple[int, ...], dtype: torch.dtype) -> None:
    """The same bits as one after the other."""
    torch.manual_seed(0)
    conv = torch.nn.Conv2d(*arguments).to(dtype)
    x = torch.randn(*shape).to(dtype).requires_grad_()
    x.data.reshape(-1)[3] = torch.nan
    outs = [torch.nn.Sequential(conv, torch.nn.ReLU())(x), torch.relu(conv(x))]
    assert torch.equal(*(torch.nan_to_num(out, nan=-1) for out in outs))
    assert outs[0].grad_fn.name() == "ReluBackward0"
    weight = torch.randn(*outs[0].shape).to(dtype)
    one, two = (torch.autograd.grad(out, (x, conv.weight, conv.bias), weight) for out in outs)
    for a, b in zip(one, two, strict=True):
        assert torch.equal(torch.nan_to_num(a), torch.nan_to_num(b))


def test_convolution_and_relu_can_be_differentiated_twice() -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.ReLU()).double()
    x = torch.randn(2, 2, 5, 5, dtype=torch.float64, requires_grad=True)

    def f(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(net, {"0.weight": weight, "0.bias": bias}, (x,))

    assert torch.autograd.gradcheck(f, (x, net[0].weight, net[0].bias))
    assert torch.autograd.gradgradcheck(f, (x, net[0].weight, net[0].bias))


def test_a_convolution_that_is_looked_at_is_called() -> None:
    class Twice(torch.nn.Conv2d):
        def forward(self, input: torch.Tensor) -> torch.Tensor:
            return super().forward(input) * 2

    x, seen = torch.randn(3, 2, 4, 4), []
    conv, relu = torch.nn.Conv2d(2, 3, 3), torch.nn.ReLU()
    twice = Twice(2, 3, 3)
    twice.load_state_dict(conv.state_dict())
    assert torch.allclose(torch.nn.Sequential(twice, relu)(x), torch.nn.Sequential(conv, relu)(x) * 2)
    conv.register_forward_hook(lambda module, args, out: seen.append(out))
    torch.nn.Sequential(conv, relu)(x)
    assert len(seen) == 1 and (seen[0] < 0).any()
