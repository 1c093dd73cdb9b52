"""The random stream against PyTorch's: the same numbers, and the stream left at the same place.

Every draw is compared for all sizes, dtypes and seeds; afterwards the two generators must agree in
the whole of their saved state, which holds the words, the position and the normal kept for later.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from tinygrad_hw.kernels import generator
from tinygrad_hw.kernels import random as R

torch = pytest.importorskip("torch")

SIZES = (0, 1, 5, 15, 16, 17, 100, 1000, 4097)
SEEDS = (0, 1, 20240229, 2**40 + 3)
FLOATS = ("float32", "float64", "float16")
INTS = ("int64", "int32", "int16", "int8", "uint8")
ALL = (*FLOATS, *INTS, "bool")


@dataclass
class Draw:
    """One draw: ``ours(out, g)`` fills an array, ``theirs(out, g)`` a tensor just like it."""

    name: str
    dtypes: tuple[str, ...]
    ours: Callable[[np.ndarray, R.Generator], Any]
    theirs: Callable[[Any, Any], Any]


def tensor(dtype: str, *shape: int) -> Any:
    return torch.empty(shape, dtype=getattr(torch, dtype))


def ramp(n: int, dtype: str, low: float = 0.0, high: float = 1.0) -> np.ndarray:
    return np.linspace(low, high, n).astype(dtype)


def chances(out: np.ndarray, dtype: str) -> np.ndarray:
    return ramp(out.size, dtype).reshape(out.shape)


DRAWS = [
    Draw(
        "rand",
        FLOATS,
        lambda o, g: R.rand(o.shape, o.dtype, g),
        lambda o, g: o.uniform_(generator=g),
    ),
    Draw(
        "randn",
        FLOATS,
        lambda o, g: R.randn(o.shape, o.dtype, g),
        lambda o, g: o.normal_(generator=g),
    ),
    *(
        Draw(
            f"uniform_({a}, {b})",
            FLOATS,
            lambda o, g, a=a, b=b: R.uniform_(o, a, b, g),
            lambda o, g, a=a, b=b: o.uniform_(a, b, generator=g),
        )
        for a, b in [(0, 1), (-0.1, 0.1), (-1 / 28, 1 / 28), (2.5, 2.5), (1000, 1001), (-3e4, 3e4)]
    ),
    *(
        Draw(
            f"normal_({mean}, {std})",
            FLOATS,
            lambda o, g, m=mean, s=std: R.normal_(o, m, s, g),
            lambda o, g, m=mean, s=std: o.normal_(m, s, generator=g),
        )
        for mean, std in [(0, 1), (0.3, 0.02), (-100, 3.7), (5, 0), (0, 0.01)]
    ),
    *(
        Draw(
            f"random_({a}, {b})",
            dtypes,
            lambda o, g, a=a, b=b: R.random_(o, a, b, g),
            lambda o, g, a=a, b=b: o.random_(a, b, generator=g),
        )
        for a, b, dtypes in [
            (0, 2, ALL),
            (0, 10, (*FLOATS, *INTS)),
            (-7, 100, (*FLOATS, "int64", "int32", "int16", "int8")),
            (3, None, (*FLOATS, *INTS)),
            (0, None, ALL),
            (0, 2000, ("float16", "int16")),
            (0, 5000, ("float16",)),
            (0, 65000, ("float16",)),
            (-60000, 3, ("float16",)),
            (0, 2**27, ("float32", "float64", "int32", "int64")),
            (0, 2**28 - 1, ("float32", "float64", "int32", "int64")),
            (0, 2**28, ("float32", "float64", "int32", "int64")),
            (-5, 2**30, ("float32", "float64", "int32", "int64")),
            (0, 2**32, ("float32", "float64", "int64")),
            (-(2**31), 2**31 - 1, ("int32", "int64")),
            (-(2**62), 2**62 + 12345, ("float32", "float64", "int64")),
            (-(2**63), 2**63 - 1, ("int64",)),
            (-(2**63), None, ("int64", "float32", "float64")),
            (-(2**63) + 1, None, ("int64",)),
        ]
    ),
    Draw(
        "random_()",
        ALL,
        lambda o, g: R.random_(o, generator=g),
        lambda o, g: o.random_(generator=g),
    ),
    *(
        Draw(
            f"bernoulli_({p})",
            ALL,
            lambda o, g, p=p: R.bernoulli_(o, p, g),
            lambda o, g, p=p: o.bernoulli_(p, generator=g),
        )
        for p in (0.0, 0.1, 0.5, 1 / 3, 0.9, 1.0)
    ),
    *(
        Draw(
            f"bernoulli_({dtype} array)",
            ("float32", "float64", "int32", "bool"),
            lambda o, g, d=dtype: R.bernoulli_(o, chances(o, d), g),
            lambda o, g, d=dtype: o.bernoulli_(torch.from_numpy(chances(o.numpy(), d)), generator=g),
        )
        for dtype in FLOATS
    ),
    Draw(
        "bernoulli",
        FLOATS,
        lambda o, g: R.bernoulli(chances(o, o.dtype), generator=g),
        lambda o, g: torch.bernoulli(torch.from_numpy(chances(o.numpy(), o.numpy().dtype)), generator=g),
    ),
    *(
        Draw(
            f"exponential_({lambd})",
            FLOATS,
            lambda o, g, v=lambd: R.exponential_(o, v, g),
            lambda o, g, v=lambd: o.exponential_(v, generator=g),
        )
        for lambd in (1.0, 0.3, 7)
    ),
    *(
        Draw(
            f"geometric_({p})",
            (*FLOATS, "int64", "int32", "int16"),
            lambda o, g, p=p: R.geometric_(o, p, g),
            lambda o, g, p=p: o.geometric_(p, generator=g),
        )
        for p in (0.5, 0.1, 0.97)
    ),
    *(
        Draw(
            f"cauchy_({median}, {sigma})",
            FLOATS,
            lambda o, g, m=median, s=sigma: R.cauchy_(o, m, s, g),
            lambda o, g, m=median, s=sigma: o.cauchy_(m, s, generator=g),
        )
        for median, sigma in [(0, 1), (-2.5, 0.3)]
    ),
    *(
        Draw(
            f"log_normal_({mean}, {std})",
            FLOATS,
            lambda o, g, m=mean, s=std: R.log_normal_(o, m, s, g),
            lambda o, g, m=mean, s=std: o.log_normal_(m, s, generator=g),
        )
        for mean, std in [(1, 2), (0, 0.25)]
    ),
    *(
        Draw(
            f"poisson({low}..{high})",
            FLOATS,
            lambda o, g, a=low, b=high: R.poisson(ramp(o.size, o.dtype, a, b), g),
            lambda o, g, a=low, b=high: torch.poisson(
                torch.from_numpy(ramp(o.numel(), o.numpy().dtype, a, b)), generator=g
            ),
        )
        for low, high in [(0, 3), (2, 30), (100, 1000)]
    ),
    *(
        Draw(
            f"trunc_normal_{args}",
            FLOATS,
            lambda o, g, args=args: R.trunc_normal_(o, *args, generator=g),
            lambda o, g, args=args: torch.nn.init.trunc_normal_(o, *args, generator=g),
        )
        for args in [
            (0.0, 1.0, -2.0, 2.0),
            (0.0, 0.02, -2.0, 2.0),
            (0.0, 1.0, 1.5, 2.5),
            (1.0, 2.0, 1.9, 2.0),
        ]
    ),
]


def pair(seed: int) -> tuple[R.Generator, Any]:
    return R.Generator().manual_seed(seed), torch.Generator().manual_seed(seed)


# PyTorch fuses multiply-adds, and has its own log and cos, only in its AVX2 and AVX512 code.
EXACT = torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")


def assert_same_state(ours: R.Generator, theirs: Any) -> None:
    a, b = ours.get_state(), theirs.get_state().numpy()
    if not EXACT:
        a[5024:5032] = b[5024:5032]  # the normal left over
    np.testing.assert_array_equal(a, b)


def assert_same_place(ours: R.Generator, theirs: Any) -> None:
    assert_same_state(ours, theirs)
    np.testing.assert_array_equal(R.rand(3, generator=ours), torch.rand(3, generator=theirs).numpy())


def assert_same(ours: np.ndarray, theirs: Any) -> None:
    theirs = theirs.numpy()
    assert ours.dtype == theirs.dtype
    assert ours.shape == theirs.shape
    if not EXACT and ours.dtype.kind == "f":
        tolerance = 1e-14 if ours.dtype == np.float64 else 32 * float(np.finfo(ours.dtype).eps)
        scale = float(np.abs(theirs).max(initial=1.0, where=np.isfinite(theirs)))
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * min(scale, 1e5))
        return
    np.testing.assert_array_equal(ours, theirs)
    if ours.dtype.kind == "f":  # assert_array_equal takes -0.0 for 0.0
        np.testing.assert_array_equal(np.signbit(ours), np.signbit(theirs))


@pytest.fixture(params=["numpy", "compiled"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a test on numpy alone, then with the compiled kernels."""
    monkeypatch.delenv("TINYGRAD_HW_KERNELS", raising=False)
    monkeypatch.setattr(generator, "_module", None)
    monkeypatch.setattr(generator, "_tried", request.param == "numpy")
    if request.param == "compiled":
        pytest.importorskip("numba")
        assert generator.compiled() is not None
    return str(request.param)


def compare(draw: Draw, dtype: str, size: int, seed: int) -> None:
    g, h = pair(seed)
    for _ in range(2):  # the second draw starts mid-stream, and maybe with a normal left over
        ours = draw.ours(np.empty(size, dtype), g)
        theirs = draw.theirs(tensor(dtype, size), h)
        try:
            assert_same(ours, theirs)
            assert_same_state(g, h)
        except AssertionError as error:
            where = f"{draw.name}, {dtype}, size {size}, seed {seed}"
            raise AssertionError(f"{where}: {error}") from None
    assert_same_place(g, h)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("draw", DRAWS, ids=lambda draw: draw.name)
def test_draws(draw: Draw) -> None:
    for dtype, seed, size in itertools.product(draw.dtypes, SEEDS, SIZES):
        compare(draw, dtype, size, seed)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("draw", DRAWS, ids=lambda draw: draw.name)
@pytest.mark.usefixtures("engine")
def test_draws_of_many(draw: Draw) -> None:
    size = 40_007 if draw.name.startswith(("poisson", "log_normal")) else 100_003
    for dtype in draw.dtypes:
        compare(draw, dtype, size, 7)


@pytest.mark.usefixtures("engine")
def test_float32_normals_are_exact() -> None:
    g, h = pair(99)
    for mean, std in [(0.0, 1.0), (0.1, 0.02), (-3.0, 1e-3)]:
        n = 2_000_000
        ours = R.normal_(np.empty(n, np.float32), mean, std, g)
        assert_same(ours, tensor("float32", n).normal_(mean, std, generator=h))


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("n", [0, 1, 2, 5, 100, 127, 1023, 1025, 5000, 70_001])
def test_randperm(n: int) -> None:
    for dtype in ("int64", "int32", "int16", "uint8", "int8", "float32", "float64", "float16"):
        limit = 2049 if dtype == "float16" else np.inf if dtype[0] == "f" else np.iinfo(dtype).max
        if n - 1 > limit or (dtype == "float16" and n > limit):
            continue
        for seed in SEEDS:
            g, h = pair(seed)
            ours = R.randperm(n, dtype, g)
            assert_same(ours, torch.randperm(n, dtype=getattr(torch, dtype), generator=h))
            assert_same_place(g, h)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_randint() -> None:
    for dtype, seed, size in itertools.product(("int64", "int32", "float32"), SEEDS, SIZES):
        for low, high in [(0, 2), (-5, 6), (0, 2**28 + 1)]:
            g, h = pair(seed)
            ours = R.randint(low, high, size, dtype, g)
            theirs = torch.randint(low, high, (size,), dtype=getattr(torch, dtype), generator=h)
            assert_same(ours, theirs)
            assert_same_place(g, h)


@pytest.mark.parametrize("dtype", FLOATS)
def test_normal_of_arrays(dtype: str) -> None:
    for seed, size in itertools.product(SEEDS, SIZES):
        mean, std = ramp(size, dtype, -3, 3), ramp(size, dtype, 0.5, 2)
        for other in ("float32", "float64"):
            wide = std.astype(other)
            for m, s in [
                (mean, std),
                (mean, 1.7),
                (0.3, std),
                (mean, wide),
                (mean, np.asarray(0.7, other)),
                (np.asarray(0.3, dtype), wide),
                (mean[:, None], std[None, :3]),
            ]:
                g, h = pair(seed)
                ours = R.normal(m, s, g)
                theirs = torch.normal(
                    *(torch.from_numpy(x) if isinstance(x, np.ndarray) else x for x in (m, s)),
                    generator=h,
                )
                assert_same(ours, theirs)
                assert_same_place(g, h)


WEIGHTS = [
    np.array([0.1, 0.0, 0.4, 3.0, 0.2]),
    np.arange(1, 1001) % 17 + 0.25,
    np.array([[0.5, 0.25, 0.25], [10, 0.1, 5], [1, 1e-4, 1]]),
    (np.arange(1, 2001) * 7919 % 101 + 1.0).reshape(20, 100),
    np.ones((3, 1)),
]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("weights", WEIGHTS, ids=lambda w: str(w.shape))
def test_multinomial(weights: np.ndarray, dtype: str) -> None:
    for array in (weights.astype(dtype), np.asfortranarray(weights.astype(dtype))):
        theirs_in = torch.from_numpy(array)
        for seed, samples in itertools.product(SEEDS, (1, 2, 3, 50)):
            for replacement in (True, False):
                if not replacement and samples > (weights != 0).sum(-1).min():
                    continue
                g, h = pair(seed)
                ours = R.multinomial(array, samples, replacement, g)
                theirs = torch.multinomial(theirs_in, samples, replacement, generator=h)
                if dtype == "float16" and not replacement and samples > 1:
                    # Equal float16 scores are common, and no order among them is promised.
                    assert_same_state(g, h)
                else:
                    assert_same(ours, theirs)
                assert_same_place(g, h)


def view(dtype: str, kind: str) -> tuple[np.ndarray, Any]:
    """Return an array and a tensor that lie alike in memory, and not in C order."""
    if kind == "transposed":
        return np.empty((7, 9), dtype).T, tensor(dtype, 7, 9).t()
    if kind == "channels last":
        return np.empty((2, 5, 4, 3), dtype).transpose(0, 3, 1, 2), tensor(dtype, 2, 5, 4, 3).permute(0, 3, 1, 2)
    if kind == "permuted":
        return np.empty((3, 4, 5), dtype).transpose(1, 2, 0), tensor(dtype, 3, 4, 5).permute(1, 2, 0)
    if kind == "strided":
        return np.empty((6, 10), dtype)[:, ::2], tensor(dtype, 6, 10)[:, ::2]
    return np.empty((6, 10), dtype)[1:4, 2:9].T, tensor(dtype, 6, 10)[1:4, 2:9].t()


VIEWS = ("transposed", "channels last", "permuted", "strided", "sliced")


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", VIEWS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64"])
def test_order_of_memory(kind: str, dtype: str) -> None:
    fills = {
        "uniform_": ((), (-1.0, 2.0)),
        "normal_": ((), (0.5, 2.0)),
        "exponential_": ((2.0,),),
        "log_normal_": ((0.5, 0.5),),
        "cauchy_": ((),),
        "geometric_": ((0.3,),),
        "bernoulli_": ((0.3,),),
        "random_": ((), (0, 50)),
    }
    for name, tries in fills.items():
        if dtype == "int64" and name[:3] not in ("geo", "ber", "ran"):
            continue
        for arguments in tries:
            g, h = pair(5)
            out, theirs = view(dtype, kind)
            assert getattr(R, name)(out, *arguments, generator=g) is out
            assert_same(out, getattr(theirs, name)(*arguments, generator=h))
            assert_same_place(g, h)
    if dtype != "int64":
        g, h = pair(5)
        out, theirs = view(dtype, kind)
        R.trunc_normal_(out, 0.0, 1.0, -1.0, 1.5, g)
        assert_same(out, torch.nn.init.trunc_normal_(theirs, 0.0, 1.0, -1.0, 1.5, generator=h))
        assert_same_place(g, h)


DROPOUTS: dict[str, Callable[[Any, float], Any]] = {
    "function": lambda x, p: torch.nn.functional.dropout(x, p),
    "module": lambda x, p: torch.nn.Dropout(p).train()(x),
    "float64": lambda x, p: torch.nn.functional.dropout(x.double(), p),
    "in a graph": lambda x, p: torch.nn.functional.dropout(x.requires_grad_(), p).detach(),
    "in place": lambda x, p: torch.nn.functional.dropout(x, p, inplace=True),
    # A dropped one becomes negative, a kept one stays positive.
    "alpha": lambda x, p: torch.nn.functional.alpha_dropout(x, p, training=True),
    "attention": lambda x, p: torch.dropout(x, p, train=True),
}


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.77, 1.0])
@pytest.mark.parametrize("name", DROPOUTS)
def test_dropout_masks(name: str, p: float) -> None:
    if name == "alpha" and p == 1.0:
        return  # all NaN or zero: no mask to see
    for shape in [(0,), (1,), (5,), (16,), (17,), (64, 100), (2, 3, 4, 5)]:
        for seed in SEEDS:
            R.default_generator.manual_seed(seed)
            torch.manual_seed(seed)
            theirs = DROPOUTS[name](torch.ones(shape), p)
            ours = R.dropout_mask(shape, p)
            np.testing.assert_array_equal(ours, theirs.numpy() > 0)
            assert_same_place(R.default_generator, torch.default_generator)


def test_dropout_masks_follow_the_layout() -> None:
    for kind in VIEWS:
        out, theirs = view("float32", kind)
        R.default_generator.manual_seed(3)
        torch.manual_seed(3)
        dropped = torch.nn.functional.dropout(theirs.fill_(1.0), 0.4)
        np.testing.assert_array_equal(R.dropout_mask(out, 0.4), dropped.numpy() != 0)
        assert_same_place(R.default_generator, torch.default_generator)


@pytest.mark.parametrize("name", ["dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout"])
def test_feature_dropout_masks(name: str) -> None:
    shape = (4, 6, *(3,) * {"dropout1d": 1, "dropout2d": 2, "dropout3d": 3}.get(name, 2))
    for seed in SEEDS:
        R.default_generator.manual_seed(seed)
        torch.manual_seed(seed)
        theirs = getattr(torch.nn.functional, name)(torch.ones(shape), 0.3, training=True).numpy()
        kept = theirs > 0
        ours = R.feature_dropout_mask(shape, 0.3)
        np.testing.assert_array_equal(np.broadcast_to(ours, shape), kept)
        assert_same_place(R.default_generator, torch.default_generator)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_interleaved_draws() -> None:
    steps = [draw for draw in DRAWS if "float32" in draw.dtypes and draw.name[:5] != "trunc"]
    for seed in SEEDS:
        order = np.random.RandomState(seed % 2**32).randint(0, len(steps), 300)
        sizes = np.random.RandomState(seed % 2**32 + 1 & 0xFFFFFFFF).randint(0, 40, 300)
        g, h = pair(seed)
        for index, size in zip(order, sizes, strict=True):
            draw = steps[index]
            dtype = draw.dtypes[index % len(draw.dtypes)]
            ours = draw.ours(np.empty(size, dtype), g)
            assert_same(ours, draw.theirs(tensor(dtype, int(size)), h))
        assert_same_place(g, h)


def test_a_normal_left_over_crosses_functions_and_dtypes() -> None:
    g, h = pair(11)
    assert_same(R.randn(3, np.float32, g), torch.randn(3, generator=h))
    assert_same(R.randn(20, np.float32, g), torch.randn(20, generator=h))  # blocks leave it alone
    log = R.log_normal_(np.empty(2), 0.0, 1.0, g)
    assert_same(log, tensor("float64", 2).log_normal_(0.0, 1.0, generator=h))
    assert_same(R.randn(1, np.float16, g), torch.randn(1, dtype=torch.float16, generator=h))
    assert_same_place(g, h)
    g.manual_seed(11)
    h.manual_seed(11)
    assert_same(R.randn(1, np.float32, g), torch.randn(1, generator=h))  # a seed drops it
    assert_same_place(g, h)


@pytest.mark.parametrize("seed", [0, 1, -1, -5, 2**31, 2**32 - 1, 2**32, 2**63, 2**64 - 1, -(2**63)])
def test_seeds(seed: int) -> None:
    g, h = pair(seed)
    assert g.initial_seed() == h.initial_seed()
    assert_same_place(g, h)


def test_a_new_generator_has_the_same_seed() -> None:
    g, h = R.Generator(), torch.Generator()
    assert g.initial_seed() == h.initial_seed()
    assert_same_place(g, h)


@pytest.mark.parametrize("drawn", [0, 1, 3, 623, 624, 625, 1000])
def test_states_travel_both_ways(drawn: int) -> None:
    for normals in (0, 1, 2):
        g, h = pair(77)
        R.rand(drawn, generator=g)
        R.randn(normals, generator=g)
        h.set_state(torch.from_numpy(g.get_state()))
        assert_same(R.randn(3, generator=g), torch.randn(3, generator=h))
        assert_same_place(g, h)

        torch.rand(drawn, generator=h)
        torch.randn(normals, generator=h)
        other = R.Generator().set_state(h.get_state().numpy())
        assert other.initial_seed() == 77
        assert_same(R.randn(3, generator=other), torch.randn(3, generator=h))
        assert_same_place(other, h)


def test_global_state_of_torch() -> None:
    torch.manual_seed(5)
    torch.randn(3)
    R.default_generator.set_state(torch.get_rng_state().numpy())
    assert_same(R.randn(4), torch.randn(4))


def test_layer_initialisation() -> None:
    for shape in [(3, 2), (64, 784), (16, 3, 5, 5)]:
        fan_in = int(np.prod(shape[1:]))
        bound = 1.0 / np.sqrt(fan_in)
        g = R.Generator().manual_seed(0)
        torch.manual_seed(0)
        layer = (
            torch.nn.Linear(shape[1], shape[0]) if len(shape) == 2 else torch.nn.Conv2d(shape[1], shape[0], shape[2:])
        )
        gain = np.sqrt(2.0 / (1 + 5))  # kaiming_uniform_(a=sqrt(5))
        limit = float(np.sqrt(3.0) * (gain / np.sqrt(fan_in)))
        weight = R.uniform_(np.empty(shape, np.float32), -limit, limit, g)
        assert_same(weight, layer.weight.detach())
        bias = R.uniform_(np.empty(shape[0], np.float32), -bound, bound, g)
        assert_same(bias, layer.bias.detach())
        assert_same_place(g, torch.default_generator)


def test_order_of_a_shuffled_loader() -> None:
    data = torch.arange(1000)
    torch.manual_seed(3)
    theirs = torch.cat(list(torch.utils.data.DataLoader(data, batch_size=32, shuffle=True)))
    g = R.Generator().manual_seed(3)
    R.random_(np.empty((), np.int64), generator=g)  # the loader's base seed
    seed = int(R.random_(np.empty((), np.int64), generator=g))
    order = R.randperm(1000, generator=R.Generator().manual_seed(seed))
    np.testing.assert_array_equal(order, theirs.numpy())


ERRORS: list[tuple[str, Callable[[], Any], Callable[[], Any]]] = [
    (
        f"{name}{arguments} of {dtype}",
        lambda name=name, a=arguments, d=dtype: getattr(R, name)(np.empty(3, d), *a),
        lambda name=name, a=arguments, d=dtype: getattr(tensor(d, 3), name)(
            *(torch.from_numpy(x) if isinstance(x, np.ndarray) else x for x in a)
        ),
    )
    for name, arguments, dtype in [
        ("uniform_", (2, 1), "float32"),
        ("uniform_", (-3e38, 3e38), "float32"),
        ("uniform_", (-1e39, 1), "float32"),
        ("uniform_", (float("nan"), 1), "float32"),
        ("uniform_", (0, 70000), "float16"),
        ("uniform_", (), "int64"),
        ("normal_", (0, -1), "float32"),
        ("normal_", (0, float("nan")), "float32"),
        ("normal_", (), "int64"),
        ("log_normal_", (0, 0), "float32"),
        ("log_normal_", (0, 1), "int32"),
        ("exponential_", (0,), "float32"),
        ("exponential_", (float("nan"),), "float32"),
        ("exponential_", (1,), "int32"),
        ("cauchy_", (0, 0), "float32"),
        ("cauchy_", (), "int32"),
        ("geometric_", (0,), "float32"),
        ("geometric_", (1,), "int64"),
        ("geometric_", (0.5,), "bool"),
        ("bernoulli_", (1.5,), "float32"),
        ("bernoulli_", (-0.1,), "int64"),
        ("bernoulli_", (np.array([0.5, 1.5, 0.2]),), "float32"),
        ("bernoulli_", (np.array([1, 0, 1]),), "float32"),
        ("random_", (5, 5), "int64"),
        ("random_", (0, 300), "int8"),
        ("random_", (-300, 3), "int8"),
        ("random_", (0, 257), "uint8"),
        ("random_", (0, 3), "bool"),
        ("random_", (0, 70000), "float16"),
        ("random_", (-(2**63), None), "int32"),
    ]
] + [
    (
        f"{name}{arguments}",
        lambda name=name, a=arguments: getattr(R, name)(*a),
        lambda name=name, a=arguments: getattr(torch, name)(
            *(torch.from_numpy(x) if isinstance(x, np.ndarray) else x for x in a)
        ),
    )
    for name, arguments in [
        ("randint", (5, 5, (3,))),
        ("randperm", (-1,)),
        ("poisson", (np.array([-1.0]),)),
        ("poisson", (np.array([1]),)),
        ("normal", (np.zeros(3), np.array([1.0, -1, 1]))),
        ("normal", (np.zeros(3, np.int64), 1.0)),
        ("normal", (np.zeros(3), np.ones(2))),
        ("normal", (np.zeros(3), -1.0)),
        ("multinomial", (np.array([1.0, 2]), 3)),
        ("multinomial", (np.array([1.0, 2]), 0)),
        ("multinomial", (np.array([1, 2]), 1)),
        ("multinomial", (np.array([1.0, -2]), 1)),
        ("multinomial", (np.array([1.0, -2]), 2, True)),
        ("multinomial", (np.array([1.0, np.inf]), 2, True)),
        ("multinomial", (np.array([1.0, np.nan]), 1)),
        ("multinomial", (np.array([0.0, 0.0]), 1)),
        ("multinomial", (np.array([[0.0, 0.0], [1.0, 0.0]]), 2, True)),
        ("multinomial", (np.ones((2, 2, 2)), 2)),
        ("multinomial", (np.ones(()), 2)),
    ]
]


@pytest.mark.parametrize(("ours", "theirs"), [e[1:] for e in ERRORS], ids=[e[0] for e in ERRORS])
def test_errors(ours: Callable[[], Any], theirs: Callable[[], Any]) -> None:
    with pytest.raises(Exception) as expected:
        theirs()
    with pytest.raises(expected.type):
        ours()


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1, 1.5, "a", None, True])
def test_seed_errors(seed: Any) -> None:
    with pytest.raises(Exception) as expected:
        torch.Generator().manual_seed(seed)
    with pytest.raises(expected.type):
        R.Generator().manual_seed(seed)


@pytest.mark.parametrize(("n", "dtype"), [(129, "int8"), (257, "uint8"), (2050, "float16"), (3, "bool")])
def test_randperm_errors(n: int, dtype: str) -> None:
    with pytest.raises(Exception) as expected:
        torch.randperm(n, dtype=getattr(torch, dtype))
    with pytest.raises(expected.type):
        R.randperm(n, dtype)


def test_generator_has_the_same_methods() -> None:
    theirs = {name for name in dir(torch.Generator()) if name[0] != "_" and "graphsafe" not in name}
    assert theirs <= set(dir(R.Generator()))
