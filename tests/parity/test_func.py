"""torch.func: the same code tells the same here and under PyTorch."""

from __future__ import annotations

from collections import OrderedDict, namedtuple

import pytest

import tinygrad_hw as tg
from tests.parity.both import compare

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.torch,
    # PyTorch warns of what it does itself.
    pytest.mark.filterwarnings("ignore"),
]

Pair = namedtuple("Pair", "a b")


def x_of(torch):
    return torch.tensor([0.3, -1.2, 2.0], dtype=torch.float64)


def m_of(torch):
    return torch.tensor([[0.5, -1.0, 0.2], [1.5, 0.1, -0.7]], dtype=torch.float64)


def told(log, t):
    log(t, t.requires_grad)


def _grad(torch, log):
    f = torch.func
    x, m = x_of(torch), m_of(torch)
    told(log, f.grad(lambda v: (v**3).sum())(x))
    log(f.grad(lambda a, b: (a @ b).sin().sum(), argnums=1)(m, x))
    log(f.grad(lambda a, b: (a @ b).sin().sum(), argnums=(0, 1))(m, x))
    log(f.grad(lambda a, b: (a @ b).sin().sum(), argnums=-1)(m, x))
    log(f.grad(lambda d: (d["m"] @ d["x"]).sum() + d["l"][0].exp().sum())({"m": m, "x": x, "l": [x]}))
    log(f.grad(lambda p: (p.a * p.b).sum())(Pair(x, x * 2)))
    log(f.grad(lambda v, *, k: (v * k).sum())(x, k=3.0))
    log(f.grad(lambda v: ((v**2).sum(), v * 2), has_aux=True)(x))
    log(f.grad(lambda v: ((v**2).sum(), {"w": v * 2, "v": v}), has_aux=True)(x))
    log(f.grad_and_value(lambda v: (v**2).sum())(x))
    log(f.grad_and_value(lambda v: ((v**2).sum(), v), has_aux=True)(x))
    log(f.grad(lambda v: x.sum() + 0 * v.sum())(x), f.grad(lambda v: x.sum())(x))
    scalar = torch.tensor(0.7, dtype=torch.float64)
    third = f.grad(f.grad(f.grad(torch.sin)))(scalar)
    told(log, third)
    log(f.grad(lambda s: s * f.grad(lambda t: s * t * t)(s))(scalar))
    log(x.grad, x.requires_grad)


def _grad_of_tracked(torch, log):
    f = torch.func
    x = x_of(torch).requires_grad_()
    g = f.grad(lambda v: (v**3).sum())(x)
    told(log, g)
    g.sum().backward()
    log(x.grad)
    w = x_of(torch).requires_grad_()
    y = x_of(torch)
    g = f.grad(lambda v: (v * v * w).sum())(y)
    told(log, g)
    g.sum().backward()
    log(w.grad, y.grad)
    with torch.no_grad():
        told(log, f.grad(lambda v: (v * v * w).sum())(x))
        told(log, f.vjp(lambda v: v * w, x)[0])
    value, pull = f.vjp(lambda v: v * v * w, x)
    told(log, value)
    told(log, pull(torch.ones_like(x))[0])
    value, pull = f.vjp(lambda v: v * v, y)
    told(log, value)
    told(log, pull(torch.ones_like(y))[0])
    told(log, f.jvp(lambda v: v * v * w, (y,), (y,))[1])
    told(log, f.jvp(lambda v: v * v, (y,), (y,))[1])
    told(log, f.jacrev(lambda v: v * w)(y))
    told(log, f.jacrev(lambda v: v * v)(y))
    told(log, f.grad(lambda v: ((v * w).sum(), v), has_aux=True)(y)[1])
    # The gradient of a constant of the inner function.
    log(f.grad(lambda a: f.grad(lambda b: a * b * b)(a.detach()))(torch.tensor(2.0)))


def _grad_errors(torch, log):
    f = torch.func
    x = x_of(torch)
    log.error(f.grad(lambda v: v), x)
    log.error(f.grad(lambda v: (v.sum(), 1)), x)
    log.error(f.grad(lambda v: v.sum(), has_aux=True), x)
    log.error(f.grad(lambda v: v.sum(), argnums=1), x)
    log.error(f.grad(lambda v: v.sum(), argnums=(0, 0)), x)
    log.error(f.grad(lambda v: v.sum(), argnums=()), x)
    log.error(f.grad(lambda v: v.sum(), argnums="0"), x)
    log.error(f.grad(lambda v: v), 3.0)
    log.error(f.grad(lambda v: v.sum()), torch.tensor([1, 2]))


def _vjp(torch, log):
    f = torch.func
    x, m = x_of(torch), m_of(torch)
    value, pull = f.vjp(lambda a, b: a @ b, m, x)
    log(value, pull(torch.ones(2, dtype=torch.float64)), pull(torch.tensor([1.0, 2.0], dtype=torch.float64)))
    value, pull = f.vjp(lambda v: (v.sin(), v.sum()), x)
    log(value, pull((torch.ones_like(x), torch.tensor(2.0, dtype=torch.float64))))
    value, pull = f.vjp(lambda v: {"s": v.sin(), "c": v.cos()}, x)
    log(value, pull({"s": torch.ones_like(x), "c": torch.ones_like(x)}))
    log(f.vjp(lambda v: (v * 2, [v]), x, has_aux=True)[2])
    log.error(lambda: f.vjp(lambda v: (v * 2, "aux"), x, has_aux=True))
    value, pull = f.vjp(lambda v: x * 2, x)
    log(value, pull(x))
    log.error(f.vjp(lambda v: v.sin(), x)[1], (x, x))
    log.error(f.vjp, lambda v: v > 0, x)
    log.error(f.vjp, lambda v: v, x, has_aux=True)

    def hvp(v):
        return f.vjp(f.grad(lambda t: (t**4).sum()), x)[1](v)[0]

    log(hvp(torch.ones_like(x)), f.jacrev(hvp)(x), f.grad(lambda v: (hvp(v) ** 2).sum())(x))


def _jvp(torch, log):
    f = torch.func
    x, m = x_of(torch), m_of(torch)
    log(f.jvp(torch.sin, (x,), (torch.ones_like(x),)))
    log(f.jvp(lambda a, b: a @ b, (m, x), (m * 2, x + 1)))
    log(f.jvp(lambda v: (v.sin(), {"e": v.exp()}), (x,), (x,)))
    log(f.jvp(lambda d: d["a"] * d["b"], ({"a": x, "b": x + 1},), ({"a": x, "b": x},)))
    log(f.jvp(lambda v: (v * 2, v.sum()), (x,), (x,), has_aux=True))
    log(f.jvp(lambda v: (v * 2, x * 3), (x,), (x,)))
    log(f.jvp(f.grad(lambda v: (v**3).sum()), (x,), (x,)), f.grad(lambda v: f.jvp(torch.sin, (v,), (v,))[1].sum())(x))
    log(f.jvp(lambda v: f.jvp(lambda t: t**3, (v,), (x,))[1], (x,), (x,)))
    log.error(f.jvp, torch.sin, x, (x,))
    log.error(f.jvp, torch.sin, (x,), (x, x))
    log.error(f.jvp, torch.sin, (), ())
    log.error(f.jvp, torch.sin, (1.0,), (1.0,))
    log.error(f.jvp, lambda v: 3, (x,), (x,))
    log.error(f.jvp, lambda v: v, (x,), (x,), has_aux=True)
    log.error(lambda: f.jvp(lambda v: torch.ones(2), (x,), (x,), strict=True))


def _linearize(torch, log):
    f = torch.func
    x, m = x_of(torch), m_of(torch)
    value, push = f.linearize(lambda a, b: (a @ b).sin(), m, x)
    log(value, push(m, x), push(m * 0, x * 2))
    value, push = f.linearize(lambda v: {"s": v.sin(), "t": (v, v * 2)}, x)
    log(value, push(x))
    for bad in ((x, x), ([x],)):
        try:
            push(*bad)
        except RuntimeError as error:  # they print structures otherwise
            log(str(error).split("TreeSpec")[0].split("tuple(")[0])
    log.error(push, torch.ones(2, dtype=torch.float64))
    log.error(push, torch.ones(3))


def _jacobians(torch, log):
    f = torch.func
    x, m = x_of(torch), m_of(torch)
    for jacobian in (f.jacrev, f.jacfwd):
        log(jacobian(torch.sin)(x), jacobian(lambda v: v.sum())(x), jacobian(lambda a: a @ x)(m))
        log(jacobian(lambda a, b: a @ b, argnums=1)(m, x), jacobian(lambda a, b: a @ b, argnums=(0, 1))(m, x))
        log(jacobian(lambda v: (v.sin(), v.sum()))(x), jacobian(lambda v: {"s": v**2})(x))
        log(jacobian(lambda d: d["a"] * d["b"])({"a": x, "b": x + 1}))
        log(jacobian(lambda v: (v.sin(), v), has_aux=True)(x))
        log(jacobian(lambda v: x * 2)(x), jacobian(lambda v: (v, x))(x))
        log(jacobian(lambda v: v.sin())(torch.tensor(0.5)), jacobian(jacobian(lambda v: (v**3).sum()))(x))
        log(jacobian(lambda v: v[:0] * 2)(x).shape if jacobian is f.jacrev else 0)
        told(log, jacobian(torch.sin)(x))
        log.error(jacobian(lambda v: 3), x)
        log.error(jacobian(lambda v: v, argnums=2), x)
        log.error(jacobian(lambda v: v, has_aux=True), x)
    log(f.jacrev(torch.sin, chunk_size=2)(x), f.jacfwd(f.jacrev(lambda v: (v**3).sum()))(x))
    log.error(lambda: f.jacrev(torch.sin, chunk_size=0)(x))
    log(f.hessian(lambda v: (v**3).sum() + v[0] * v[1])(x), f.hessian(lambda v: v**3)(x))
    log(f.hessian(lambda a, b: (a @ b).sin().sum(), argnums=1)(m, x))
    log(f.hessian(lambda a, b: (a @ b).sin().sum(), argnums=(0, 1))(m, x))


def _vmap(torch, log):
    f = torch.func
    x, m = x_of(torch), m_of(torch)
    log(f.vmap(torch.dot)(m, m), f.vmap(torch.dot, in_dims=(0, None))(m, x), f.vmap(torch.sum, in_dims=1)(m))
    log(f.vmap(lambda v: v * 2, out_dims=1)(m), f.vmap(lambda v: v * 2, in_dims=-1, out_dims=-1)(m))
    log(f.vmap(lambda v: (v.sum(), v * 2))(m), f.vmap(lambda v: (v, v), out_dims=(0, 1))(m))
    log(f.vmap(lambda v: {"a": v, "b": [v.sum()]}, out_dims={"a": 1, "b": [0]})(m))
    log(f.vmap(lambda d, k: d["p"] * k, in_dims=({"p": 0}, None))({"p": m}, 2.0))
    log(f.vmap(lambda d: d["p"][0] + d["p"][1], in_dims=(0,))({"p": (m, m * 2)}))
    log(
        f.vmap(lambda v, *, k: v * k)(m, k=3.0), f.vmap(f.vmap(torch.sin))(m), f.vmap(f.grad(lambda v: (v**3).sum()))(m)
    )
    log(f.vmap(lambda v: v.sum(), chunk_size=1)(m), torch.vmap(lambda v: v.sum())(m))
    log(
        f.vmap(f.jacrev(torch.sin))(m),
        f.jacrev(f.vmap(torch.sin))(m),
        f.grad(lambda a: f.vmap(torch.dot)(a, a).sum())(m),
    )
    log(f.vmap(lambda v: x, out_dims=None)(m))
    t = m.clone().requires_grad_()
    f.vmap(lambda v: (v * v).sum())(t).sum().backward()
    log(t.grad)


def _vmap_errors(torch, log):
    f = torch.func
    x, m = x_of(torch), m_of(torch)
    log.error(f.vmap(torch.dot), m, x)
    log.error(f.vmap(torch.dot, in_dims="0"), m, m)
    log.error(f.vmap(torch.dot, in_dims=(0,)), m, m)
    log.error(f.vmap(torch.dot, in_dims=(0, "a")), m, m)
    log.error(f.vmap(torch.dot, in_dims=(0, 2)), m, m)
    log.error(f.vmap(torch.dot, in_dims=None), m, m)
    log.error(f.vmap(torch.dot, in_dims=(None, None)), m, m)
    log.error(f.vmap(lambda a, b: a), m, 2.0)
    log.error(f.vmap(lambda: 1))
    log.error(f.vmap(lambda v: 3), m)
    log.error(f.vmap(lambda v: v, out_dims=(0, 1)), m)
    log.error(f.vmap(lambda v: v, out_dims="0"), m)
    log.error(f.vmap(lambda v: v + torch.rand(3)), m)
    log.error(lambda: f.vmap(torch.sin, randomness="some")(m))
    log.error(lambda: f.vmap(torch.sin, chunk_size=0)(m))


def _ensemble(torch, log):
    f = torch.func
    torch.manual_seed(0)
    nets = [
        torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2)) for _ in range(3)
    ]
    for net in nets:
        net.eval()
    params, buffers = f.stack_module_state(nets)
    log(params, buffers, [p.requires_grad for p in params.values()], [p.is_leaf for p in params.values()])
    x = torch.randn(5, 3)

    def call(p, b, v):
        return f.functional_call(nets[0], (p, b), (v,))

    y = f.vmap(call, in_dims=(0, 0, None))(params, buffers, x)
    log(y, torch.stack([net(x) for net in nets]))
    y.sum().backward()
    log(params["0.weight"].grad)
    log.error(f.stack_module_state, [])
    log.error(f.stack_module_state, [torch.nn.Linear(2, 2), torch.nn.ReLU()])
    log.error(f.stack_module_state, [torch.nn.Linear(2, 2), torch.nn.Linear(2, 2).eval()])
    log.error(f.stack_module_state, [torch.nn.Linear(2, 2), torch.nn.Linear(2, 2).requires_grad_(False)])


def _functional_call(torch, log):
    f = torch.func
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    x = torch.randn(5, 3)
    before = [p.clone() for p in net.parameters()]
    other = {k: v.detach() * 2 for k, v in net.named_parameters()}
    log(
        f.functional_call(net, other, x),
        f.functional_call(net, {}, (x,)),
        f.functional_call(net, {"0.bias": torch.ones(4)}, x),
    )
    log(f.functional_call(net, other, kwargs={"input": x}))
    log(
        [bool((a == b).all()) for a, b in zip(before, net.parameters(), strict=True)],
        [type(p).__name__ for p in net.parameters()],
    )
    log(f.grad(lambda p: f.functional_call(net, p, x).sum())(other))
    log(f.functional_call(net, ({"0.weight": other["0.weight"]}, {"0.bias": other["0.bias"]}), x))
    tracked = dict(net.named_parameters())
    told(log, f.grad(lambda p: (f.functional_call(net, p, x) ** 2).sum())(tracked)["0.bias"])
    log.error(f.functional_call, net, ({"0.bias": x}, {"0.bias": x}), x)
    log.error(f.functional_call, net, [1], x)
    log.error(f.functional_call, net, 1, x)
    log.error(lambda: f.functional_call(net, {"0.bias": other["0.bias"], "no": x}, x, strict=True))
    try:
        f.functional_call(net, {"no.such": x}, x)
    except AttributeError:
        log("AttributeError")
    log(list(net.state_dict()))

    class Tied(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first = torch.nn.Parameter(torch.tensor([1.0]))
            self.second = self.first
            self.register_buffer("count", torch.zeros(1))

        def forward(self, v):
            self.count = self.count + 1
            return v * self.first + self.second

    tied = Tied()
    log(f.functional_call(tied, {"first": torch.tensor([3.0])}, torch.ones(1)))
    log(f.functional_call(tied, {"first": torch.tensor([3.0])}, torch.ones(1), tie_weights=False))
    two = {"first": torch.tensor([3.0]), "second": torch.tensor([4.0])}
    log.error(f.functional_call, tied, two, torch.ones(1))
    log(f.functional_call(tied, two, torch.ones(1), tie_weights=False), tied.count)
    state = {"count": torch.tensor([7.0])}
    f.functional_call(tied, state, torch.ones(1))
    log(state, tied.count, tied.first is tied.second)


def _batch_norm(torch, log):
    net = torch.nn.Sequential(torch.nn.BatchNorm1d(3), torch.nn.Sequential(torch.nn.BatchNorm2d(2)))
    same = torch.func.replace_all_batch_norm_modules_(net)
    log(same is net, net[0].running_mean, net[1][0].track_running_stats, list(net.state_dict()), repr(net))
    net.eval()
    log(net[0](m_of(torch).float()))


def _containers(torch, log):
    x = x_of(torch)
    log(torch.func.grad(lambda d: sum((v**2).sum() for v in d.values()))(OrderedDict(b=x, a=x * 2)))
    log(type(torch.func.grad(lambda p: (p.a + p.b).sum())(Pair(x, x))).__name__)
    log(torch.func.vjp(lambda v: [v, (v, {"k": v})], x)[1]([x, (x, {"k": x})]))


@pytest.mark.parametrize(
    "code",
    [
        _grad, _grad_of_tracked, _grad_errors, _vjp, _jvp, _linearize, _jacobians, _vmap, _vmap_errors, _ensemble,
        _functional_call, _batch_norm, _containers,
    ],
    ids=lambda code: code.__name__,
)  # fmt: skip
def test_same_code_tells_the_same(code):
    compare(code, tg, torch, rtol=1e-5)


def test_names():
    theirs = {n for n in dir(torch.func) if not n.startswith("_")}
    missing = theirs - set(tg.func.__all__)
    # Programs rewritten by tracing, and named dimensions: not here.
    assert missing == {"debug_unwrap", "functionalize", "rearrange"}
