"""``torch.compile``: what a recording depends on is looked at in each call."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_hw as torch
from tests.unit.compiling import check, mlp, pair, programs, same, why

nn, F = torch.nn, torch.nn.functional


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


def test_after_the_first_tensor_of_low_precision() -> None:
    """From then on every op is looked at; what is recorded and replayed is what it was."""
    pytest.importorskip("ml_dtypes")
    model, x = mlp(nn.ReLU(), nn.Tanh()), torch.randn(2, 6)
    before = torch.compile(model, fullgraph=True)
    expected = before(x)
    low = torch.ones(2, 6, dtype=torch.bfloat16) * 3
    assert same(before(x), expected) and programs(before) == 1
    after = torch.compile(model, fullgraph=True)
    for _ in range(2):
        assert same(after(x), expected)
    assert programs(after) == 1

    def slow(x):
        return x.bfloat16() / 3 + 1

    fast = torch.compile(slow)
    for given in (low, x):
        for _ in range(2):
            assert torch.equal(fast(given), slow(given))
    assert programs(fast) == 0 and "bfloat16" in why(fast)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert after(x).dtype == torch.bfloat16
    assert same(after(x), expected)
