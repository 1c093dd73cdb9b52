"""``torch.compile``: trainings and inference of many models are the same, bit for bit, as without it."""

from __future__ import annotations

import pytest

import tinygrad_hw as torch
from tests.unit.compiling import mlp, programs, same, why

nn, F = torch.nn, torch.nn.functional


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
