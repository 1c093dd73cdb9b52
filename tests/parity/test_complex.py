"""Complex tensors against PyTorch's: text, promotion, random numbers, refusals, convention of gradients, files."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pytest

import tinygrad_hw as ours

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.torch

NAMES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "complex64", "complex128"]

OPTIONS: list[dict[str, Any]] = [{}, {"precision": 2}, {"sci_mode": True}, {"linewidth": 50}, {"sci_mode": False}]


def numbers(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return numbers of many sizes, some whole, some not finite."""
    parts = []
    for _ in range(2):
        x = rng.standard_normal(shape) * 10.0 ** rng.integers(-6, 9, shape if rng.random() < 0.5 else ())
        x = np.where(rng.random(shape) < 0.3, np.round(x), x)
        x = np.where(rng.random(shape) < rng.choice([0, 0, 0.3]), rng.choice([np.nan, np.inf, -np.inf, 0.0], shape), x)
        parts.append(np.round(x) if rng.random() < 0.3 else x)
    z = np.empty(shape, np.complex128)
    z.real, z.imag = parts
    return z


@pytest.mark.parametrize("seed", range(150))
def test_the_text_is_the_same(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shapes = [(), (1,), (4,), (0,), (2, 0), (3, 4), (2, 3, 2), (13,), (1200,), (40, 40)]
    z = np.asarray(numbers(rng, shapes[seed % len(shapes)]), ["complex64", "complex128"][seed // 10 % 2])
    options = OPTIONS[seed % 5]
    try:
        for package in (ours, torch):
            package.set_printoptions(profile="default")
            package.set_printoptions(**options)
        mine, theirs = ours.from_numpy(z), torch.from_numpy(z)
        assert repr(mine) == repr(theirs)
        if seed % 3 == 0:
            assert repr(mine.requires_grad_()) == repr(theirs.requires_grad_())
            assert repr(mine * 2) == repr(theirs * 2)
    finally:
        for package in (ours, torch):
            package.set_printoptions(profile="default")


@pytest.mark.parametrize(("a", "b"), list(itertools.product(NAMES, ["complex64", "complex128"])))
def test_promotion_is_the_same(a: str, b: str) -> None:
    def kinds(package: Any) -> list[str]:
        x, y = getattr(package, a), getattr(package, b)
        found = [package.promote_types(x, y), package.promote_types(y, x)]
        if a != "float16":  # times complex numbers of a lower class it is complex32 there
            for p, q in itertools.product([(), (2,)], repeat=2):
                found.append((package.ones(p, dtype=x) * package.ones(q, dtype=y)).dtype)
            found += [(package.ones(2, dtype=x) * 1j).dtype, package.result_type(package.ones((), dtype=x), 1j)]
        return [*map(str, found), package.can_cast(x, y), package.can_cast(y, x)]

    assert kinds(ours) == kinds(torch)


@pytest.mark.parametrize("shape", [(), (3,), (7,), (8,), (4, 5), (1000,)])
@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_random_numbers_are_the_same(shape: tuple[int, ...], dtype: str) -> None:
    for name in ("rand", "randn"):
        found = []
        for package in (ours, torch):
            package.manual_seed(3)
            first = getattr(package, name)(shape, dtype=getattr(package, dtype))
            second = getattr(package, f"{name}_like")(first)
            found.append([first.numpy(), second.numpy(), package.rand(2).numpy()])
        for a, b in zip(*found, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6 if dtype == "complex64" else 1e-12)


Z = [1 + 2j, 3 - 1j, -0.5 + 0.25j, 2j]
REFUSED = {
    "max": (),
    "min": (),
    "sort": (),
    "argsort": (),
    "argmax": (),
    "argmin": (),
    "median": (),
    "topk": (2,),
    "unique": (),
    "relu": (),
    "sign": (),
    "floor": (),
    "ceil": (),
    "trunc": (),
    "round": (),
    "frac": (),
    "clamp": (0.0, 1.0),
    "erf": (),
    "lgamma": (),
    "i0": (),
    "nansum": (),
    "histc": (),
    "bincount": (),
    "nn.functional.gelu": (),
    "nn.functional.elu": (),
    "nn.functional.hardtanh": (),
    "nn.functional.softplus": (),
    "nn.functional.leaky_relu": (),
    "nn.functional.layer_norm": ((4,),),
    "isposinf": (),
    "signbit": (),
    "deg2rad": (),
}
PAIRS = """lt le gt ge maximum minimum fmax fmin atan2 hypot remainder fmod floor_divide copysign nextafter gcd
    bitwise_and heaviside nn.functional.mse_loss nn.functional.binary_cross_entropy nn.functional.smooth_l1_loss"""


def at(package: Any, path: str) -> Any:
    for part in path.split("."):
        package = getattr(package, part)
    return package


def error_of(function: Any) -> type[BaseException] | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            function()
    except Exception as error:
        return type(error)
    return None


@pytest.mark.parametrize("name", list(REFUSED))
def test_refused_of_one(name: str) -> None:
    args = REFUSED[name]
    theirs = error_of(lambda: at(torch, name)(torch.tensor(Z), *args))
    mine = error_of(lambda: at(ours, name)(ours.tensor(Z), *args))
    assert theirs is not None
    assert mine is not None
    assert issubclass(mine, theirs), (mine, theirs)


@pytest.mark.parametrize("name", PAIRS.split())
def test_refused_of_two(name: str) -> None:
    theirs = error_of(lambda: at(torch, name)(torch.tensor(Z), torch.tensor(Z)))
    mine = error_of(lambda: at(ours, name)(ours.tensor(Z), ours.tensor(Z)))
    assert theirs is not None
    assert mine is not None
    assert issubclass(mine, theirs), (mine, theirs)
    assert error_of(lambda: at(ours, name)(ours.ones(4), ours.tensor(Z))) is not None


@pytest.mark.parametrize("seed", range(12))
def test_gradients_of_a_random_expression(seed: int) -> None:
    rng = np.random.default_rng(seed)
    z, w = (rng.standard_normal((3, 4)) + 1j * rng.standard_normal((3, 4)) for _ in range(2))
    x = rng.standard_normal((3, 4))
    steps = [
        lambda t, a, b, c: a * b.conj() + c,
        lambda t, a, b, c: t.complex(a.real * c, b.imag) / (b + 3),
        lambda t, a, b, c: (a @ b.mH) @ t.polar(c.abs(), c),
        lambda t, a, b, c: t.fft.fft2(a) * t.sgn(b) + t.angle(a),
        lambda t, a, b, c: t.view_as_complex(t.view_as_real(a) * t.view_as_real(b)).exp() ** 2,
        lambda t, a, b, c: t.where(c > 0, a, b) * t.fft.fft(c),
        lambda t, a, b, c: t.fft.irfft(a, 4) * b.abs() + 1j * t.fft.rfft(c, 6),
        lambda t, a, b, c: t.stack([a, b.to(t.complex64).to(t.complex128)]).prod(0) * c.to(t.complex128),
    ]
    chosen = [steps[i] for i in rng.integers(0, len(steps), 3)]

    def grads(package: Any) -> list[np.ndarray]:
        a, b = (package.tensor(v, requires_grad=True) for v in (z, w))
        c = package.tensor(x, requires_grad=True)
        value = a
        for step in chosen:
            value = step(package, value, b, c)
        loss = (value.abs() ** 2 + value.real).mean()
        first = package.autograd.grad(loss, (a, b, c), create_graph=True, allow_unused=True)
        again = sum(g.abs().sum() for g in first if g is not None)
        second = package.autograd.grad(again, (a, b, c), allow_unused=True)
        return [np.zeros(()) if g is None else g.detach().resolve_conj().numpy() for g in (*first, *second)]

    for mine, theirs in zip(grads(ours), grads(torch), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-8 * max(1.0, float(np.abs(theirs).max())))


def test_what_pytorch_left_pending_is_carried_out(tmp_path: Any) -> None:
    z = torch.tensor(Z)
    for i, pending in enumerate(([z.conj(), z, z[::2].conj()], [z.conj().imag])):
        torch.save(pending, tmp_path / f"{i}.pt")
        for mine, theirs in zip(ours.load(tmp_path / f"{i}.pt"), torch.load(tmp_path / f"{i}.pt"), strict=True):
            assert str(mine.dtype) == str(theirs.dtype)
            np.testing.assert_array_equal(mine.numpy(), theirs.numpy(force=True))
    ours.save(ours.tensor(Z), tmp_path / "y.pt")
    assert torch.equal(torch.load(tmp_path / "y.pt"), z)


@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
@pytest.mark.parametrize("seed", range(8))
def test_transforms_of_any_length_dimension_and_norm(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((4, 5, 6))
    if name not in ("rfft", "ihfft") and seed % 2:
        x = x + 1j * rng.standard_normal(x.shape)
    norm = [None, "backward", "ortho", "forward"][seed % 4]
    n, dim = [None, 3, 8, 5][seed // 2], int(rng.integers(-3, 3))
    dims = tuple(rng.permutation(3)[: 1 + seed % 3].tolist())
    s = [None, tuple(int(v) for v in rng.integers(2, 8, len(dims)))][seed // 4]
    mine, theirs = ours.from_numpy(x), torch.from_numpy(x)
    for path, args in ((name, (n, dim, norm)), (f"{name}n", (s, dims, norm)), (f"{name}2", (None, (0, 2), norm))):
        a, b = at(ours.fft, path)(mine, *args), at(torch.fft, path)(theirs, *args)
        assert str(a.dtype) == str(b.dtype)
        np.testing.assert_allclose(a.numpy(), b.numpy(force=True), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("n", range(1, 9))
@pytest.mark.parametrize("d", [1.0, 0.1, 3])
def test_frequencies_to_the_last_bit(n: int, d: float) -> None:
    for name in ("fftfreq", "rfftfreq"):
        for dtype in ("float32", "float64"):
            a = at(ours.fft, name)(n, d, dtype=getattr(ours, dtype))
            b = at(torch.fft, name)(n, d, dtype=getattr(torch, dtype))
            assert a.numpy().tobytes() == b.numpy().tobytes()
