"""``torch.compile`` of whole models: several training steps, replayed, are those of eager, bit for bit."""

from __future__ import annotations

from collections import namedtuple

import pytest

import tinygrad_hw as torch
from benchmarks.train import models
from tests.unit.compiling import all_same, classes, compiled_of, same

nn, F = torch.nn, torch.nn.functional


def numbers(*shape):
    return torch.randn(*shape)


# -- the models ----------------------------------------------------------------------------------


class Block(nn.Module):
    """A block of a transformer, with attention as one function or written out."""

    def __init__(self, size: int, heads: int, by_hand: bool, p: float) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(size), nn.LayerNorm(size)
        self.qkv, self.proj = nn.Linear(size, 3 * size), nn.Linear(size, size)
        self.mlp = nn.Sequential(nn.Linear(size, 4 * size), nn.GELU(), nn.Linear(4 * size, size), nn.Dropout(p))
        self.drop, self.dropped = nn.Dropout(p), nn.Dropout(p)
        self.heads, self.by_hand, self.p = heads, by_hand, p
        self.register_buffer("mask", torch.tril(torch.ones(16, 16)).view(1, 1, 16, 16))

    def forward(self, x):
        n, t, c = x.shape
        q, k, v = self.qkv(self.norm1(x)).split(c, dim=2)
        q, k, v = (y.view(n, t, self.heads, c // self.heads).transpose(1, 2) for y in (q, k, v))
        if self.by_hand:
            scores = (q @ k.transpose(-2, -1)) * (1.0 / k.size(-1) ** 0.5)
            scores = scores.masked_fill(self.mask[:, :, :t, :t] == 0, float("-inf"))
            y = self.dropped(F.softmax(scores, dim=-1)) @ v
        else:
            p = self.p if self.training else 0.0
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=p)
        y = y.transpose(1, 2).contiguous().view(n, t, c)
        x = x + self.drop(self.proj(y))
        return x + self.mlp(self.norm2(x))


class GPT(nn.Module):
    """A small GPT whose first and last weights are one."""

    def __init__(self, by_hand: bool = False, p: float = 0.1) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(31, 16), nn.Embedding(16, 16)
        self.drop = nn.Dropout(p)
        self.blocks = nn.ModuleList([Block(16, 4, by_hand, p) for _ in range(2)])
        self.norm = nn.LayerNorm(16)
        self.head = nn.Linear(16, 31, bias=False)
        self.tokens.weight = self.head.weight

    def forward(self, index, targets=None):
        t = index.shape[1]
        x = self.drop(self.tokens(index) + self.places(torch.arange(t, device=index.device)))
        for block in self.blocks:
            x = block(x)
        logits = self.head(self.norm(x))
        if targets is None:
            return logits, None
        return logits, F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1))


class CharLSTM(nn.Module):
    """Embedding, LSTM, linear; the state goes in and out."""

    def __init__(self, layers: int = 1, p: float = 0.0) -> None:
        super().__init__()
        self.embed, self.out = nn.Embedding(31, 8), nn.Linear(12, 31)
        self.lstm = nn.LSTM(8, 12, layers, batch_first=True, dropout=p)

    def forward(self, x, state=None):
        y, state = self.lstm(self.embed(x), state)
        return self.out(y), state


class Residual(nn.Module):
    """Two convolutions with batch norm, ReLU in place, and a sum in place."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(4), nn.BatchNorm2d(4)
        self.relu, self.head = nn.ReLU(inplace=True), nn.Linear(4, 3)

    def forward(self, x):
        x = self.conv1(x)
        y = self.relu(self.bn1(x))
        y = self.bn2(self.conv2(y))
        y += x
        return self.head(self.relu(y).mean((2, 3)))


class Shared(nn.Module):
    """One batch norm in two places: the second sees what the first wrote."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.norm = nn.Linear(5, 4), nn.Linear(4, 4), nn.BatchNorm1d(4)

    def forward(self, x):
        x = torch.relu(self.norm(self.first(x)))
        return self.norm(self.second(x)) + self.norm.running_mean


class Average(nn.Module):
    """Its own running average, in a buffer that is written to without gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 4)
        self.register_buffer("mean", torch.zeros(4))
        self.register_buffer("calls", torch.tensor(0))

    def forward(self, x):
        y = self.linear(x)
        if self.training:
            with torch.no_grad():
                self.calls.add_(1)
                self.mean.mul_(0.9).add_(y.detach().mean(0), alpha=0.1)
        return y - self.mean.clone()


class VAE(nn.Module):
    """Noise that is drawn in between."""

    def __init__(self) -> None:
        super().__init__()
        self.encode, self.decode = nn.Linear(6, 4), nn.Linear(2, 6)

    def forward(self, x):
        mean, log = self.encode(x).chunk(2, dim=1)
        z = mean + torch.randn_like(mean) * torch.exp(0.5 * log)
        return self.decode(z), mean, log


Output = namedtuple("Output", "loss logits more")


class Named(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 3)

    def forward(self, x):
        y = self.linear(x)
        return Output(y.pow(2).mean(), y, [y.sum(0), {"a": (y.exp(), None), "n": 3}])


def by_class(out, y):
    return F.cross_entropy(out, y)


def second(out, _):
    return out[1]


def characters(out, y):
    return F.cross_entropy(out[0].reshape(-1, 31), y.reshape(-1))


def evidence(out, x):
    decoded, mean, log = out
    return F.mse_loss(decoded, x) - 0.5 * (1 + log - mean**2 - log.exp()).mean()


def images(n, channels, size, below):
    return lambda: ((numbers(n, channels, size, size),), classes(below, n))


def rows(n, size, below):
    return lambda: ((numbers(n, size),), classes(below, n))


def text(n=3, t=7):
    def batch():
        x = classes(31, n, t + 1)
        return (x[:, :-1].contiguous(),), x[:, 1:].contiguous()

    return batch


def text_with_targets(n=3, t=7):
    def batch():
        (x,), y = text(n, t)()
        return (x, y), None

    return batch


def image_twice():
    x = numbers(4, 6)
    return (x,), x


def encoder(p=0.1):
    layer = nn.TransformerEncoderLayer(8, 2, 16, p, batch_first=True)
    return nn.Sequential(nn.TransformerEncoder(layer, 2), nn.Flatten(), nn.Linear(24, 3))


class Autoencoder(nn.Module):
    """Down and up again, with instance norm; the loss is made inside and penalises large codes."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(1, 4, 3, 2, 1), nn.InstanceNorm2d(4, affine=True), nn.LeakyReLU(0.2))
        self.up = nn.Sequential(nn.ConvTranspose2d(4, 1, 4, 2, 1), nn.Sigmoid())

    def forward(self, x, y):
        code = self.down(x)
        shares = F.log_softmax(code.mean((2, 3)), 1)
        losses = {
            "image": F.binary_cross_entropy_with_logits(self.up(code), x.sigmoid()),
            "size": 0.01 * code.flatten(1).norm(dim=1).mean(),
            "class": F.nll_loss(shares, y, reduction="sum"),
            "even": F.kl_div(shares, torch.full_like(shares, 0.25), reduction="batchmean"),
        }
        return sum(losses.values()), losses, {"right": (shares.argmax(1) == y).float().mean(), "best": shares.max(1)}


def image_and_class():
    return (numbers(3, 1, 6, 6), classes(4, 3)), None


MODELS = {
    "autoencoder": (Autoencoder, image_and_class, lambda o, _: o[0]),
    "mlp": (lambda: models.mlp(torch, [12, 8, 3]), rows(5, 12, 3), by_class),
    "dropout": (lambda: models.mlp(torch, [12, 9, 8, 3], (0.2, 0.5)), rows(5, 12, 3), by_class),
    "lenet": (lambda: models.lenet(torch), images(2, 1, 28, 10), by_class),
    "mnist": (lambda: models.mnist_example(torch), images(2, 1, 28, 10), lambda o, y: F.nll_loss(o, y)),
    "vgg": (lambda: models.vgg_small(torch), images(2, 3, 32, 10), by_class),
    "resnet20": (lambda: models.resnet20(torch), images(2, 3, 32, 10), by_class),
    "residual in place": (Residual, images(3, 3, 6, 3), by_class),
    "dropped channels": (
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.Dropout2d(0.4), nn.Flatten(), nn.Linear(64, 3)),
        images(3, 3, 6, 3),
        by_class,
    ),
    "shared norm": (Shared, rows(6, 5, 4), by_class),
    "own average": (Average, rows(6, 5, 4), by_class),
    "no affine": (
        lambda: nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4, affine=False), nn.Linear(4, 3)),
        rows(6, 5, 3),
        by_class,
    ),
    "gpt": (GPT, text_with_targets(), second),
    "gpt by hand": (lambda: GPT(True), text_with_targets(), second),
    "gpt, loss outside": (lambda: GPT(p=0.0), text(), characters),
    "char-lstm": (CharLSTM, text(), characters),
    "char-lstm, two layers": (lambda: CharLSTM(2, 0.3), text(), characters),
    "encoder": (encoder, lambda: ((numbers(4, 3, 8),), classes(3, 4)), by_class),
    "vae": (VAE, image_twice, evidence),
    "named": (Named, rows(4, 5, 3), lambda o, y: o.loss + F.cross_entropy(o.logits, y) + o.more[1]["a"][0].sum()),
}


def pair(name):
    """Return a compiled model, itself, and its twin."""
    made = []
    for _ in range(2):
        torch.manual_seed(0)
        made.append(MODELS[name][0]())
    return torch.compile(made[0], fullgraph=True), *made


def seeded(function, args):
    torch.manual_seed(2)
    return function(*args)


def train(model, run, batch, loss_of, steps=4):
    """Return all that training steps leave."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    torch.manual_seed(1)
    found = []
    for _ in range(steps):
        args, target = batch()
        optimizer.zero_grad()
        out = run(*args)
        loss = loss_of(out, target)
        loss.backward()
        found += [out, loss.detach(), *(p.grad.clone() for p in model.parameters() if p.grad is not None)]
        optimizer.step()
    return [*found, *model.state_dict().values(), torch.get_rng_state()]


@pytest.mark.parametrize("name", MODELS)
def test_training(name) -> None:
    _, batch, loss_of = MODELS[name]
    fast, model, twin = pair(name)
    assert all_same(train(model, fast, batch, loss_of), train(twin, twin, batch, loss_of))
    assert list(model.state_dict()) == list(twin.state_dict())
    assert [b._version for b in model.buffers()] == [b._version for b in twin.buffers()]
    compiled = compiled_of(fast)
    assert compiled.attempts == 1 and len(compiled.programs) == 1


@pytest.mark.parametrize("name", MODELS)
def test_inference_and_the_way_back(name) -> None:
    batch = MODELS[name][1]
    fast, model, twin = pair(name)
    for training in (False, True, False, True, False):
        fast.train(training), twin.train(training)
        args, _ = batch()
        for grad in (True, False):
            with torch.set_grad_enabled(grad):
                assert all_same(*(seeded(f, args) for f in (fast, twin)))
    assert all_same(list(model.state_dict().values()), list(twin.state_dict().values()))
    assert compiled_of(fast).attempts == 4


def test_state_in_tuples_lists_and_dictionaries() -> None:
    """A state comes back in as it went out; another structure is another call."""
    torch.manual_seed(0)
    model = CharLSTM()
    fast = torch.compile(model, fullgraph=True)
    x, state, twin = classes(31, 2, 5), None, None
    for _ in range(4):
        (a, state), (b, twin) = fast(x, state), model(x, twin)
        assert all_same([a, state], [b, twin])
        state, twin = tuple(s.detach() for s in state), tuple(s.detach() for s in twin)
    assert compiled_of(fast).attempts == 2

    def slow(parts, how):
        return parts["a"] * how["n"] + parts["b"][0] - how.get("y", 0)

    fast = torch.compile(slow, fullgraph=True)
    a, b, y = torch.ones(2), torch.full((2,), 2.0), torch.full((2,), 5.0)
    for how in ({"n": 2}, {"n": 3}, {"n": 2, "y": y}, {"n": 2}, {"n": 2, "y": y * 2}):
        for parts in ({"a": a, "b": [b]}, {"a": b, "b": [a]}, {"b": [a], "a": b}, {"a": b, "b": (a,)}):
            assert same(torch.compile(slow)(parts, how), slow(parts, how))
            if "y" not in how:
                assert same(fast(parts, how), slow(parts, how))
    assert compiled_of(fast).attempts == 6
