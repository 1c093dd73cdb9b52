"""The random kernels without PyTorch: numbers by heart, states, copies, threads, both engines."""

from __future__ import annotations

import copy
import doctest
import hashlib
import importlib
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tinygrad_hw.kernels import generator, random_normal
from tinygrad_hw.kernels import random as R

N = 100_003


def seeded(seed: int = 12345) -> R.Generator:
    return R.Generator().manual_seed(seed)


def digest(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]


@pytest.fixture(params=["numpy", "compiled"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a test on numpy alone, then with the compiled kernels."""
    monkeypatch.delenv("TINYGRAD_HW_KERNELS", raising=False)
    monkeypatch.setattr(generator, "_module", None)
    monkeypatch.setattr(generator, "_tried", request.param == "numpy")
    if request.param == "compiled":
        pytest.importorskip("numba")
        assert generator.compiled() is not None
    else:
        assert generator.compiled() is None
    return str(request.param)


# The first half of the SHA-256 of what PyTorch 2.13 draws with the seed 12345.
GOLDEN: dict[str, tuple[str, Callable[[R.Generator], np.ndarray]]] = {
    "rand float32": ("986381f53a03dea6", lambda g: R.rand(N, generator=g)),
    "rand float64": ("15ee295ef1be8ba4", lambda g: R.rand(N, np.float64, g)),
    "rand float16": ("0623312f6f30718c", lambda g: R.rand(N, np.float16, g)),
    "uniform_": (
        "16a7d7ab772a413f",
        lambda g: R.uniform_(np.empty(N, np.float32), -0.1, 0.3, g),
    ),
    "randn float32": ("5f48ebd3cf2d8399", lambda g: R.randn(N, generator=g)),
    "randn float16": ("6380d9083ebee031", lambda g: R.randn(N, np.float16, g)),
    "normal_": ("6094af08d13eafb8", lambda g: R.normal_(np.empty(N, np.float32), 0.5, 0.02, g)),
    "randint": ("ff0eb1b61597bc89", lambda g: R.randint(-7, 100, N, generator=g)),
    "randint 64 bits": ("6f5fd867e87fce4d", lambda g: R.randint(0, 2**40, N, generator=g)),
    "random_ int32": (
        "0a5ac4704312d791",
        lambda g: R.random_(np.empty(N, np.int32), generator=g),
    ),
    "random_ int64": (
        "900f21f094dd1144",
        lambda g: R.random_(np.empty(N, np.int64), generator=g),
    ),
    "randperm": ("1e32de826dddadba", lambda g: R.randperm(N, generator=g)),
    "bernoulli_": ("045a1a969bb3a483", lambda g: R.bernoulli_(np.empty(N, np.bool_), 0.3, g)),
    "geometric_": ("239e6a50607cfbd1", lambda g: R.geometric_(np.empty(N, np.int64), 0.2, g)),
    "multinomial": (
        "8352fdfd37ce13e3",
        lambda g: R.multinomial(np.arange(1, 51, dtype=np.float32), N, True, g),
    ),
}


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("name", GOLDEN)
def test_numbers_by_heart(name: str) -> None:
    expected, draw = GOLDEN[name]
    assert digest(draw(seeded())) == expected


@pytest.mark.parametrize(
    ("drawn", "expected"),
    [
        (
            lambda g: R.randn(5, np.float64, g),
            [
                1.4271304361207144,
                -1.8700891878086283,
                -1.1962103952911345,
                -2.043951331753674,
                -0.455990571793294,
            ],
        ),
        (
            lambda g: R.randn(20, np.float64, g)[:4],
            [0.13286308651815784, -2.3467084270760865, -0.6296845181150288, 0.09222468936076261],
        ),
        (
            lambda g: R.exponential_(np.empty(3), 2.0, g),
            [0.9612048281512866, 1.3834837130152091, 0.5478995760976417],
        ),
        (
            lambda g: R.cauchy_(np.empty(3), generator=g),
            [2.021059824257712, 4.998418953587553, 0.573423536358085],
        ),
        (
            lambda g: R.log_normal_(np.empty(3), generator=g),
            [47.19372185704583, 0.06455883014486903, 0.2484730747103014],
        ),
    ],
)
def test_numbers_of_the_c_library(drawn: Callable[[R.Generator], np.ndarray], expected: list[float]) -> None:
    np.testing.assert_allclose(drawn(seeded()), expected, rtol=1e-14)


def test_a_transposed_array_is_filled_in_the_order_of_its_memory() -> None:
    base = np.empty((3, 4), np.float32)
    assert R.normal_(base.T, generator=seeded()).base is base
    by_elements = R.normal_(np.empty(12, np.float32), generator=seeded())
    np.testing.assert_array_equal(base.ravel(), by_elements)


def test_a_strided_array_is_drawn_element_by_element() -> None:
    padded = np.zeros((40, 2), np.float32)
    R.normal_(padded[:, 0], generator=seeded())
    pairs = np.concatenate([R.randn(n, np.float32, g) for g in [seeded()] for n in (14, 14, 12)])
    np.testing.assert_array_equal(padded[:, 0], pairs)
    assert not padded[:, 1].any()


# -- seeds and states ------------------------------------------------------------------------------


def test_seeds() -> None:
    g = R.Generator()
    assert g.initial_seed() == 67280421310721
    assert g.manual_seed(-1) is g
    assert g.initial_seed() == 2**64 - 1
    low, high = (R.rand(9, generator=seeded(s)) for s in (7, 7 + 2**32))
    np.testing.assert_array_equal(low, high)
    first = g.seed()
    assert g.initial_seed() == first
    assert g.seed() != first
    assert str(g.device) == "cpu"


@pytest.mark.parametrize(("seed", "error"), [(2**64, ValueError), (1.5, RuntimeError)])
def test_seed_errors(seed: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="manual_seed"):
        R.Generator().manual_seed(seed)


def test_other_devices_are_refused() -> None:
    with pytest.raises(RuntimeError, match="'cuda' is not available"):
        R.Generator("cuda")


def test_state_bytes_are_those_of_pytorch() -> None:
    g = seeded(0)
    assert g.get_state().shape == (5056,)
    assert digest(g.get_state()) == "1ccf17250133dec5"
    R.rand(700, generator=g)
    R.randn(3, generator=g)
    assert digest(g.get_state()) == "70ddd0fcd50daab4"


def same_future(a: R.Generator, b: R.Generator) -> None:
    assert a.initial_seed() == b.initial_seed()
    np.testing.assert_array_equal(a.get_state(), b.get_state())
    np.testing.assert_array_equal(R.randn(3, generator=a), R.randn(3, generator=b))
    np.testing.assert_array_equal(R.rand(700, generator=a), R.rand(700, generator=b))


@pytest.mark.parametrize("words", [0, 1, 623, 624, 625, 10_000])
@pytest.mark.parametrize("normals", [0, 1, 2])
def test_copies(words: int, normals: int) -> None:
    g = seeded()
    R.rand(words, generator=g)
    R.randn(normals, generator=g)
    state = g.get_state()
    copies = [
        R.Generator().set_state(state),
        copy.copy(g),
        copy.deepcopy(g),
        pickle.loads(pickle.dumps(g)),
        g.clone_state(),
    ]
    for twin in copies:
        same_future(twin, g)
        g.set_state(state)
    assert R.rand(1, generator=copies[0]) == R.rand(1, generator=copies[1])


def test_a_state_is_a_snapshot() -> None:
    g = seeded()
    state = g.get_state()
    before = state.copy()
    R.rand(5000, generator=g)
    np.testing.assert_array_equal(state, before)
    g.set_state(state)
    state[:] = 0
    np.testing.assert_array_equal(R.rand(4, generator=g), R.rand(4, generator=seeded()))


def test_bad_states_are_refused_and_change_nothing() -> None:
    g, untouched = seeded(), seeded()
    good = g.get_state()
    for state, error in [
        (good.astype(np.float32), TypeError),
        (good[:-1], RuntimeError),
        (np.zeros_like(good), RuntimeError),
    ]:
        with pytest.raises(error, match="state"):
            g.set_state(state)
    moved = good.copy()
    moved[16] = 9  # a position that contradicts the count of words left
    with pytest.raises(RuntimeError, match="next=9"):
        g.set_state(moved)
    same_future(g, untouched)


def test_offsets_are_refused() -> None:
    with pytest.raises(RuntimeError, match="does not use offset"):
        R.Generator().get_offset()
    with pytest.raises(RuntimeError, match="does not use offset"):
        R.Generator().set_offset(1)


def test_what_users_see_can_be_set_above() -> None:
    class Shown(R.Generator):
        show_state = staticmethod(lambda state: ("state", state))
        show_device = staticmethod(lambda name: ("device", name))

    g = Shown()
    assert g.device == ("device", "cpu")
    assert g.get_state()[0] == "state"
    same_future(R.Generator().set_state(g.get_state()[1]), R.Generator())
    assert type(g.clone_state()) is type(copy.deepcopy(g)) is Shown


def test_a_numpy_with_another_memory_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generator, "_LAYOUT_IS_KNOWN", False)
    g = seeded()
    assert g._memory is None
    monkeypatch.undo()
    h = seeded()
    rates = np.full(50, 5.0)
    for n in (3, 623, 20_000):
        np.testing.assert_array_equal(R.randn(n, generator=g), R.randn(n, generator=h))
        np.testing.assert_array_equal(R.poisson(rates, g), R.poisson(rates, h))
        np.testing.assert_array_equal(g.get_state(), h.get_state())
    same_future(R.Generator().set_state(g.get_state()), h)


# -- sharing ---------------------------------------------------------------------------------------


def test_threads_share_a_stream_without_tearing_it() -> None:
    g, pieces, start = seeded(), [], threading.Barrier(8)

    def draw() -> None:
        start.wait()
        for _ in range(50):
            pieces.append(R.rand(37, np.float64, g).tobytes())

    threads = [threading.Thread(target=draw) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    whole = R.rand(400 * 37, np.float64, seeded()).reshape(400, 37)
    assert sorted(pieces) == sorted(row.tobytes() for row in whole)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_does_not_inherit_a_held_lock() -> None:
    script = """
import os, threading
from tinygrad_hw.kernels import random as R
held, done = threading.Event(), threading.Event()
def hold():
    with R.default_generator.lock:
        held.set()
        done.wait()
thread = threading.Thread(target=hold)
thread.start()
held.wait()
pid = os.fork()
if pid == 0:
    R.rand(3)
    os._exit(0)
done.set()
thread.join()
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True, timeout=60)


def run(script: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        timeout=120,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    return done.stdout.strip()


def test_ordinary_draws_do_not_load_numba() -> None:
    script = """
import sys
from tinygrad_hw.kernels import random as R
R.randn(100_000); R.randperm(1000); R.dropout_mask(10)
print("numba" in sys.modules)
"""
    assert run(script) == "False"


def test_numba_is_used_once_it_is_loaded_unless_told_not_to() -> None:
    pytest.importorskip("numba")
    script = """
import numba
from tinygrad_hw.kernels import generator
print(generator.compiled() is not None)
"""
    assert run(script, TINYGRAD_HW_KERNELS="") == "True"
    assert run(script, TINYGRAD_HW_KERNELS="numpy") == "False"


def test_the_default_stream_differs_between_processes() -> None:
    script = "from tinygrad_hw.kernels import random as R; print(R.default_generator.initial_seed())"
    assert run(script) != run(script)


# -- the compiled bodies ---------------------------------------------------------------------------


@pytest.fixture
def jit() -> Any:
    pytest.importorskip("numba")
    return importlib.import_module("tinygrad_hw.kernels.random_jit")


def test_compiled_words(jit: Any) -> None:
    for drawn in (0, 1, 226, 227, 623, 624):
        g, h = seeded(), seeded()
        g.words(drawn)
        h.words(drawn)
        for n in (1, 5, 623, 624, 625, 2000):
            out = np.empty(n, np.uint32)
            jit.fill_words(g._memory, out)
            np.testing.assert_array_equal(out, h.words(n))
        np.testing.assert_array_equal(g.get_state(), h.get_state())


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (0.3, 0.02), (-5.0, 0.0)])
def test_compiled_normals(jit: Any, mean: float, std: float) -> None:
    edges = np.array([0.0, 2.0**-24, 0.5, 1 - 2.0**-24, 0.25, 0.75, 0.125, 0.875], np.float32)
    for n in (16, 512, 528, 100_000):
        u = seeded().floats(n)
        u[:8] = edges
        u[8:16] = edges[::-1]
        wanted = random_normal.normal_blocks32(u, mean, std)
        np.testing.assert_array_equal(jit.normal_blocks32(u, mean, std).view(np.int32), wanted.view(np.int32))
        v = seeded().doubles(n)
        np.testing.assert_allclose(
            jit.normal_blocks64(v, mean, std),
            random_normal.normal_blocks64(v, mean, std),
            rtol=1e-14,
            atol=1e-15,
        )


def test_compiled_permutations(jit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    integers = importlib.import_module("tinygrad_hw.kernels.random_integers")
    for n in (1, 2, 33, 1000, 70_000):
        results = []
        for module in (None, jit):
            monkeypatch.setattr(generator, "_module", module)
            monkeypatch.setattr(generator, "_tried", True)
            g = seeded()
            results.append((integers._shuffled(n, g), integers._grown(n, g), g.get_state()))
        for a, b in zip(*results, strict=True):
            np.testing.assert_array_equal(a, b)
        for order in results[0][:2]:
            np.testing.assert_array_equal(np.sort(order), np.arange(n))


# -- the mathematics -------------------------------------------------------------------------------


def test_blocks_are_box_muller() -> None:
    u = seeded().floats(1600)
    a, b = u.reshape(-1, 2, 8).astype(np.float64).transpose(1, 0, 2)
    r, angle = np.sqrt(-2 * np.log(1 - a)), 2 * np.pi * b
    expected = np.stack([r * np.cos(angle), r * np.sin(angle)], 1).ravel()
    out = random_normal.normal_blocks32(u, 0.0, 1.0)
    np.testing.assert_allclose(out, expected, rtol=3e-6, atol=1e-6)


def test_fused_multiply_add_rounds_once() -> None:
    from fractions import Fraction

    rs = np.random.RandomState(0)
    a = rs.uniform(-1, 1, 300)
    for b, c in [(1.0, 0.0), (0.1, 0.3), (-3.7, 1e-3), (1 / 3, -0.7), (1e-8, 1e8), (0.0, 2.0)]:
        exact = [float(Fraction(x) * Fraction(b) + Fraction(c)) for x in a.tolist()]
        np.testing.assert_array_equal(random_normal.fma64(a, b, c), exact)


@pytest.mark.parametrize(
    ("draw", "mean", "std"),
    [
        (lambda g: R.rand(200_000, generator=g), 0.5, 12**-0.5),
        (lambda g: R.randn(200_000, generator=g), 0.0, 1.0),
        (lambda g: R.normal_(np.empty((2, 100_000)).T, 3.0, 2.0, g), 3.0, 2.0),
        (lambda g: R.exponential_(np.empty(200_000, np.float32), 0.5, g), 2.0, 2.0),
        (lambda g: R.geometric_(np.empty(200_000, np.int64), 0.25, g), 4.0, 12**0.5),
        (lambda g: R.poisson(np.full(100_000, 3.5, np.float32), g), 3.5, 3.5**0.5),
        (lambda g: R.poisson(np.full(100_000, 40.0, np.float32), g), 40.0, 40**0.5),
        (lambda g: R.bernoulli_(np.empty(200_000, np.float32), 0.2, g), 0.2, 0.4),
        (lambda g: R.randint(0, 7, 200_000, generator=g), 3.0, 2.0),
    ],
)
def test_moments(draw: Callable[[R.Generator], np.ndarray], mean: float, std: float) -> None:
    sample = draw(seeded()).astype(np.float64)
    error = std / np.sqrt(sample.size)
    assert abs(sample.mean() - mean) < 5 * error
    assert abs(sample.std() / std - 1) < 0.03


def test_truncated_normals_stay_inside_and_keep_their_shape() -> None:
    for a, b in [(-1.0, 1.5), (2.0, 2.5)]:  # by rejection from the bell, and from the interval
        out = R.trunc_normal_(np.empty(50_000), 0.0, 1.0, a, b, seeded())
        assert out.min() >= a
        assert out.max() <= b
        x = np.linspace(a, b, 20_001)
        weight = np.exp(-(x**2) / 2)
        assert abs(out.mean() - (x * weight).sum() / weight.sum()) < 0.01
    with pytest.warns(UserWarning, match="more than 2 std"):
        R.trunc_normal_(np.empty(3), 9.0, 1.0, 0.0, 1.0, seeded())


def test_chances_are_decided_by_all_53_bits() -> None:
    u = seeded().doubles(50)
    for p in u[:10].tolist():
        for chance in (np.nextafter(p, 0), p, np.nextafter(p, 1)):
            mask = R.bernoulli_(np.empty(50, np.bool_), float(chance), seeded())
            np.testing.assert_array_equal(mask, u < chance)


def test_masks() -> None:
    assert R.dropout_mask(5, 0.0).all()
    assert not R.dropout_mask(5, 1.0).any()
    g, h = seeded(), seeded()
    R.dropout_mask((3, 4), 0.0, g)
    R.dropout_mask((3, 4), 1.0, g)
    same_future(g, h)
    x = np.empty((30, 40), np.float32).T
    mask = R.dropout_mask(x, 0.25, seeded())
    assert mask.dtype == np.bool_
    assert mask.strides == (1, 40)
    np.testing.assert_array_equal(mask.T, R.dropout_mask((30, 40), 0.25, seeded()))
    assert R.feature_dropout_mask((4, 6, 5, 5), 0.5, seeded()).shape == (4, 6, 1, 1)
    with pytest.raises(ValueError, match="between 0 and 1"):
        R.dropout_mask(3, 1.5)
    with pytest.raises(RuntimeError, match="at least 2 dimensions"):
        R.feature_dropout_mask((4,), 0.5)


def test_multinomial_without_replacement_takes_each_index_once() -> None:
    weights = np.arange(1.0, 11.0)
    picks = R.multinomial(np.tile(weights, (2000, 1)), 10, False, seeded())
    np.testing.assert_array_equal(np.sort(picks, -1), np.tile(np.arange(10), (2000, 1)))
    first = np.bincount(picks[:, 0], minlength=10) / 2000
    np.testing.assert_allclose(first, weights / weights.sum(), atol=0.03)
    never = R.multinomial(np.array([0.0, 1.0, 0.0, 2.0]), 1000, True, seeded())
    assert set(never.tolist()) == {1, 3}


def test_uniforms_never_reach_the_upper_bound() -> None:
    for dtype in (np.float16, np.float32, np.float64):
        out = R.uniform_(np.empty(200_000, dtype), 1.0, 1.001, seeded())
        assert out.min() >= dtype(1.0)
        assert out.max() < dtype(1.001)
    assert (R.rand(100_000, np.float16, seeded()) < 1).all()


def test_the_default_generator_is_used() -> None:
    R.default_generator.manual_seed(3)
    np.testing.assert_array_equal(R.rand(4), R.rand(4, generator=seeded(3)))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: R.rand(3, np.int64), NotImplementedError, "'Long'"),
        (lambda: R.uniform_(np.empty(3), 2, 1), RuntimeError, "from=2.0 > to=1.0"),
        (lambda: R.normal_(np.empty(3), 0, -1), RuntimeError, "std -1.0"),
        (lambda: R.randint(5, 5, 3), RuntimeError, "from=5 >= to=5"),
        (lambda: R.randint(0, 300, 3, np.int8), RuntimeError, "to - 1=299"),
        (lambda: R.randint(0, 2**63 + 1, 3), RuntimeError, "bounds are int64"),
        (lambda: R.random_(np.empty(3, np.complex64)), NotImplementedError, "complex64"),
        (lambda: R.randperm(-1), RuntimeError, "negative"),
        (lambda: R.randperm(300, np.uint8), RuntimeError, "overflow"),
        (lambda: R.bernoulli_(np.empty(3), 1.5), RuntimeError, "p=1.5"),
        (lambda: R.bernoulli(np.array([0.5, 2.0])), RuntimeError, "from 0 to 1"),
        (lambda: R.normal(0.0, 1.0), TypeError, "both numbers"),
        (lambda: R.normal(np.zeros(3), np.ones(2)), RuntimeError, r"\(3,\).*\(2,\)"),
        (lambda: R.poisson(np.array([-1.0])), RuntimeError, "non-negative"),
        (lambda: R.multinomial(np.ones(2), 3), RuntimeError, "3 > 2"),
        (lambda: R.multinomial(np.array([1.0, np.nan]), 1), RuntimeError, "nan"),
        (lambda: R.multinomial(np.zeros(2), 1), RuntimeError, "sum of probabilities"),
        (lambda: R.exponential_(np.empty(3), 0.0), RuntimeError, "lambda=0"),
        (lambda: R.geometric_(np.empty(3), 1.0), RuntimeError, "p=1"),
        (lambda: R.cauchy_(np.empty(3, np.int32)), RuntimeError, "int32"),
        (lambda: R.log_normal_(np.empty(3), 0.0, 0.0), RuntimeError, "std=0"),
    ],
)
def test_errors(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_integers_that_a_float_cannot_hold_are_warned_of() -> None:
    with pytest.warns(UserWarning, match="Due to precision limitations float32") as caught:
        R.random_(np.empty(3, np.float32), 0, 2**25)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("name", ["generator", "random_chance", "random_continuous", "random_integers"])
def test_docstrings(name: str) -> None:
    module = importlib.import_module(f"tinygrad_hw.kernels.{name}")
    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert result.attempted > 0
    assert result.failed == 0
