"""The fused optimizer kernels against their numpy bodies, and what they must decline."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tinygrad_hw.kernels import optim as kernels

if not kernels.compiled_kernels():
    pytest.skip("the numpy bodies run alone here", allow_module_level=True)

from tinygrad_hw.kernels import optim_fused as fused

CHUNK = fused._CHUNK

#: For each rule: optional states (as positions in the state), number of states, whether it counts
#: steps, and rows of numbers that between them reach every branch.
RULES = {
    "sgd": (
        [0],
        1,
        False,
        [(0.1, 0.9, d, w, n, m) for d, w, n, m in [(0, 0, 0, 0), (0.2, 0.1, 0, 1), (0, 0.1, 1, 0)]],
    ),
    "adam": (
        [2],
        3,
        True,
        [
            (0.01, 0.9, 0.99, 1e-8, 0.0, 0, 0),
            (0.01, 0.9, 0.99, 1e-8, 0.1, 0, 1),
            (0.01, 0.3, 0.5, 1e-3, 0.1, 1, 0),
        ],
    ),
    "rmsprop": (
        [1, 2],
        3,
        True,
        [
            (0.01, 0.99, 1e-8, 0.0, 0.9, 0),
            (0.01, 0.9, 1e-8, 0.1, 0.9, 1),
            (0.01, 0.4, 1e-2, 0.1, 0.5, 0),
        ],
    ),
    "adagrad": ([], 1, True, [(0.1, 0.0, 1e-10, 0.0, 0), (0.1, 0.2, 1e-3, 0.1, 1)]),
    "adadelta": ([], 2, True, [(1.0, 0.9, 1e-6, 0.0, 0), (0.5, 0.5, 1e-3, 0.1, 1)]),
    "adamax": (
        [],
        2,
        True,
        [(0.01, 0.9, 0.99, 1e-8, 0.0, 0), (0.01, 0.3, 0.5, 1e-3, 0.1, 1)],
    ),
    "nadam": (
        [],
        2,
        False,
        [
            (0.01, 0.02, 0.9, 0.99, 0.1, 1e-8, 1.0, 0.0, 0),
            (0.01, 0.02, 0.3, 0.5, 0.2, 1e-3, 1.0, 0.1, 1),
            (0.01, 0.02, 0.3, 0.5, 0.2, 1e-3, 0.9, 0.0, 0),
        ],
    ),
    "radam": (
        [],
        2,
        True,
        [
            (0.01, 0.9, 0.99, 1e-8, 0.0, 0, 0),
            (0.01, 0.3, 0.99, 1e-3, 0.1, 0, 1),
            (0.01, 0.3, 0.5, 1e-3, 0.1, 1, 0),
        ],
    ),
    "asgd": ([], 1, False, [(0.999, 0.1, 1.0, 0.0, 0), (0.9, 0.1, 0.25, 0.1, 1)]),
    "rprop": ([], 2, False, [(0.5, 1.2, 1e-6, 50.0, 0), (0.3, 3.0, 0.7, 1.5, 1)]),
}


#: States that may be negative, as (rule, position).
SIGNED = {
    *((rule, 0) for rule in ("sgd", "adam", "adamax", "nadam", "radam", "asgd", "rprop")),
    ("rmsprop", 1),
    ("rmsprop", 2),
}


def cases():
    for rule, (optional, _, _, numbers) in RULES.items():
        for absent in itertools.chain.from_iterable(
            itertools.combinations(optional, k) for k in range(len(optional) + 1)
        ):
            for i, hyper in enumerate(numbers):
                yield pytest.param(rule, absent, hyper, id=f"{rule}-without{list(absent)}-{i}")


def problem(rng, rule, absent, shapes, dtype):
    """Return columns (parameters, gradients, states) and step counts, all random."""
    _, states, counted, _ = RULES[rule]

    def draw(positive=False):
        out = [np.asarray(rng.standard_normal(s)).astype(dtype) for s in shapes]
        return [np.asarray(np.abs(a) + a.dtype.type(0.5)) for a in out] if positive else out

    columns = [draw(), draw()]
    for s in range(states):
        signed = (rule, s) in {
            ("sgd", 0),
            ("adam", 0),
            ("adamax", 0),
            ("rmsprop", 1),
            ("rmsprop", 2),
        }
        columns.append(None if s in absent else draw(positive=not signed))
    if rule == "rmsprop" and columns[3] is not None:  # a mean square exceeds the squared mean
        columns[2] = [np.asarray(v + 3 + a * a) for v, a in zip(columns[2], columns[3], strict=True)]
    steps = [np.array(float(k), np.float32) for k in range(len(shapes))] if counted else None
    return columns, steps


def copy_of(columns, steps):
    copies = [None if c is None else [a.copy(order="K") for a in c] for c in columns]
    return copies, None if steps is None else [s.copy() for s in steps]


def run_reference(rule, columns, steps, hyper):
    kernels._by_reference(kernels.REFERENCE[rule], range(len(columns[0])), columns, steps, hyper)


def assert_equal(mine, want, dtype):
    eps = float(np.finfo(dtype).eps)
    for a, b in zip(mine, want, strict=True):
        if a is None:
            assert b is None
            continue
        for x, y in zip(a, b, strict=True):
            scale = float(np.abs(y).max(initial=1.0))
            np.testing.assert_allclose(x, y, rtol=16 * eps, atol=16 * eps * scale)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("rule", "absent", "hyper"), list(cases()))
def test_fused_equals_reference(rule, absent, hyper, dtype):
    rng = np.random.default_rng(0)
    shapes = [(3, 4), (), (0, 2), (7,), (2, 3, 4, 5), (CHUNK - 1,), (CHUNK,), (2 * CHUNK + 1,)]
    columns, steps = problem(rng, rule, absent, shapes, dtype)
    want, want_steps = copy_of(columns, steps)
    for _ in range(3):
        assert kernels._fused(fused.KERNELS[rule], columns, steps, hyper) == ()
        run_reference(rule, want, want_steps, hyper)
    assert_equal(columns, want, dtype)
    for a, b in zip(columns[1], want[1], strict=True):
        assert np.array_equal(a, b), "the kernel wrote into a gradient"
    if steps is not None:
        assert [float(s) for s in steps] == [k + 3.0 for k in range(len(shapes))]


@pytest.mark.parametrize("rule", ["sgd", "adam", "rmsprop"])
def test_threads_do_not_change_a_bit(rule):
    """The chunks are the same and every element is on its own."""
    rng = np.random.default_rng(4)
    shapes = [(3 * CHUNK + 5,), (100, 100), (1,), (2 * CHUNK - 1,)]
    columns, steps = problem(rng, rule, (), shapes, "float32")
    others, other_steps = copy_of(columns, steps)
    hyper = tuple(map(float, RULES[rule][3][1]))
    for lists, work in (((*columns, steps), 0), ((*others, other_steps), 1e9)):
        addresses = tuple(0 if c is None else id(c) for c in lists)
        like = np.ones(1, np.float32)
        assert fused.KERNELS[rule](addresses, len(shapes), like, hyper, id(np.ndarray), work=work)
    for a, b in zip(columns, others, strict=True):
        for x, y in zip(a, b, strict=True):
            assert np.array_equal(x, y)


@pytest.mark.parametrize("rule", RULES)
def test_only_the_arrays_are_written(rule):
    """Every array is a window in a larger one; the margins must stay as they are."""
    rng = np.random.default_rng(1)
    sizes = [1, 5, 16, 33]
    columns, steps = problem(rng, rule, (), [(n,) for n in sizes], "float32")
    buffers = []
    for column in columns:
        for i, array in enumerate(column):
            buffer = np.full(array.size + 64, 12345.0, np.float32)
            buffer[32:-32] = array
            column[i] = buffer[32:-32]
            buffers.append(buffer)
    assert kernels._fused(fused.KERNELS[rule], columns, steps, RULES[rule][3][1]) == ()
    for buffer in buffers:
        assert (buffer[:32] == 12345.0).all()
        assert (buffer[-32:] == 12345.0).all()


def unaligned(n):
    array = np.zeros(4 * n + 1, np.uint8)[1:].view(np.float32)
    array[...] = np.arange(n)
    return array


def read_only(n):
    array = np.ones(n, np.float32)
    array.flags.writeable = False
    return array


ODD = {
    "strided": lambda: np.ones((4, 4), np.float32)[:, ::2],
    "broadcast": lambda: np.broadcast_to(np.float32(1), (3, 3)),
    "byte-swapped": lambda: np.ones(4, np.float32).astype(np.dtype(np.float32).newbyteorder("S")),
    "half": lambda: np.ones(4, np.float16),
    "integer": lambda: np.ones(4, np.int32),
    "unaligned": lambda: unaligned(4),
}


@pytest.mark.parametrize("row", [0, 1, 2])
@pytest.mark.parametrize("kind", ODD)
def test_declined(kind, row):
    """An array of another form, in any column, sends its parameter to the reference, not others."""
    odd = ODD[kind]()
    good = [np.ones(3, np.float32) for _ in range(3)]
    columns = [[g, np.ones(odd.shape, np.float32), g.copy()] for g in good]
    columns[row][1] = odd
    before = odd.copy()
    assert kernels._fused(fused.KERNELS["sgd"], columns, None, (0.1, 0.9, 0, 0, 0, 0)) == [1]
    assert np.array_equal(odd, before)
    assert not np.array_equal(columns[0][0], np.ones(3))


def test_declined_sizes():
    columns = [[np.ones(3, np.float32)], [np.ones(4, np.float32)], None]
    assert kernels._fused(fused.KERNELS["sgd"], columns, None, (0.1, 0.0, 0, 0, 0, 0)) == [0]


def test_lists_of_different_lengths_are_an_error():
    columns = [[np.ones(3, np.float32)] * 2, [np.ones(3, np.float32)], None]
    with pytest.raises(IndexError):
        kernels.update("sgd", columns, None, (0.1, 0.0, 0, 0, 0, 0))


def test_tuples_will_do():
    p, g = np.ones(3, np.float32), np.ones(3, np.float32)
    kernels.update("sgd", ((p,), (g,), None), None, (0.5, 0.0, 0, 0, 0, 0))
    assert p.tolist() == [0.5, 0.5, 0.5]


def test_layouts_must_agree():
    """All row-major or all column-major is one dense run; a mixture is not."""
    c, f = np.ones((2, 3), np.float32), np.ones((2, 3), np.float32, order="F")
    rule = fused.KERNELS["sgd"]
    hyper = (0.1, 0.0, 0, 0, 0, 0)
    assert kernels._fused(rule, [[f.copy("K")], [f], None], None, hyper) == ()
    assert kernels._fused(rule, [[c.copy()], [f], None], None, hyper) == [0]


def test_read_only_arrays():
    hyper = (0.1, 0.0, 0, 0, 0, 0)
    rule = fused.KERNELS["sgd"]
    assert kernels._fused(rule, [[np.ones(3, np.float32)], [read_only(3)], None], None, hyper) == ()
    columns = [[read_only(3)], [np.ones(3, np.float32)], None]
    assert kernels._fused(rule, columns, None, hyper) == [0]
    with pytest.raises(ValueError, match="read-only"):
        kernels.update("sgd", columns, None, hyper)


def test_what_is_no_array_is_declined():
    """A numpy scalar or an ndarray subclass where an array belongs is left to the reference."""
    hyper = (0.5, 0.0, 0, 0, 0, 0)
    rule = fused.KERNELS["sgd"]
    for odd in (np.float32(1.0), np.ma.ones(1, np.float32), None, 3.0, "text"):
        columns = [[np.ones(1, np.float32)], [odd], None]
        assert kernels._fused(rule, columns, None, hyper) == [0]


def test_mixed_dtypes_in_one_call():
    rng = np.random.default_rng(2)
    kinds = ["float32", "float64", "float16", "float64", "float32"]
    params = [rng.standard_normal(5).astype(k) for k in kinds]
    grads = [rng.standard_normal(5).astype(k) for k in kinds]
    want = [(p - p.dtype.type(0.5) * g).astype(p.dtype) for p, g in zip(params, grads, strict=True)]
    hyper = (0.5, 0.0, 0, 0, 0, 0)
    assert kernels._fused(fused.KERNELS["sgd"], [list(map(np.copy, params)), grads, None], None, hyper) == [2]
    kernels.update("sgd", [params, grads, None], None, hyper)
    for p, w in zip(params, want, strict=True):
        np.testing.assert_allclose(p, w, rtol=1e-3 if p.dtype == np.float16 else 1e-6)


def test_unpickled_arrays_are_taken():
    """Their dtype object is not numpy's singleton."""
    import pickle

    array = pickle.loads(pickle.dumps(np.ones(3, np.float32)))
    columns = [[array], [np.ones(3, np.float32)], None]
    assert kernels._fused(fused.KERNELS["sgd"], columns, None, (0.5, 0, 0, 0, 0, 0)) == ()
    assert array.tolist() == [0.5, 0.5, 0.5]


def test_step_counts_of_either_precision():
    for kind in (np.float32, np.float64):
        step = np.array(4, kind)
        columns = [[np.ones(2, np.float32)], [np.ones(2, np.float32)], [np.zeros(2, np.float32)]]
        assert kernels._fused(fused.KERNELS["adagrad"], columns, [step], (0.1, 0, 0, 0, 0)) == ()
        assert step == 5
        assert step.dtype == kind


def test_special_values():
    """An infinite parameter without decay, and a NaN gradient, behave as in the formula."""
    p = np.array([np.inf, 1.0, 1.0], np.float32)
    g = np.array([1.0, np.nan, np.inf], np.float32)
    for rule in RULES:
        columns, steps = problem(np.random.default_rng(3), rule, (), [(3,)], "float32")
        columns[0], columns[1] = [p.copy()], [g.copy()]
        want, want_steps = copy_of(columns, steps)
        hyper = RULES[rule][3][0]
        assert kernels._fused(fused.KERNELS[rule], columns, steps, hyper) == ()
        run_reference(rule, want, want_steps, hyper)
        np.testing.assert_array_equal(np.isnan(columns[0][0]), np.isnan(want[0][0]), rule)
        np.testing.assert_array_equal(np.isinf(columns[0][0]), np.isinf(want[0][0]), rule)


def test_empty_call():
    kernels.update("adam", ([], [], [], [], None), [], (0.1, 0.9, 0.99, 0, 0, 0, 0))


def test_array_layout_check(monkeypatch):
    assert fused.layout_is_known()
    for name in ("_LENGTH", "_TYPE", "_DATA", "_NDIM", "_DESCR", "_FLAGS", "_BYTE_ORDER", "_TYPE_NUMBER"):
        with monkeypatch.context() as patch:
            patch.setattr(fused, name, getattr(fused, name) + (8 if name == "_DATA" else 1))
            assert not fused.layout_is_known(), name
    monkeypatch.setattr(fused, "_TYPE_NUMBER", fused._TYPE_NUMBER + 4)
    kernels._load_fused.cache_clear()
    assert kernels._kernels() == {}
    kernels._load_fused.cache_clear()


def test_kernels_can_be_switched_off(monkeypatch):
    monkeypatch.setattr(kernels, "compiled_kernels", lambda: False)
    assert kernels._kernels() == {}
    p, g = np.ones(3, np.float32), np.ones(3, np.float32)
    kernels.update("sgd", ([p], [g], None), None, (0.5, 0.0, 0, 0, 0, 0))
    assert p.tolist() == [0.5, 0.5, 0.5]
    monkeypatch.undo()
    assert kernels._kernels() is fused.KERNELS


def test_every_rule_has_both_bodies():
    assert set(kernels.REFERENCE) == set(fused.KERNELS) == set(RULES)
