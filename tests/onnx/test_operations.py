"""What a hand-written ``forward`` uses, with a dynamic batch: arithmetic, reductions, shapes, indices, writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_hw as torch
from tests.onnx.common import check
from tests.onnx.test_layers import floats, ints
from tinygrad_hw import nn

F = nn.functional


class Function(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *args: Any) -> Any:
        return self.function(*args)


def masked(x: Any) -> Any:
    y = x.clone()
    y[x > 0] = 0.5
    return y


def rows_written(x: Any) -> Any:
    y = torch.zeros(x.size(0), 4, 6)
    y[:, 1] = x[:, 0]
    y[:, 2:4, ::2] = 3.0
    y[:, -1, 1:-1] += x[:, 1, 1:5]
    return y


def through_views(x: Any) -> Any:
    y = x * 1
    flat = y.view(x.size(0), -1)
    first, second, third, _ = y.unbind(1)
    flat[:, :3] = 7.0
    first.mul_(2)
    y.transpose(1, 2)[:, 1].add_(1)
    second += third
    left, right = y.split([2, 4], 2)
    right.zero_()
    left[..., 0].fill_(4)
    return y, flat, first


def state_kept(x: Any) -> Any:
    y = x.reshape(-1, 6)
    z = y.relu_() + 1
    return x, y, z


def shifted(x: Any) -> Any:
    i = torch.arange(x.size(1))
    return x[:, i.flip(0)] + i[:, None] * 0.5


#: On x of shape (batch, 4, 6).
UNARY: dict[str, Callable[[Any], Any]] = {
    "arithmetic": lambda x: (x + 2) * 3 - x / 4 + (1 - x) * (2 / (x.abs() + 1)) + -x,
    "floor_divide": lambda x: (x // 0.5, x % 0.7, torch.fmod(x, 0.7), torch.div(x, 0.3, rounding_mode="trunc")),
    "powers": lambda x: (x**2, x**3, x.abs() ** 0.5, x.abs() ** -1, 2**x, x.abs().pow(x), x.square(), x.abs().rsqrt()),
    "exponentials": lambda x: (x.exp(), x.abs().log(), x.exp2(), x.expm1(), (x.abs() + 1).log2(), x.abs().log1p()),
    "more exponentials": lambda x: (x.abs().log10(), x.sigmoid(), x.erf(), x.erfc(), x.abs().sqrt(), x.reciprocal()),
    "trigonometry": lambda x: (x.sin(), x.cos(), x.tan(), x.sinh(), x.cosh(), x.tanh(), x.atan(), x.asinh(), x.sinc()),
    "inverse trigonometry": lambda x: (x.tanh().asin(), x.tanh().acos(), x.tanh().atanh(), (x.abs() + 1).acosh()),
    "angles": lambda x: (x.deg2rad(), x.rad2deg(), torch.atan2(x, x.flip(1)), torch.hypot(x, x + 1)),
    "rounding": lambda x: ((x * 3).round(), x.floor(), x.ceil(), x.trunc(), x.frac(), x.round(decimals=1)),
    "signs": lambda x: (x.sign(), x.abs(), x.neg(), x.sgn(), x.signbit()),
    "clip": lambda x: (x.clamp(-0.5, 0.5), x.clamp(min=0.1), x.clip(max=0.2), x.clamp(x * 0 - 1, x * 0 + 0.3)),
    "extremes of two": lambda x: (torch.maximum(x, -x), torch.minimum(x, x * 0), torch.max(x, x + 1)),
    "logarithms of sums": lambda x: (
        torch.logaddexp(x, x + 1),
        torch.logaddexp2(x, x * 2),
        torch.xlogy(x * 0, x.abs()),
    ),
    "logit": lambda x: (x.sigmoid().logit(), torch.logit(x, eps=0.1)),
    "comparisons": lambda x: (x > 0, x >= 0.1, x < x.flip(1), x <= 0, x == x, x != 0.5),
    "logic": lambda x: ((x > 0) & (x < 1), (x > 1) | (x < -1), (x > 0) ^ (x > 1), ~(x > 0), (x > 0).logical_not()),
    "kinds of numbers": lambda x: ((x / 0).isinf(), (x * 0 / 0).isnan(), x.isfinite(), (x / 0).nan_to_num(posinf=3.0)),
    "where": lambda x: (torch.where(x > 0, x, 0.0), torch.where(x > 0, 1.0, x), torch.where(x > 0, x, -x * 2)),
    "masked_fill": lambda x: x.masked_fill(x > 0.5, -9.0),
    "dtypes": lambda x: (
        (x * 3).long() + 1,
        x.double() * 2,
        (x > 0).float(),
        x.int(),
        x.bool(),
        (x * 9).to(torch.int32) // 2,
    ),
    "integers": lambda x: (lambda i: (i % 3, i // 4, i * 2 - 7, i.float() / 2, i == 3, -i, i.abs(), i & 3))(
        (x * 9).long()
    ),
    "sums": lambda x: (x.sum(), x.sum(1), x.sum((1, 2)), x.sum(-1, keepdim=True), (x > 0).sum(), (x > 0).sum(2)),
    "means": lambda x: (x.mean(), x.mean(2), x.mean((0, 2), keepdim=True), x.var(), x.var(1), x.std(2, unbiased=False)),
    "variance of the batch": lambda x: (x.var(0), x.std((0, 1)), torch.var_mean(x, 0)[1]),
    "products": lambda x: (x.prod(), x.prod(1), x.cumsum(2), x.cumsum(0)),
    "extremes": lambda x: (x.max(), x.min(), x.amax(1), x.amin((1, 2)), *x.max(1), *x.min(2, keepdim=True)),
    "places of extremes": lambda x: (x.argmax(), x.argmax(1), x.argmin(2, keepdim=True), x[:, 0].argmax(-1)),
    "any and all": lambda x: ((x > 0).any(), (x > 0).all(1), (x > 3).any(2, keepdim=True), (x > 0).count_nonzero(1)),
    "norms": lambda x: (x.norm(), x.norm(dim=1), x.norm(1, 2), x.norm(3, 1), torch.linalg.vector_norm(x, torch.inf, 2)),
    "normalize": lambda x: (
        F.normalize(x),
        F.normalize(x, p=1.0, dim=2),
        x.logsumexp(1),
        x.softmax(2),
        x.log_softmax(0),
    ),
    "sorting": lambda x: (
        *x.sort(1),
        *x.sort(2, descending=True),
        *x.topk(2),
        *x.topk(3, 1, largest=False),
        x.argsort(2),
    ),
    "view": lambda x: (x.view(x.size(0), -1), x.view(-1, 6), x.view(x.shape[0] * 2, 2, 6), x.flatten(1), x.reshape(-1)),
    "view of sizes": lambda x: (x.reshape(x.shape[0], x.shape[1], 2, 3), x.unflatten(2, (3, 2)), x.view(2, -1, 6)),
    "transposes": lambda x: (x.transpose(1, 2), x.permute(2, 0, 1), x.mT, x[0].t(), x.movedim(0, 2), x.swapaxes(0, 1)),
    "squeezes": lambda x: (
        x.unsqueeze(1),
        x.unsqueeze(-1).squeeze(-1),
        x[:, :1].squeeze(1),
        x[:, None],
        x[..., None, :],
    ),
    "expand": lambda x: (x[:, :1].expand(-1, 5, -1), x[:, :1].expand_as(x), x.expand(2, *x.shape), x.repeat(1, 2, 1)),
    "repeat along the batch": lambda x: (
        x.repeat(3, 1, 1),
        x.tile((2,)),
        torch.ones(x.size(0), 1) * 2,
        x.new_zeros(x.shape),
    ),
    "repeat_interleave": lambda x: x.repeat_interleave(2, 1),
    "cat": lambda x: (torch.cat([x, x * 2], 1), torch.cat([x, x]), torch.stack([x, -x], 1), torch.hstack([x, x])),
    "cat of sizes": lambda x: torch.cat([torch.zeros(x.size(0), 1, 6), x, torch.full((x.size(0), 2, 6), 3.0)], 1),
    "splits": lambda x: (*x.split(3, 1), *x.chunk(2, 2), *x.unbind(1), *x.split([1, 5], -1), *x.tensor_split(3, 2)),
    "flip and roll": lambda x: (x.flip(1), x.flip((0, 2)), x.roll(2, 1), x.roll(-1, 0), x.roll((1, 2), (1, 2))),
    "triangles": lambda x: (x.tril(), x.triu(1), x.tril(-1), (x > 0).tril(), x.diagonal(0, 1, 2), x.diagonal(1, 1, 2)),
    "slices": lambda x: (x[1:], x[:, 1], x[:, -1], x[..., ::2], x[:, 1:3, -2:], x[0, 0, 0], x[:-1, 2], x[:, :, 5:1]),
    "more slices": lambda x: (
        x.narrow(1, 1, 2),
        x.select(2, 3),
        x[-1],
        x[None, :, 0],
        x.unfold(2, 3, 2),
        x.unfold(1, 2, 1),
    ),
    "indices": lambda x: (x[:, [0, 2, 2]], x[:, torch.tensor([[0, 3], [1, 1]])], x[[0, 1]], x[..., [5, 0]]),
    "two indices": lambda x: (x[:, [0, 1], [2, 3]], x[[0, 1], :, [2, 3]], x[[1, 0], [0, 3]], x[[0, 1], [1, 2], [3, 4]]),
    "constant mask": lambda x: (
        x[:, torch.tensor([True, False, True, True])],
        x[..., torch.tensor([True] + [False] * 5)],
    ),
    "index_select": lambda x: (x.index_select(1, torch.tensor([3, 0])), x.gather(2, (x * 2).long().abs() % 6)),
    "take_along_dim": lambda x: torch.take_along_dim(x, x.argmax(2, keepdim=True), 2),
    "arange": shifted,
    "positions": lambda x: x + torch.arange(x.size(1) * 6).view(1, 4, 6) / 24,
    "batch indices": lambda x: x[torch.arange(x.size(0)), x[:, :, 0].argmax(1)],
    "scatter": lambda x: torch.zeros(x.size(0), 4, 8).scatter(
        2, (x * 2).long().abs() % 8, x[:, :1, :1].expand(x.shape)
    ),
    "scatter_add": lambda x: torch.zeros(x.size(0), 4, 8).scatter_add(2, (x * 2).long().abs() % 8, x),
    "scatter_reduce": lambda x: torch.ones(x.size(0), 4, 8).scatter_reduce(2, (x * 2).long().abs() % 8, x, "amax"),
    "index_add": lambda x: (x.index_add(1, torch.tensor([0, 2, 0, 1]), x), x.index_add(0, torch.tensor([1]), x[:1])),
    "index_copy": lambda x: (
        x.index_copy(1, torch.tensor([3, 1]), x[:, :2]),
        x.index_fill(2, torch.tensor([0, 5]), 7.0),
    ),
    "index_put": lambda x: x.index_put((torch.tensor([1, 0, 1]), torch.tensor([0, 3, 0])), x[0, :3], accumulate=True),
    "take": lambda x: (
        x.take(torch.tensor([[1, 30], [2, 0]])),
        torch.heaviside(x, x * 0 + 0.5),
        torch.isclose(x, x + 1e-9),
    ),
    "one_hot": lambda x: F.one_hot(x.argmax(2), 6),
    "matmul": lambda x: (x @ x.mT, x @ x[0].t(), x.matmul(x[0, 0]), torch.bmm(x, x.transpose(1, 2)), x[0] @ x[1].t()),
    "einsum": lambda x: (
        torch.einsum("bij,bkj->bik", x, x),
        torch.einsum("bij->bj", x),
        torch.einsum("bij,j->bi", x, x[0, 0]),
    ),
    "addmm": lambda x: (torch.addmm(x[:, 0, :4], x[:, 1], x[0].t()), torch.baddbmm(x[:, :, :4], x, x.mT, alpha=0.5)),
    "outer and dot": lambda x: (
        torch.outer(x[0, 0], x[0, 1]),
        torch.dot(x[0, 0], x[0, 1]),
        torch.linalg.norm(x, dim=2),
    ),
    "interpolate": lambda x: F.interpolate(x[:, None], size=(x.shape[1] * 2, 9), mode="bilinear"),
    "area": lambda x: F.interpolate(x, size=3, mode="area"),
    "pad": lambda x: (F.pad(x, (1, 2)), F.pad(x, (0, 0, 1, 1), value=2.0), F.pad(x, (1, 1), mode="reflect")),
    "attention": lambda x: F.scaled_dot_product_attention(x, x * 2, x + 1),
    "causal attention": lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True, scale=0.3),
    "detach and data": lambda x: x.detach() * 2 + x.data,
    "clone and contiguous": lambda x: (x.clone(), x.transpose(1, 2).contiguous().view(x.size(0), -1)),
    "numbers from sizes": lambda x: x / x.size(1) + x.shape[0] + x.numel() / 24,
    "in place": lambda x: (lambda y: (y.add_(1).mul_(2).relu_(), y))(x * 1),
    "in place on a sum": lambda x: (lambda y: (y.__iadd__(x), y.__imul__(2), y)[2])(x + 0),
    "masked write": masked,
    "writes into parts": rows_written,
    "writes through views": through_views,
    "writes into a reshaped input": state_kept,
    "dictionary": lambda x: {"a": x + 1, "b": (x, [x * 2])},
    "same output twice": lambda x: (x, x, x + 1, torch.ones(2)),
}


@pytest.mark.parametrize("name", UNARY)
def test_operation(name: str) -> None:
    check(Function(UNARY[name]), (floats(2, 4, 6),), (floats(5, 4, 6),))


def test_integer_inputs() -> None:
    model = Function(lambda i, x: (i + 1, i.float() * x, x[i], torch.where(i > 1, i, 0), i.sum(), i.max()))
    check(model, (ints(3, 4), floats(4)), (ints(3, 7), floats(7)))


def test_float64_and_float16() -> None:
    model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.LayerNorm(4)).double()
    check(model, (floats(2, 5).double(),), (floats(3, 5).double(),), rtol=1e-6)
    model = nn.Sequential(nn.Linear(5, 4), nn.ReLU()).half()
    check(model, (floats(2, 5).half(),), (floats(3, 5).half(),), rtol=2e-3)


@pytest.mark.parametrize("opset", range(17, 24))
def test_every_version_of_the_operators(opset: int) -> None:
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.GELU(), nn.MaxPool2d(2), nn.GroupNorm(2, 4),
        Function(lambda x: (x.mean((2, 3)), x.amax(1).flatten(1), x.var(1), x.logsumexp(2), x.norm(dim=3))),
    )  # fmt: skip
    data = check(model, (floats(2, 2, 6, 6),), (floats(3, 2, 6, 6),), opset_version=opset)
    assert data.opset_import[0].version == opset


def test_images_of_any_size() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Upsample(scale_factor=2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2),
    )  # fmt: skip
    sizes = {0: "batch", 2: "height", 3: "width"}
    check(model, (floats(2, 3, 16, 20),), (floats(3, 3, 23, 41),), axes=[sizes])


def test_sequences_of_any_length() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(11, 8)
            self.places = nn.Parameter(floats(1, 32, 8))
            self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
            self.register_buffer("hidden", torch.triu(torch.ones(32, 32), 1).bool())

        def forward(self, words: Any) -> Any:
            batch, time = words.shape
            x = self.words(words) * np.sqrt(8) + self.places[:, :time] / time
            x = self.layer(x, src_mask=self.hidden[:time, :time])
            return x.reshape(batch * time, 8)[:, :4].view(batch, time, 2, 2), x[:, time - 1], x.mean(1)

    check(Model(), (ints(11, 2, 5),), (ints(11, 3, 9),), axes=[{0: "batch", 1: "time"}], rtol=2e-5)


def test_a_batch_of_one_is_enough() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 3))
    check(model, (floats(1, 1, 4, 4),), (floats(7, 1, 4, 4),))


def test_a_model_that_sees_a_size_as_a_number() -> None:
    check(Function(lambda x: x * x.size(0) ** -0.5 + 1 / x.size(0)), (floats(4, 3),), (floats(7, 3),))
    check(Function(lambda x: x[: x.size(0) // 2]), (floats(4, 3),), (floats(8, 3),))
    check(Function(lambda x: torch.zeros(x.size(0) + 1, x.size(0) * 3)), (floats(4, 3),), (floats(5, 3),))
