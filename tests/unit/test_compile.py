"""``torch.compile``: what is replayed is what would have been computed, bit for bit."""

from __future__ import annotations

import copy
import gc
import pickle
import threading

import numpy as np
import pytest

import tinygrad_hw as torch
from tinygrad_hw.compiler.function import Compiled

nn, F = torch.nn, torch.nn.functional


def programs(function) -> int:
    """Return how many recordings a compiled function or module has."""
    compiled = getattr(function, "_compiled", None)
    if compiled is None:
        compiled = function.forward._compiled
    assert isinstance(compiled, Compiled)
    return len(compiled.programs)


def why(function) -> str:
    compiled = getattr(function, "_compiled", None) or function.forward._compiled
    return "; ".join(compiled.refused.values())


def same(a, b) -> bool:
    a, b = a.detach().numpy(), b.detach().numpy()
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


# -- the table of models -------------------------------------------------------------------------


def mlp(*activations):
    layers = [nn.Linear(6, 8)]
    for a in activations:
        layers += [a, nn.Linear(8, 8)]
    return nn.Sequential(*layers, nn.Linear(8, 3))


class Residual(nn.Module):
    """One weight in two places, and sums around it."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(6, 6)
        self.second = nn.Linear(6, 6)
        self.second.weight = self.first.weight
        self.head = nn.Linear(6, 3)
        self.scale = nn.Parameter(torch.full((1,), 0.7))

    def forward(self, x):
        h = x + torch.tanh(self.first(x)) * self.scale
        h = h + self.second(h) * 0.5 - x / 3
        return self.head(h + torch.relu(h) ** 2)


class Block(nn.Module):
    """Attention and a feed-forward part over 3 places of 4 numbers each."""

    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(4), nn.LayerNorm(4)
        self.qkv, self.out = nn.Linear(4, 12), nn.Linear(4, 4)
        self.up, self.down = nn.Linear(4, 8), nn.Linear(8, 4)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        x = x.view(x.shape[0], 3, 4)
        q = self.qkv(self.norm1(x))
        q, k, v = q[..., :4], q[..., 4:8], q[..., 8:]
        weights = F.softmax(q @ k.transpose(-2, -1) / 2.0, dim=-1)
        x = x + self.out(weights @ v)
        x = x + self.down(F.gelu(self.up(self.norm2(x))))
        return self.head(x.mean(1))


class Flash(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(4, 12)
        self.head = nn.Linear(12, 3)

    def forward(self, x):
        q = self.qkv(x.view(-1, 3, 4)).view(-1, 3, 3, 2, 2).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q[0], q[1], q[2], is_causal=True)
        return self.head(y.transpose(1, 2).flatten(1))


def conv():
    return nn.Sequential(
        nn.Unflatten(1, (1, 6, 6)),
        nn.Conv2d(1, 4, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 2),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(4, 3),
    )


def lenet():
    return nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)),
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 3),
    )


def classes(model, x, y):
    return F.cross_entropy(model(x), y)


def summed(model, x, y):
    return F.cross_entropy(model(x), y, reduction="sum") + 0.01 * sum((p * p).sum() for p in model.parameters())


def each(model, x, y):
    return F.cross_entropy(model(x), y, reduction="none").mean() * 2


def squares(model, x, y):
    return F.mse_loss(model(x), x[:, :3])


def absolute(model, x, y):
    return F.l1_loss(model(x), x[:, :3]) + F.smooth_l1_loss(model(x), x[:, 1:4])


def logs(model, x, y):
    return -(F.log_softmax(model(x), dim=1) * x[:, :3]).sum(1).mean()


ACTIVATIONS = [
    nn.ReLU(), nn.Tanh(), nn.Sigmoid(), nn.GELU(), nn.GELU("tanh"), nn.SiLU(), nn.ELU(), nn.SELU(), nn.LeakyReLU(0.1),
    nn.Softplus(), nn.Mish(), nn.Hardswish(), nn.Hardtanh(), nn.ReLU6(), nn.LogSigmoid(), nn.Softsign(),
]  # fmt: skip
MODELS = [
    *((f"mlp {type(a).__name__}", lambda a=a: mlp(a), classes, 6) for a in ACTIVATIONS),
    ("deep mlp, sum", lambda: mlp(nn.ReLU(), nn.Tanh(), nn.ReLU()), summed, 6),
    ("mlp, each", lambda: mlp(nn.ReLU()), each, 6),
    ("mlp, squares", lambda: mlp(nn.Sigmoid()), squares, 6),
    ("mlp, absolute", lambda: mlp(nn.ReLU()), absolute, 6),
    ("mlp, logs", lambda: mlp(nn.ReLU()), logs, 6),
    ("prelu", lambda: mlp(nn.PReLU(8)), classes, 6),
    ("residual", Residual, classes, 6),
    ("block", Block, classes, 12),
    ("flash", Flash, classes, 12),
    ("conv", conv, classes, 36),
    ("lenet", lenet, classes, 784),
    ("wide", lambda: nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 3)), classes, 784),
]


def train(make, loss_of, size, dtype, compiled, steps=20, adam=True):
    """Return all losses, gradients and final parameters of a short training, and the function that was called."""
    torch.manual_seed(3)
    model = make().to(dtype)
    batches = [(torch.randn(b, size, dtype=dtype), torch.randint(0, 3, (b,))) for b in (8, 5)]
    optimizer = (
        torch.optim.Adam(model.parameters(), lr=0.01)
        if adam
        else torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    )
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 3, 0.5)

    def call(x, y):
        return loss_of(model, x, y)

    call = torch.compile(call) if compiled else call
    found = []
    for i in range(steps):
        x, y = batches[i % 3 == 2]
        optimizer.zero_grad()
        loss = call(x, y)
        if compiled and i > 2:
            assert type(loss.grad_fn).__name__ == "Node" and loss.grad_fn.name() == "CompiledFunctionBackward", why(
                call
            )
        loss.backward()
        found += [loss.detach().clone(), *(p.grad.clone() for p in model.parameters())]
        optimizer.step()
        schedule.step()
    return [*found, *(p.detach() for p in model.parameters())], call


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(("make", "loss_of", "size"), [m[1:] for m in MODELS], ids=[m[0] for m in MODELS])
def test_training_is_the_same_to_the_last_bit(make, loss_of, size, dtype) -> None:
    steps = 6 if size == 784 else 20
    expected, _ = train(make, loss_of, size, dtype, False, steps)
    found, call = train(make, loss_of, size, dtype, True, steps)
    assert programs(call) == 2  # two batch sizes
    assert all(same(a, b) for a, b in zip(expected, found, strict=True))


def test_with_momentum() -> None:
    expected, _ = train(lambda: mlp(nn.ReLU()), classes, 6, torch.float32, False, adam=False)
    found, _ = train(lambda: mlp(nn.ReLU()), classes, 6, torch.float32, True, adam=False)
    assert all(same(a, b) for a, b in zip(expected, found, strict=True))


@pytest.mark.parametrize(("make", "loss_of", "size"), [m[1:] for m in MODELS], ids=[m[0] for m in MODELS])
def test_inference_is_the_same_to_the_last_bit(make, loss_of, size) -> None:
    torch.manual_seed(0)
    model = make().eval()
    fast = torch.compile(model, fullgraph=True)
    for _ in range(3):
        x = torch.randn(4, size)
        with torch.no_grad():
            assert same(fast(x), model(x)) and not fast(x).requires_grad
        with torch.inference_mode():
            assert same(fast(x), model(x))
    assert programs(fast) == 2


# -- gradients -----------------------------------------------------------------------------------


def pair(function):
    return torch.compile(function, fullgraph=True), function


def grads_of(function, *tensors, **kwargs):
    """Return gradients by fresh leaves with the values of ``tensors``."""
    leaves = [t.detach().clone().requires_grad_() for t in tensors]
    return torch.autograd.grad(function(*leaves), leaves, **kwargs)


def test_gradients_of_arguments() -> None:
    fast, slow = pair(lambda a, b: (torch.tanh(a * b + a) / (b * b + 1)).sum())
    for seed in range(3):
        torch.manual_seed(seed)
        a, b = torch.randn(3, 4), torch.randn(4)
        assert all(same(x, y) for x, y in zip(grads_of(fast, a, b), grads_of(slow, a, b), strict=True))
    assert programs(fast) == 1


def test_gradients_flow_through_to_what_came_before() -> None:
    fast, slow = pair(lambda h: (h * h).exp() + h)
    results = []
    for f in (fast, fast, slow):
        torch.manual_seed(0)
        x = torch.randn(5, requires_grad=True)
        h = x * 3
        y = (f(h) * h.cos() + h).sum()  # contributions to h from before, inside and after
        y.backward()
        results.append(x.grad)
    assert programs(fast) == 1 and same(results[0], results[2]) and same(results[1], results[2])


def test_second_derivatives() -> None:
    fast, slow = pair(lambda a: (a**3 * torch.sigmoid(a)).sum())
    torch.manual_seed(0)
    x = torch.randn(6)
    fast(x.clone().requires_grad_())
    found = []
    for f in (fast, slow):
        a = x.clone().requires_grad_()
        (g,) = torch.autograd.grad(f(a), a, create_graph=True)
        (h,) = torch.autograd.grad((g * g).sum(), a)
        found.append((g, h))
    assert all(same(p, q) for p, q in zip(*found, strict=True))


def test_gradient_penalty_of_a_network() -> None:
    results = []
    for compiled in (False, True):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))

        def score(x, model=model):
            return model(x).sum()

        score = torch.compile(score) if compiled else score
        for _ in range(3):
            x = torch.randn(5, 4, requires_grad=True)
            (g,) = torch.autograd.grad(score(x), x, create_graph=True)
            loss = ((g.norm(dim=1) - 1) ** 2).mean()
            loss.backward()
        results.append([p.grad for p in model.parameters() if p.grad is not None])
    assert all(same(a, b) for a, b in zip(*results, strict=True))


def test_the_graph_can_be_kept_and_is_freed() -> None:
    fast, _ = pair(lambda a: (a * a).sum())
    for _ in range(2):
        a = torch.tensor([1.0, 2.0], requires_grad=True)
        y = fast(a)
        y.backward(retain_graph=True)
        y.backward()
        assert a.grad.tolist() == [4.0, 8.0]
        with pytest.raises(RuntimeError, match="second time"):
            y.backward()


def test_what_saves_nothing_can_be_walked_through_twice() -> None:
    fast, _ = pair(lambda a, b: a + b)
    for _ in range(2):
        a = torch.ones(2, requires_grad=True)
        y = fast(a, torch.ones(2))
        y.backward(torch.ones(2))
        y.backward(torch.ones(2))
        assert a.grad.tolist() == [2.0, 2.0]


def test_a_saved_tensor_must_not_be_written_to() -> None:
    weight = nn.Parameter(torch.ones(3))
    fast, _ = pair(lambda x: (x * weight).sum() + weight.sum())
    for _ in range(2):
        x = torch.ones(3, requires_grad=True)
        y = fast(x)
        with torch.no_grad():
            weight.mul_(2)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            y.backward()
    fast, _ = pair(lambda x: torch.sigmoid(x))
    for _ in range(2):
        y = fast(torch.ones(3, requires_grad=True))
        z = y + 0
        with torch.no_grad():
            y.add_(1)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            z.sum().backward()


def test_changing_an_input_that_no_rule_needs_is_fine() -> None:
    fast, slow = pair(lambda x, b: (x * 2 + b).sum())
    for f in (fast, fast, slow):
        x, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
        y = f(x, b)
        with torch.no_grad():
            b.zero_()
        y.backward()
        assert x.grad.tolist() == [2.0, 2.0]


def test_in_place_on_the_result() -> None:
    fast, slow = pair(lambda x: x * 3)
    found = []
    for f in (fast, fast, slow):
        x = torch.ones(2, requires_grad=True)
        y = f(x)
        y.add_(1).mul_(2)
        y.sum().backward()
        found.append((y, x.grad))
    assert all(same(a, b) for pair in found for a, b in zip(pair, found[2], strict=True))


def test_hooks_on_tensors() -> None:
    fast, _ = pair(lambda x: (x * x).sum())
    for _ in range(2):
        seen = []
        x = torch.ones(2, requires_grad=True)
        x.register_hook(lambda g, seen=seen: seen.append(g.tolist()))
        y = fast(x)
        y.register_hook(lambda g: g * 10)
        y.backward()
        assert seen == [[20.0, 20.0]]


def test_float16() -> None:
    fast, slow = pair(lambda a, b: torch.tanh(a @ b + 0.5).sum())
    torch.manual_seed(0)
    a, b = torch.randn(3, 4).half(), torch.randn(4, 2).half()
    for _ in range(2):
        assert all(same(x, y) for x, y in zip(grads_of(fast, a, b), grads_of(slow, a, b), strict=True))


UNARY = [
    torch.tanh, torch.sigmoid, F.relu, F.gelu, F.silu, lambda x: x * 2 + 1, lambda x: 1 - x, lambda x: -x / 3,
    torch.abs,    lambda x: x**2, lambda x: x**3, lambda x: (x * x + 1).sqrt(), lambda x: (x * x + 1).log(), torch.sin,
    lambda x: x.clamp(-1, 1), lambda x: F.softmax(x, -1), lambda x: F.log_softmax(x, 0), lambda x: x.t().reshape(4, 4),
    lambda x: x.reshape(2, 2, 4).flatten(0, 1),
    lambda x: x.sum(0), lambda x: x.mean(1, keepdim=True), lambda x: x[1:].max() * x, lambda x: x[:, :1].expand(4, 4),
    lambda x: F.layer_norm(x, (4,)), lambda x: x.transpose(0, 1), lambda x: x.unsqueeze(0).squeeze(0), lambda x: x[2],
    lambda x: x.var(1, keepdim=True) + x, lambda x: x.permute(1, 0), lambda x: torch.cat([x[:2], x[1:3]]), torch.exp,
    lambda x: torch.stack([x[0], x[1], x[0], x[3]]), lambda x: x.logsumexp(1, keepdim=True) - x, torch.erf, lambda x: x,
]  # fmt: skip
BINARY = [
    torch.add, torch.sub, torch.mul, lambda a, b: a / (b * b + 1), torch.maximum, torch.minimum, lambda a, b: a @ b,
    lambda a, b: torch.where(a > b, a, b * 2), lambda a, b: F.linear(a, b), lambda a, b: torch.addmm(a, a, b),
    lambda a, b: F.mse_loss(a, b) + a, lambda a, b: F.smooth_l1_loss(a, b) * b, lambda a, b: (a > 0) * b,
]  # fmt: skip


def random_program(seed):
    """Return a function of three (4, 4) tensors made of random ops on its arguments and what it has computed."""
    rng = np.random.default_rng(seed)
    plan = [
        (int(rng.integers(2)), int(rng.integers(99)), int(rng.integers(99)), int(rng.integers(99))) for _ in range(9)
    ]

    def program(*args):
        values = list(args)
        for two, which, i, j in plan:
            a, b = values[i % len(values)], values[j % len(values)]
            y = BINARY[which % len(BINARY)](a, b) if two else UNARY[which % len(UNARY)](a)
            values.append(y if y.shape == (4, 4) else y + torch.tanh(a))
        return sum(v.sum() for v in values[3:]) + (values[-1] * values[-2]).mean()

    return program


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16], ids=str)
@pytest.mark.parametrize("seed", range(40))
def test_random_programs(seed, dtype) -> None:
    slow = random_program(seed)
    fast = torch.compile(slow)
    torch.manual_seed(seed)
    for _ in range(3):
        tensors = [torch.randn(4, 4).to(dtype) for _ in range(3)]
        # Two runs of one program as it is written differ in a last bit once in a thousand times, in double precision.
        assert any(
            all(same(a, b) for a, b in zip(derivatives(slow, tensors), derivatives(fast, tensors), strict=True))
            for _ in range(4)
        )
    assert programs(fast) == 1, why(fast)


def derivatives(function, tensors):
    """Return results, first derivatives by both ways, and second ones."""
    leaves = [t.clone().requires_grad_(i != 1) for i, t in enumerate(tensors)]
    wanted = [leaves[0], leaves[2]]
    y = function(leaves[0], leaves[1] * 1, leaves[2])
    grads = torch.autograd.grad(y, wanted, create_graph=True, materialize_grads=True)
    again = ()
    if any(g.requires_grad for g in grads):
        again = torch.autograd.grad(sum((g * g).sum() for g in grads), wanted, materialize_grads=True)
    z = function(leaves[0], leaves[1] * 1, leaves[2])
    z.backward()
    return [y, z, *grads, *again, *(t.grad for t in wanted if t.grad is not None)]


# -- guards --------------------------------------------------------------------------------------


def check(fast, slow, *args) -> None:
    assert same(fast(*args), slow(*args))


def test_changes_of_the_model_are_noticed() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, 2)).eval()
    fast = torch.compile(model)
    x = torch.randn(5, 3)
    check(fast, model, x), check(fast, model, x)
    assert programs(fast) == 1
    with torch.no_grad():
        model[0].weight.mul_(2)
    check(fast, model, x)
    model.load_state_dict({k: v * 0.5 for k, v in model.state_dict().items()})
    check(fast, model, x)
    model[0].bias.data = torch.ones(4)
    check(fast, model, x)
    model[0].weight = nn.Parameter(torch.randn(4, 3))
    check(fast, model, x)
    model[1] = nn.Tanh()
    check(fast, model, x)
    model[3].register_parameter("bias", None)
    check(fast, model, x)
    model.append(nn.Sigmoid())
    check(fast, model, x)
    handle = model[1].register_forward_hook(lambda m, a, out: out * 2)
    check(fast, model, x)
    handle.remove()
    check(fast, model, x)
    model.double()
    check(fast, model, x.double())
    model.train()
    torch.manual_seed(1)
    a = fast(x.double())
    torch.manual_seed(1)
    assert same(a, model(x.double())) and not same(a, fast(x.double()))
    model.eval()
    check(fast, model, x.double())


def test_recordings_come_to_an_end() -> None:
    layer = nn.Linear(2, 2)
    fast = torch.compile(layer)
    for i in range(20):
        check(fast, layer, torch.ones(i + 1, 2))
    assert programs(fast) == 8
    torch.compiler.reset()
    assert programs(fast) == 0
    check(fast, layer, torch.ones(3, 2))
    assert programs(fast) == 1


def test_a_module_that_changes_with_each_call() -> None:
    class Counting(nn.Module):
        calls = 0

        def forward(self, x):
            self.calls = self.calls + 1
            return x * self.calls

    model = Counting()
    fast = torch.compile(model)
    assert [fast(torch.ones(1)).item() for _ in range(12)] == list(range(1, 13)) and programs(fast) == 0


def test_requires_grad_of_a_parameter() -> None:
    model = nn.Linear(2, 2)
    fast = torch.compile(lambda x: model(x).sum())
    x = torch.ones(1, 2)
    for wanted in (True, False, True, False):
        model.weight.requires_grad_(wanted)
        model.zero_grad()
        fast(x).backward()
        assert (model.weight.grad is not None) == wanted and model.bias.grad.tolist() == [1.0, 1.0]
    model.requires_grad_(False)
    assert not fast(x).requires_grad


SCALE = 2.0
TABLE = {"scale": [2.0]}


class Config:
    scale = 1.0

    def __init__(self):
        self.factor = 2.0


CONFIG = Config()


def test_globals_and_closures_are_watched() -> None:
    global SCALE
    factor, parts = 3.0, [1.0]

    def slow(x):
        return x * SCALE * TABLE["scale"][0] * CONFIG.factor * factor + parts[-1] - CONFIG.scale

    fast = torch.compile(slow)
    x = torch.ones(2)
    check(fast, slow, x)
    assert programs(fast) == 1 and not why(fast)
    try:
        SCALE = 5.0
        check(fast, slow, x)
        TABLE["scale"][0] = 7.0
        check(fast, slow, x)
        CONFIG.factor = 11.0
        check(fast, slow, x)
        factor = 13.0
        check(fast, slow, x)
        parts.append(17.0)
        check(fast, slow, x)
        CONFIG.scale = -0.0
        check(fast, slow, x)
        check(fast, slow, x)
    finally:
        SCALE, CONFIG.factor, CONFIG.scale, TABLE["scale"][0] = 2.0, 2.0, 1.0, 2.0


def test_attributes_and_methods_of_the_users_classes_are_watched() -> None:
    class Net(nn.Module):
        power = 2

        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(2, 2)
            self.gain = 1.0
            self.settings = {"shift": 1.0}

        def helper(self, x):
            return x * self.gain

        def forward(self, x, sign=1):
            return self.helper(self.fc(x)) ** self.power + self.settings["shift"] * sign

    model = Net()
    fast = torch.compile(model)
    x = torch.ones(1, 2)
    check(fast, model, x)
    assert programs(fast) == 1, why(fast)
    model.gain = 3.0
    check(fast, model, x)
    model.settings["shift"] = 5.0
    check(fast, model, x)
    Net.power = 3
    check(fast, model, x)
    Net.helper = lambda self, x: x - self.gain
    check(fast, model, x)
    assert same(fast(x, 2), model(x, 2)) and same(fast(x, sign=2), model(x, sign=2)) and same(fast(x, 2.0), model(x, 2))


def test_arguments_that_are_no_tensors() -> None:
    def slow(x, n, *, flip=False, how="sum"):
        for _ in range(n):
            x = x * 2
        return getattr(x, how)() if not flip else -x

    fast = torch.compile(slow)
    x = torch.ones(3)
    for _ in range(2):
        for n in (0, 1, 2):
            if n:
                assert same(fast(x, n), slow(x, n))
        assert same(fast(x, 1, flip=True), slow(x, 1, flip=True))
        assert same(fast(x, n=1, how="mean"), slow(x, 1, how="mean"))
        assert same(fast(x, True), slow(x, True))
    assert programs(fast) == 5


def test_zeros_have_signs() -> None:
    fast = torch.compile(lambda x, s: x / s)
    assert fast(torch.ones(1), 0.0).item() == np.inf and fast(torch.ones(1), -0.0).item() == -np.inf
    assert programs(fast) == 2


def test_layouts_are_told_apart() -> None:
    fast, slow = pair(lambda x: torch.relu(x).reshape(-1) * 2)
    x = torch.randn(4, 6)
    for t in (x, x.t(), x[:, ::2], x[1:], x.expand(2, 4, 6), x[0:0]):
        check(fast, slow, t), check(fast, slow, t)
    assert fast(x.t()).stride() == slow(x.t()).stride()


def test_views_that_were_written_to() -> None:
    fast, slow = pair(lambda x: (x * x).sum())
    for f in (fast, fast, slow):
        w = torch.ones(4, requires_grad=True)
        base = w * 1
        view = base[:2]
        base.mul_(3)
        f(view).backward()
        assert w.grad.tolist() == [18.0, 18.0, 0.0, 0.0]


def test_default_dtype_is_part_of_the_call() -> None:
    fast, slow = pair(lambda x: x / 3)
    x = torch.arange(4)
    check(fast, slow, x)
    torch.set_default_dtype(torch.float64)
    try:
        check(fast, slow, x)
    finally:
        torch.set_default_dtype(torch.float32)
    check(fast, slow, x)


def test_modules_as_arguments() -> None:
    fast, slow = pair(lambda m, x: m(x) * 2)
    a, b = nn.Linear(2, 2), nn.Linear(2, 2)
    for m in (a, b, a, b):
        assert same(fast(m, torch.ones(1, 2)), slow(m, torch.ones(1, 2)))
    assert programs(fast) == 2


# -- targets -------------------------------------------------------------------------------------


def test_targets_are_checked_at_each_call() -> None:
    fast, slow = pair(lambda x, y: F.cross_entropy(x, y))
    x = torch.randn(4, 3)
    for bad in ([0, 1, 2, 3], [0, 1, 2, -1], [0, 0, 0, 99]):
        check(fast, slow, x, torch.tensor([0, 1, 2, 0]))
        with pytest.raises(IndexError, match="out of bounds"):
            fast(x, torch.tensor(bad))


def test_ignored_targets_run_as_they_are_written() -> None:
    def slow(x, y):
        return F.cross_entropy(x, y)

    fast = torch.compile(slow)
    x = torch.randn(4, 3, requires_grad=True)
    for y in ([0, 1, 2, 0], [0, -100, 2, 0], [0, 1, 1, 0], [-100, -100, 2, 2]):
        y = torch.tensor(y)
        (a,), (b,) = torch.autograd.grad(fast(x, y), x), torch.autograd.grad(slow(x, y), x)
        assert same(fast(x, y), slow(x, y)) and same(a, b)
    assert programs(fast) == 1


def test_targets_that_are_changed_later() -> None:
    fast, slow = pair(lambda x, y: F.cross_entropy(x, y))
    found = []
    for f in (fast, fast, slow):
        torch.manual_seed(0)
        x, y = torch.randn(2, 3, requires_grad=True), torch.tensor([0, 1])
        loss = f(x, y)
        y[0] = 2
        loss.backward()
        found.append(x.grad)
    assert same(found[0], found[2]) and same(found[1], found[2])


# -- what is not replayed ------------------------------------------------------------------------

LOG: list[int] = []


def looks(x):
    return x * 2 if x.sum() > 0 else -x


def reads(x):
    return x * x.max().item()


def numbers(x):
    return x + float(x[0])


def by_array(x):
    return x + x.array.max()


def draws(x):
    return F.dropout(x, 0.5)


def noise(x):
    return x + torch.randn(3)


def by_numpy(x):
    return x * np.float32(np.random.default_rng().random())


def writes(x):
    y = x * 2
    y[0] = 5
    return y.add_(1)


def keeps(x):
    LOG.append(1)
    return x * len(LOG)


def prints(x):
    print(end="")
    return x * 2


def switches(x):
    with torch.no_grad():
        y = x * 2
    return x + y


def itself(x):
    return x


def a_view(x):
    return x.view(-1)


def a_number(x):
    return x.sum().item()


def made(x):
    return x + torch.arange(3)


def several(x):
    h = x * 2
    return h, h.exp()


def walks(x):
    y = x.detach().requires_grad_()
    (g,) = torch.autograd.grad((y**3).sum(), y)
    return x * g


def warns(x):
    return F.mse_loss(x, x[:1])


def by_index(x):
    return x[(x > 0).sum() - 3] * x


def defaults(x, cache=[]):  # noqa: B006 - that is the point
    cache.append(1)
    return x * len(cache)


def settings(x):
    torch.set_default_dtype(torch.float64)
    torch.set_default_dtype(torch.float32)
    return x * 2


UNFOLLOWED = [
    looks, reads, numbers, by_array, by_numpy, by_index, draws, noise, writes, keeps, defaults, prints, switches,
    settings, itself, a_view, a_number, made, several, walks, warns,
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("slow", UNFOLLOWED, ids=lambda f: f.__name__)
def test_what_cannot_be_followed_runs_as_it_is_written(slow) -> None:
    LOG.clear()
    expected = []
    inputs = [torch.tensor(v) for v in ([1.0, 2.0, 3.0], [-1.0, -2.0, -3.0], [4.0, 5.0, 6.0])]
    if slow not in (by_numpy, defaults):
        torch.manual_seed(0)
        expected = [slow(x.clone().requires_grad_(slow is not writes)) for x in inputs]
    LOG.clear()
    fast = torch.compile(slow)
    torch.manual_seed(0)
    found = [fast(x.clone().requires_grad_(slow is not writes)) for x in inputs]
    assert programs(fast) == 0 and why(fast)
    for a, b in zip(expected, found, strict=False):
        for s, t in zip(a if isinstance(a, tuple) else (a,), b if isinstance(b, tuple) else (b,), strict=True):
            assert s == t if isinstance(s, float) else same(s, t)
    with pytest.raises(RuntimeError, match="cannot be recorded as a whole"):
        torch.compile(slow, fullgraph=True)(inputs[0].requires_grad_(slow is not writes))


def test_default_arguments_that_grow() -> None:
    def slow(x, cache=[]):  # noqa: B006
        cache.append(1)
        return x * len(cache)

    fast = torch.compile(slow)
    assert [fast(torch.ones(1)).item() for _ in range(4)] == [1.0, 2.0, 3.0, 4.0]


def test_an_argument_that_the_function_knows_already() -> None:
    known = torch.ones(2)
    fast = torch.compile(lambda x: x * 2 + known)
    for x in (known, torch.full((2,), 5.0), known):
        assert same(fast(x), x * 2 + known)


def test_checkpointed() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    fast = torch.compile(model)
    x = torch.randn(5, 3, requires_grad=True)
    for _ in range(2):
        found = torch.autograd.grad(torch.utils.checkpoint.checkpoint(fast, x, use_reentrant=False).sum(), x)
        assert same(found[0], torch.autograd.grad(model(x).sum(), x)[0])


def test_a_loss_that_is_not_returned_is_checked_as_well() -> None:
    def slow(x, y):
        F.cross_entropy(x, y)
        return x * 2

    fast = torch.compile(slow, fullgraph=True)
    x = torch.randn(2, 3)
    check(fast, slow, x, torch.tensor([0, 1])), check(fast, slow, x, torch.tensor([0, 1]))
    with pytest.raises(IndexError):
        fast(x, torch.tensor([0, 7]))


def test_batch_norm_in_training() -> None:
    torch.manual_seed(0)
    a = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU())
    b = copy.deepcopy(a)
    fast = torch.compile(a)
    for _ in range(4):
        x = torch.randn(5, 3)
        check(fast, b, x)
    assert all(same(s, t) for s, t in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def test_an_exception_inside() -> None:
    def slow(x, fail=False):
        y = x * 2
        if fail:
            raise KeyError("stop")
        return y

    fast = torch.compile(slow)
    for _ in range(3):
        with pytest.raises(KeyError, match="stop"):
            fast(torch.ones(2), fail=True)
        assert fast(torch.ones(2)).tolist() == [2.0, 2.0]
    with pytest.raises(RuntimeError, match="must match"):
        torch.compile(lambda a, b: a + b)(torch.ones(2), torch.ones(3))
    assert (torch.ones(2) + 1).tolist() == [2.0, 2.0]  # nothing is left behind


@pytest.mark.filterwarnings("ignore:Anomaly Detection")
def test_a_collection_meanwhile_is_not_the_functions_doing() -> None:
    phases: list[str] = []
    threshold = gc.get_threshold()
    layer = nn.Linear(3, 2)
    x = torch.randn(4, 3)
    gc.callbacks.append(lambda phase, info: phases.append(phase))
    gc.set_threshold(1)
    try:
        out = torch.compile(lambda x: layer(x).relu().sum(), fullgraph=True)(x)
    finally:
        gc.set_threshold(*threshold)
        gc.callbacks.pop()
    assert gc.isenabled()
    assert phases  # before and after the recording
    assert torch.equal(out, layer(x).relu().sum())


@pytest.mark.filterwarnings("ignore:Anomaly")
def test_somebody_watches() -> None:
    fast = torch.compile(lambda x: (x * 2).log().sum())
    fast(torch.ones(2))
    with torch.autograd.detect_anomaly(), pytest.raises(RuntimeError, match="nan"):
        fast(torch.tensor([-1.0, 1.0]))
    with torch.profiler.profile() as prof:
        fast(torch.ones(2))
    assert {"mul", "log"} <= {e.key for e in prof.key_averages()}


def test_disabled_functions() -> None:
    @torch.compiler.disable(reason="it prints")
    def inner(x):
        return x * 2

    fast = torch.compile(lambda x: inner(x) + 1)
    assert fast(torch.ones(1)).item() == 3.0 and programs(fast) == 0 and "it prints" in why(fast)
    plain = torch.compiler.disable(torch.compile(lambda x: x + 1))
    assert not hasattr(plain, "_compiled") or plain(torch.ones(1)).item() == 2.0


def test_results_in_containers() -> None:
    def slow(x):
        y = torch.tanh(x)
        return {"y": y, "n": 3, "more": (None, [y > 0, x > 1])}

    fast = torch.compile(slow, fullgraph=True)
    for _ in range(3):
        x = torch.randn(4)
        a, b = fast(x), slow(x)
        assert list(a) == list(b) and a["n"] == 3 and a["more"][0] is None and same(a["y"], b["y"])
        assert same(a["more"][1][0], b["more"][1][0])


def test_threads() -> None:
    torch.manual_seed(0)
    model = mlp(nn.ReLU(), nn.Tanh())
    fast = torch.compile(lambda x, y: F.cross_entropy(model(x), y))
    batches = [(torch.randn(8, 6), torch.randint(0, 3, (8,))) for _ in range(20)]
    expected = [torch.autograd.grad(F.cross_entropy(model(x), y), list(model.parameters())) for x, y in batches]
    failures = []

    def work():
        for (x, y), wanted in zip(batches, expected, strict=True):
            found = torch.autograd.grad(fast(x, y), list(model.parameters()))
            if not all(same(a, b) for a, b in zip(found, wanted, strict=True)):
                failures.append(x)

    threads = [threading.Thread(target=work) for _ in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert not failures and programs(fast) >= 1


# -- modules -------------------------------------------------------------------------------------


def test_optimized_modules() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    fast = torch.compile(model)
    assert isinstance(fast, nn.Module) and fast._orig_mod is model and len(fast) == 2
    assert repr(fast).startswith("OptimizedModule(\n  (_orig_mod): Sequential(\n    (0): Linear")
    assert list(fast.state_dict()) == ["_orig_mod.0.weight", "_orig_mod.0.bias"]
    assert [n for n, _ in fast.named_modules()] == ["", "_orig_mod", "_orig_mod.0", "_orig_mod.1"]
    assert next(fast.parameters()) is model[0].weight
    fast.eval()
    assert not model.training and not fast.training and not model[0].training
    fast.train()
    assert model.training
    fast.note = 3
    assert model.note == 3 and fast.note == 3
    del fast.note
    assert not hasattr(model, "note")
    with pytest.raises(AttributeError, match="'Sequential' object has no attribute 'nothing'"):
        _ = fast.nothing
    assert torch.compile(fast)._orig_mod is model
    assert torch.compile(model, disable=True) is model
    assert not hasattr(torch.compiler.disable(model).forward, "_compiled")


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["copy", "pickle"])
def test_copies(twin) -> None:
    fast = torch.compile(nn.Linear(2, 3))
    x = torch.ones(1, 2)
    fast(x)
    other = twin(fast)
    assert type(other) is type(fast) and other._orig_mod is not fast._orig_mod
    check(other, fast, x), check(other, fast, x)
    with torch.no_grad():
        other.weight.zero_()
    assert fast.weight.abs().sum() > 0
    check(other, other._orig_mod, x)
    assert programs(other) == 1


def test_compiling_in_place() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh())
    x = torch.ones(1, 2)
    expected = model(x)
    assert model.compile() is None
    check(model, lambda x: expected, x), check(model, lambda x: expected, x)
    assert model(x).grad_fn.name() == "CompiledFunctionBackward" and list(model.state_dict()) == ["0.weight", "0.bias"]
    seen = []
    handle = model.register_forward_hook(lambda m, a, out: seen.append(1))
    check(model, lambda x: expected, x)
    assert seen == [1]
    handle.remove()
    assert model(x).grad_fn.name() == "CompiledFunctionBackward"
    other = pickle.loads(pickle.dumps(model))
    assert other._compiled_call_impl is None and same(other(x), expected)
    outer = torch.compile(nn.Sequential(model, nn.Tanh()), fullgraph=True)
    check(outer, lambda x: torch.tanh(expected), x), check(outer, lambda x: torch.tanh(expected), x)


def test_arguments_of_compile() -> None:
    with pytest.raises(RuntimeError, match="can't be specified at the same time"):
        torch.compile(looks, mode="default", options={})
    with pytest.raises(RuntimeError, match="Unrecognized mode=nope"):
        torch.compile(looks, mode="nope")
    with pytest.raises(RuntimeError, match="Invalid backend: 'nope'"):
        torch.compile(looks, backend="nope")
    with pytest.raises(RuntimeError, match="of which there is none"):
        torch.compile(looks, backend=lambda graph, inputs: graph)
    with pytest.raises(AssertionError, match="A callable function is expected"):
        torch.compile(5)
    with pytest.raises(RuntimeError, match="Model can't be None"):
        torch.compile()(None)

    @torch.compile(fullgraph=True)
    def double(x):
        """Twice."""
        return x * 2

    assert double.__name__ == "double" and double.__doc__ == "Twice." and double(torch.ones(1)).item() == 2.0
    assert torch.compile(double)._torchdynamo_orig_callable is double._torchdynamo_orig_callable
    eager = torch.compile(looks, backend="eager")
    assert eager(torch.ones(1)).item() == 2.0 and not hasattr(eager, "_compiled")
    assert torch.compiler.list_backends() == ["inductor"] and not torch.compiler.is_compiling()
