"""Modules and containers against PyTorch: the same code tells the same."""

from __future__ import annotations

import copy
import operator
import pickle
from collections import OrderedDict

import pytest

import tinygrad_hw
from tests.parity.both import compare

pytorch = pytest.importorskip("torch")


def scale_class(torch):
    class Scale(torch.nn.Module):
        def __init__(self, size=2):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.full((size,), 2.0))
            self.shift = torch.nn.Parameter(torch.zeros(size))
            self.register_buffer("count", torch.zeros(1))
            self.register_buffer("cache", torch.ones(1), persistent=False)

        def forward(self, x):
            return self.scale * x + self.shift

    return Scale


def net_of(torch):
    Scale = scale_class(torch)
    net = torch.nn.Sequential(Scale(), torch.nn.Sequential(Scale(), torch.nn.ReLU()))
    net.add_module("named", torch.nn.ModuleList([Scale(), torch.nn.Identity()]))
    net.shared = net[0]
    return net


def structure(torch, log):
    net = net_of(torch)
    log(repr(net), [n for n, _ in net.named_modules()], [n for n, _ in net.named_children()])
    log([n for n, _ in net.named_modules(prefix="p", remove_duplicate=False)])
    log([n for n, _ in net.named_parameters()], [n for n, _ in net.named_parameters("x", False)])
    log([n for n, _ in net.named_parameters(remove_duplicate=False)])
    log([n for n, _ in net.named_buffers()], [n for n, _ in net.named_buffers("b")])
    log(list(net.state_dict()), dict(net.state_dict()._metadata))
    log(list(net.state_dict(prefix="p.")), len(list(net.parameters())), len(list(net.modules())))
    order = []
    net.apply(lambda m: order.append(type(m).__name__))
    log(order)
    log(list(net._modules), list(net[0]._parameters), list(net[0]._buffers))
    log(sorted(net[0]._non_persistent_buffers_set))
    log(str(net.get_submodule("1.0")), net.get_parameter("1.0.scale"), net.get_buffer("0.cache"))


def registration_errors(torch, log):
    nn = torch.nn
    m = nn.Module()
    m.taken = 1
    m.p = nn.Parameter(torch.ones(1))
    m.sub = nn.ReLU()
    m.register_buffer("b", torch.ones(1))
    for name in ("taken", "a.b", "", 3, "forward"):
        log.error(m.register_parameter, name, None)
        log.error(m.register_buffer, name, None)
        log.error(m.add_module, name, None)
    log.error(m.register_parameter, "x", torch.ones(1))
    log.error(m.register_parameter, "x", m.p * 2)
    log.error(m.register_buffer, "x", [1])
    log.error(m.add_module, "x", 3)
    log.error(m.add_module, "x", nn.ReLU)
    log.error(m.register_parameter, "sub", None)
    log.error(m.register_buffer, "p", None)
    log.error(setattr, m, "p", torch.ones(1))
    log.error(setattr, m, "p", 5)
    log.error(setattr, m, "p", nn.ReLU())
    log.error(setattr, m, "sub", 5)
    log.error(setattr, m, "sub", torch.ones(1))
    log.error(setattr, m, "b", 5)
    log.error(setattr, m, "b", "text")
    log.error(getattr, m, "nothing")
    log.error(delattr, m, "nothing")
    log.error(nn.Module, 3)
    log.error(nn.Module, a=3)
    log.error(nn.Module(), 3)
    log.error(m.get_submodule, "sub.x")
    log.error(m.get_submodule, "p")
    log.error(m.get_parameter, "sub")
    log.error(m.get_parameter, "sub.weight")
    log.error(m.get_buffer, "p")
    log.error(m.get_buffer, "zzz")
    log.error(m.set_submodule, "", nn.ReLU())
    log.error(m.set_submodule, "sub", 3)
    log.error(m.set_submodule, "zzz", nn.ReLU(), strict=True)
    log.error(m.set_submodule, "a.b", nn.ReLU())
    log.error(m.set_submodule, "taken", nn.ReLU())
    log.error(m.train, 1)
    log.error(m.to, torch.int64)
    log.error(m.load_state_dict, [1])
    log.error(torch.nn.Parameter, torch.tensor([1]))


def before_init(torch, log):
    nn = torch.nn

    class Early(nn.Module):
        def __init__(self, what):
            what(self)

    log.error(Early, lambda m: setattr(m, "x", nn.Parameter(torch.ones(1))))
    log.error(Early, lambda m: setattr(m, "x", nn.ReLU()))
    log.error(Early, lambda m: setattr(m, "x", nn.Buffer(torch.ones(1))))
    log.error(Early, lambda m: m.register_parameter("x", None))
    log.error(Early, lambda m: m.register_buffer("x", None))
    early = Early(lambda m: setattr(m, "x", 3))
    log(early.x)
    log.error(getattr, early, "y")


def reassigning(torch, log):
    nn = torch.nn
    m = nn.Module()
    for value in (
        1,
        nn.Parameter(torch.ones(1)),
        None,
        nn.Parameter(torch.ones(2)),
    ):
        m.a = value
        log(list(m._parameters), list(m._modules), list(m._buffers))
    del m.a
    for value in (nn.ReLU(), None, nn.Identity()):
        m.a = value
        log(list(m._parameters), list(m._modules), str(m.a))
    m.a = nn.Parameter(torch.ones(1))
    log(list(m._parameters), list(m._modules))
    del m.a
    m.register_buffer("a", torch.ones(1))
    m.a = torch.zeros(2)
    m.b = nn.Buffer(torch.ones(1))
    m.b = nn.Buffer(torch.ones(1), persistent=False)
    log(dict(m.named_buffers()), list(m.state_dict()))
    m.b = torch.ones(3)
    log(list(m.state_dict()))
    m.register_buffer("b", torch.ones(3))
    log(list(m.state_dict()))
    m.a = nn.ReLU()
    log(list(m._buffers), list(m._modules))
    m._parameters["new"] = nn.Parameter(torch.ones(1))
    log(m.new, [n for n, _ in m.named_parameters()], m._parameters.pop("new"), hasattr(m, "new"))


def loading(torch, log):
    net = net_of(torch)
    state = net.state_dict()
    log(repr(net.load_state_dict(state)), tuple(net.load_state_dict(state)))
    del state["0.scale"], state["shared.scale"]
    state["1.0.scale"] = torch.ones(3)
    state["named.0.scale"] = 5
    state["0.new"] = torch.ones(1)
    state["1.new"] = torch.ones(1)
    state["other.a"] = torch.ones(1)
    state["plain"] = torch.ones(1)
    state["1.1.weight"] = torch.ones(1)
    log.error(net.load_state_dict, state)
    log.error(net.load_state_dict, state, strict=False)
    state["1.0.scale"], state["named.0.scale"] = torch.full((2,), 3.0), torch.ones(2)
    result = net.load_state_dict(state, strict=False)
    log(repr(result), result.missing_keys, result.unexpected_keys, net[1][0].scale)
    log.error(net.load_state_dict, {})
    scalar = torch.nn.Module()
    scalar.x = torch.nn.Parameter(torch.tensor(1.0))
    scalar.load_state_dict({"x": torch.tensor([4.0])})
    log(scalar.x)
    log.error(scalar.load_state_dict, {"x": torch.tensor([4.0, 1.0])})
    double = {k: v.double() for k, v in net.state_dict().items()}
    net.load_state_dict(double)
    log(net[0].scale.dtype is torch.float32)
    net.load_state_dict(double, assign=True)
    log(net[0].scale.dtype is torch.float64, net[0].scale.requires_grad, type(net[0].scale).__name__)


def extra_state(torch, log):
    class Extra(torch.nn.Module):
        def get_extra_state(self):
            return {"a": 1}

        def set_extra_state(self, state):
            self.state = state

    class OnlyGet(torch.nn.Module):
        def get_extra_state(self):
            return 1

    net = torch.nn.Sequential(Extra(), OnlyGet())
    log(dict(net.state_dict()))
    log.error(net.load_state_dict, net.state_dict())
    log(repr(net.load_state_dict(net.state_dict(), strict=False)))
    log(net[0].state)
    log.error(torch.nn.Sequential(Extra()).load_state_dict, {})


def state_hooks(torch, log):
    net = net_of(torch)
    child = net[1]
    child.register_state_dict_pre_hook(lambda m, prefix, keep: log("pre", prefix, keep))
    child.register_state_dict_post_hook(lambda m, state, prefix, meta: log(list(state), prefix, dict(meta)))
    child._register_state_dict_hook(lambda m, state, prefix, meta: state.pop("1.0.count") and None)
    child[0].register_load_state_dict_pre_hook(
        lambda m, state, prefix, meta, strict, missing, unexpected, errors: log(
            list(state), prefix, dict(meta), strict, missing, unexpected, errors
        )
    )
    child[0]._register_load_state_dict_pre_hook(
        lambda state, prefix, *rest: state.update({prefix + "count": torch.ones(1)})
    )
    net.register_load_state_dict_post_hook(lambda m, keys: log(repr(keys)))
    child.register_load_state_dict_post_hook(lambda m, keys: log("child", repr(keys)))
    log(repr(net.load_state_dict(net.state_dict())))
    log(net[1][0].count)


def conversions(torch, log):
    net = net_of(torch)
    net.register_buffer("index", torch.tensor([1]))
    net[0](torch.ones(2)).sum().backward()
    for change in (
        lambda: net.double(),
        lambda: net.float(),
        lambda: net.half(),
        lambda: net.to(torch.float32),
        lambda: net.to("cpu", torch.float64),
        lambda: net.to(torch.zeros(1)),
        lambda: net.to(dtype=torch.float64, non_blocking=True),
        lambda: net.type(torch.float32),
    ):
        before = net[0].scale
        log(change() is net, net[0].scale is before)
        log(str(net[0].scale.dtype), str(net[0].scale.grad.dtype), str(net[0].count.dtype))
        log(str(net.index.dtype), net[0].scale.requires_grad)
    net.zero_grad(set_to_none=False)
    log(net[0].scale.grad)
    net.zero_grad()
    log(net[0].scale.grad is None)
    net.eval()
    log([m.training for m in net.modules()])
    net.requires_grad_(False)
    log([p.requires_grad for p in net.parameters()])


def copies(torch, log):
    net = net_of(torch)
    net[0].scale.grad = torch.ones(2)
    twin = copy.deepcopy(net)
    log(twin[0].scale is twin.shared.scale, twin[0].scale.grad is None, repr(twin) == repr(net))
    log(list(twin.state_dict()), twin[0].scale.requires_grad)
    p = torch.nn.Parameter(torch.ones(2), requires_grad=False)
    log(repr(p), repr(copy.deepcopy(p)), repr(pickle.loads(pickle.dumps(p))))
    log(repr(torch.nn.Parameter(torch.ones(2))), repr(torch.nn.Parameter(torch.tensor(1.0))))
    log(repr(torch.nn.Buffer(torch.ones(2))), torch.nn.Buffer(torch.ones(1)).persistent)
    log(isinstance(copy.deepcopy(torch.nn.Buffer(torch.ones(1))), torch.nn.Buffer))


def forward_hooks(torch, log):
    Scale = scale_class(torch)
    m = Scale(1)

    def pre(tag):
        return lambda mod, args: log("pre", tag, args[0])

    def post(tag):
        return lambda mod, args, out: log("post", tag, args[0], out)

    handles = [
        m.register_forward_pre_hook(pre(1)),
        m.register_forward_pre_hook(lambda mod, args: args[0] * 2, prepend=True),
        m.register_forward_pre_hook(lambda mod, args, kw: ((args[0] + 1,), kw), with_kwargs=True),
        m.register_forward_pre_hook(pre(2)),
        m.register_forward_hook(post(1)),
        m.register_forward_hook(lambda mod, args, out: out * 10, prepend=True),
        m.register_forward_hook(lambda mod, args, kw, out: log(kw, out), with_kwargs=True),
        m.register_forward_hook(post(3), always_call=True),
    ]
    log(m(torch.ones(1)))
    log.error(m, torch.ones(1), wrong=1)
    for h in handles:
        h.remove()
    log(m(torch.ones(1)), len(m._forward_hooks), len(m._forward_pre_hooks))
    m.register_forward_pre_hook(lambda mod, args, kw: 3, with_kwargs=True)
    log.error(m, torch.ones(1))


def global_hooks(torch, log):
    module = torch.nn.modules.module
    net = torch.nn.Sequential(scale_class(torch)(), torch.nn.Identity())
    net.register_forward_hook(lambda m, a, o: log("own", type(m).__name__))
    handles = [
        module.register_module_forward_pre_hook(lambda m, a: log("pre", type(m).__name__)),
        module.register_module_forward_hook(lambda m, a, o: log("post", type(m).__name__)),
        module.register_module_full_backward_pre_hook(lambda m, go: log("bpre", type(m).__name__, go)),
        module.register_module_full_backward_hook(lambda m, gi, go: log("back", type(m).__name__, gi, go)),
    ]
    x = torch.ones(2, requires_grad=True)
    net(x).sum().backward()
    for h in handles:
        h.remove()
    net(x).sum().backward()
    log(x.grad)


def backward_hooks(torch, log):
    class Many(torch.nn.Module):
        def forward(self, x, y, flag=None):
            return x * 2 + y, "text", y * 3

    m = Many()
    m.register_full_backward_pre_hook(lambda mod, go: log("pre", go))
    m.register_full_backward_pre_hook(lambda mod, go: (None if go[0] is None else go[0] * 2, *go[1:]))
    m.register_full_backward_hook(lambda mod, gi, go: log("hook", gi, go))
    m.register_full_backward_hook(lambda mod, gi, go: (gi[0] * 10, *gi[1:]))
    m.register_full_backward_hook(lambda mod, gi, go: log("first", gi), prepend=True)
    for needs in ((True, True), (True, False), (False, True)):
        x, y = (torch.ones(2, requires_grad=n) for n in needs)
        a, text, b = m(x, y, flag=True)
        log(text, a.grad_fn.name())
        a.sum().backward(retain_graph=True)
        (a * b).sum().backward()
        log([t.grad for t in (x, y)])
    x = torch.ones(2, requires_grad=True)
    m(x, torch.ones(2))[0].sum().backward()
    log(x.grad)
    Scale = scale_class(torch)
    s = Scale()
    s.register_full_backward_hook(lambda mod, gi, go: log(gi, go))
    x = torch.ones(2, requires_grad=True)
    (g,) = torch.autograd.grad((s(x) ** 3).sum(), x, create_graph=True)
    log(g)
    g.sum().backward()
    log(x.grad)
    with torch.no_grad():
        log(s(x).grad_fn is None)


def backward_hook_errors(torch, log):
    Scale = scale_class(torch)
    x = torch.ones(2, requires_grad=True)
    m = Scale()
    with m.register_full_backward_hook(lambda mod, gi, go: (gi[0], gi[0])):
        log.error(lambda: m(x).sum().backward())
    with m.register_full_backward_pre_hook(lambda mod, go: ()):
        log.error(lambda: m(x).sum().backward())
    m.register_full_backward_hook(lambda mod, gi, go: log(gi, go))
    log.warned(lambda: m(torch.ones(2)).sum().backward())
    log.warned(lambda: m(x=x).sum().backward())
    m.register_full_backward_hook(lambda mod, gi, go: go)
    log.error(lambda: m(torch.ones(2)).sum().backward())

    class Dict(torch.nn.Module):
        def forward(self, x):
            return {"y": x * 2}

    d = Dict()
    d.register_full_backward_hook(lambda *a: None)
    log.warned(lambda: sorted(d(x)))
    log.error(d.register_backward_hook, lambda *a: None)
    d = Dict()
    d.register_backward_hook(lambda *a: None)
    log.error(d.register_full_backward_hook, lambda *a: None)


def printing(torch, log):
    nn = torch.nn

    class Named(nn.Module):
        def __init__(self, text):
            super().__init__()
            self.text = text

        def extra_repr(self):
            return self.text

    for text in ("", "a=1", "a=1\nb=2", "a\n\nb"):
        inner = Named(text)
        log(repr(inner))
        outer = Named(text)
        outer.inner = inner
        outer.deep = nn.Sequential(inner, nn.Sequential(inner))
        outer.register_module("none", None)
        log(repr(outer), repr(nn.ModuleList([outer, outer, inner])))
    log(
        repr(nn.Sequential()),
        repr(nn.ModuleList()),
        repr(nn.ModuleDict()),
        repr(nn.ParameterList()),
    )
    log(repr(nn.ParameterDict({"a": torch.zeros(2, 3), "b": 4, "c": torch.zeros(2).double()})))
    log(repr(nn.ParameterList([torch.zeros(2, 3), 4, nn.Parameter(torch.tensor(1.0))])))
    log(repr(nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 3)])))
    log(repr(nn.ModuleDict({"a": nn.Linear(2, 2), "b": nn.ModuleList([nn.ReLU()] * 12)})))


def sequential(torch, log):
    nn = torch.nn
    a, b, c = nn.ReLU(), nn.Identity(), nn.Flatten()
    net = nn.Sequential(a, b)

    def tell():
        log(repr(net), list(net._modules), len(net))

    tell()
    net.append(c)
    net.insert(1, c)
    net.insert(-1, b)
    tell()
    log(repr(net[1:3]), repr(net[::2]), repr(net[-1]), list(net[1:3]._modules))
    del net[1]
    del net[-2:]
    tell()
    net += nn.Sequential(c, c)
    net *= 2
    tell()
    log(repr(net.pop(0)), repr(net.pop(slice(0, 2))), repr(net + net[:1]), repr(2 * net[:1]))
    net.extend([a, b])
    net[0] = c
    tell()
    net = nn.Sequential(OrderedDict(x=a, y=b))
    net.append(c)
    tell()
    del net[0]
    tell()
    for bad in (
        lambda: net[9],
        lambda: net[-9],
        lambda: net.__setitem__(9, a),
        lambda: net.__delitem__(9),
        lambda: net["x"],
        lambda: net.append(3),
        lambda: net.insert(9, a),
        lambda: net.extend([3]),
        lambda: nn.Sequential(3),
        lambda: net + 3,
        lambda: net * 1.5,
        lambda: net * 0,
        lambda: net.__imul__("a"),
        lambda: net.__imul__(-1),
        lambda: net.__iadd__([a]),
    ):
        log.error(bad)


def module_list(torch, log):
    nn = torch.nn
    a, b, c = nn.ReLU(), nn.Identity(), nn.Flatten()
    layers = nn.ModuleList([a, b])

    def tell():
        log(repr(layers), list(layers._modules), len(layers))

    layers.append(c)
    layers.insert(0, c)
    layers.extend([a, a])
    tell()
    del layers[0]
    del layers[::2]
    tell()
    layers += [b]
    log(repr(layers[1:]), repr(layers[-1]), repr(operator.add(layers, [c])), repr(layers.pop(0)))
    layers[-1] = a
    tell()
    for bad in (
        lambda: layers[9],
        lambda: layers["a"],
        lambda: layers.extend(3),
        lambda: layers.append(3),
        lambda: layers(3),
        lambda: layers.pop(9),
        lambda: nn.ModuleList(3),
    ):
        log.error(bad)


def module_dict(torch, log):
    nn = torch.nn
    a, b, c = nn.ReLU(), nn.Identity(), nn.Flatten()
    d = nn.ModuleDict({"z": a, "a": b})
    d.update([("k", c), ["z", c]])
    d["n"] = a
    log(repr(d), list(d), list(d.keys()), [str(v) for v in d.values()], "k" in d, len(d))
    log([(k, str(v)) for k, v in d.items()], str(d.pop("k")), str(d["a"]))
    del d["a"]
    d.update(nn.ModuleDict({"q": b}))
    d.update(OrderedDict(r=a))
    log(repr(d), [n for n, _ in d.named_modules()])
    for bad in (
        lambda: d["nothing"],
        lambda: d.pop("nothing"),
        lambda: d.__setitem__("keys", a),
        lambda: d.__setitem__("a.b", a),
        lambda: d.__setitem__(3, a),
        lambda: d.__setitem__("x", 3),
        lambda: d.update(3),
        lambda: d.update([3]),
        lambda: d.update([(1, 2, 3)]),
        lambda: d(3),
    ):
        log.error(bad)
    d.clear()
    log(repr(d), len(d))


def parameter_containers(torch, log):
    nn = torch.nn
    p, t = nn.Parameter(torch.ones(2)), torch.zeros(3)
    params = nn.ParameterList([p, t, "x"])
    params.append(t)
    params.extend([p])
    params[0] = t
    log(
        repr(params),
        [n for n, _ in params.named_parameters()],
        len(params),
        list(params.state_dict()),
    )
    log(repr(params[1:]), repr(params[-1]), [type(v).__name__ for v in params])
    params += [p]
    log(len(params))
    d = nn.ParameterDict({"b": p, "a": t, "c": 5})
    d["e"] = t
    log(repr(d), list(d), [n for n, _ in d.named_parameters()], list(d.state_dict()))
    log(list(reversed(d)), d.get("zz"), d.get("zz", 4), d.get("b"), d.setdefault("new", t))
    log(d.popitem()[0], d.pop("c"), repr(d.copy()), repr(d | nn.ParameterDict({"q": t})))
    d |= nn.ParameterDict({"r": p})
    log(repr(d), repr(d.fromkeys(["u", "v"], 1)))
    del d["a"]
    log(repr(d))
    for bad in (
        lambda: params[9],
        lambda: params.extend(t),
        lambda: params.extend(3),
        lambda: params(3),
        lambda: d["nothing"],
        lambda: d.pop("nothing"),
        lambda: d[3],
        lambda: d.update(3),
        lambda: d.update([3]),
        lambda: d.update([(1, 2, 3)]),
        lambda: d(3),
        lambda: nn.ParameterDict().popitem(),
    ):
        log.error(bad)
    d.clear()
    log(repr(d), len(d))


CASES = [
    structure,
    registration_errors,
    before_init,
    reassigning,
    loading,
    extra_state,
    state_hooks,
    conversions,
    copies,
    forward_hooks,
    global_hooks,
    backward_hooks,
    backward_hook_errors,
    printing,
    sequential,
    module_list,
    module_dict,
    parameter_containers,
]


@pytest.mark.parametrize("code", CASES, ids=lambda c: c.__name__)
def test_same(code):
    compare(code, tinygrad_hw, pytorch)
