"""Optimizers against PyTorch: trajectories, state, messages, text."""

from __future__ import annotations

import copy
import itertools
import warnings

import numpy as np
import pytest

from tinygrad_hw import optim
from tinygrad_hw.kernels import optim as kernels
from tinygrad_hw.tensor import Tensor

torch = pytest.importorskip("torch")

STEPS = 20
SHAPES = [(3, 4), (5,), (), (2, 3, 2, 2), (0, 3), (300,)]


def combinations(**options):
    """Every combination of the options' values."""
    return [dict(zip(options, values, strict=True)) for values in itertools.product(*options.values())]


def tables():
    """Return (optimizer name, options) for every option combination."""
    rows = [
        ("SGD", {"lr": 0.1, **kw})
        for kw in combinations(
            momentum=[0, 0.9],
            dampening=[0, 0.3],
            weight_decay=[0, 0.1],
            nesterov=[False, True],
            maximize=[False, True],
        )
        if not (kw["nesterov"] and (kw["momentum"] == 0 or kw["dampening"]))
    ]
    common = {"weight_decay": [0, 0.1], "maximize": [False, True]}
    for kw in combinations(amsgrad=[False, True], **common):
        rows.append(("Adam", {"lr": 0.01, **kw}))
        rows.append(("AdamW", {"lr": 0.01, **kw}))
    rows.append(("Adam", {"betas": (0.3, 0.5), "eps": 1e-3}))
    rows.append(("Adam", {"decoupled_weight_decay": True, "weight_decay": 0.1}))
    others = {
        "RMSprop": {"lr": [0.01], "momentum": [0, 0.9], "centered": [False, True]},
        "Adagrad": {"lr": [0.1], "lr_decay": [0, 0.1], "initial_accumulator_value": [0, 0.3]},
        "Adadelta": {"lr": [0.5], "rho": [0.9, 0.5]},
        "Adamax": {"lr": [0.01], "betas": [(0.9, 0.999), (0.3, 0.5)]},
        "NAdam": {"lr": [0.01], "decoupled_weight_decay": [False, True]},
        "RAdam": {
            "lr": [0.01],
            "betas": [(0.9, 0.999), (0.3, 0.5), (0.9, 0.9)],
            "decoupled_weight_decay": [False, True],
        },
        "ASGD": {"lr": [0.1], "lambd": [1e-4, 0.1], "t0": [1e6, 8.0]},
    }
    rows += [
        ("Rprop", kw)
        for kw in combinations(
            lr=[0.01], etas=[(0.5, 1.2), (0.3, 3.0)], step_sizes=[(1e-6, 50), (5e-3, 0.05)],
            maximize=[False, True],
        )
    ]  # fmt: skip
    rows.append(("NAdam", {"betas": (0.3, 0.5), "momentum_decay": 0.1, "eps": 1e-3}))
    rows += [(name, kw) for name in others for kw in combinations(**others[name], **common)]
    return rows


TABLE = tables()
NAMES = list(dict.fromkeys(name for name, _ in TABLE))


def row_id(row):
    return row[0] + "-" + "-".join(f"{k}={v}" for k, v in row[1].items())


def pair(rng, shape, dtype, layout="C"):
    """One parameter for each side, of the same values and memory layout."""
    array = np.asarray(rng.standard_normal(shape)).astype(dtype, order=layout)
    mine = Tensor._wrap(array.copy(order="K"))
    mine.requires_grad_()
    theirs = torch.from_numpy(array.copy(order="K")).requires_grad_()
    return mine, theirs


def give_grads(rng, mine, theirs, scale=1.0):
    """Give both sides the same new gradients."""
    for m, t in zip(mine, theirs, strict=True):
        g = np.asarray(rng.standard_normal(m.array.shape) * scale).astype(m.array.dtype)
        m.grad = Tensor._wrap(g.copy())
        t.grad = torch.from_numpy(g.copy())


def assert_same(mine, theirs, rtol, atol, what):
    """Compare to ``rtol`` of each value or of the largest: running sums cancel."""
    mine, theirs = np.asarray(mine), np.asarray(theirs)
    atol = max(atol, rtol * float(np.abs(theirs).max(initial=0)))
    np.testing.assert_allclose(mine, theirs, rtol=rtol, atol=atol, err_msg=what)


def assert_same_half(mine, theirs):
    """Compare float16 arrays; a few roundings that fall the other way may be amplified."""
    mine, theirs = mine.astype("f4"), theirs.astype("f4")
    off = ~np.isclose(mine, theirs, rtol=2e-3, atol=2e-3)
    assert off.sum() <= max(1, 0.01 * off.size)
    np.testing.assert_allclose(mine, theirs, rtol=0.03, atol=2e-3)


def assert_same_state(opt, ref, rtol, atol):
    """Compare the entries of both optimizers' state, names, dtypes and values."""
    mine, theirs = opt.state_dict()["state"], ref.state_dict()["state"]
    assert mine.keys() == theirs.keys()
    for k in theirs:
        assert list(mine[k]) == list(theirs[k])
        for name, value in theirs[k].items():
            if value is None:
                assert mine[k][name] is None
                continue
            assert isinstance(mine[k][name], Tensor), name
            assert str(mine[k][name].dtype) == str(value.dtype), name
            assert tuple(mine[k][name].shape) == tuple(value.shape), name
            assert_same(mine[k][name].array, value.detach(), rtol, atol, f"state {name}")


TOLERANCE = {"float64": (1e-12, 1e-14), "float32": (1e-6, 2e-7), "float16": (2e-3, 2e-3)}


@pytest.fixture(params=["fused", "reference"])
def body(request, monkeypatch):
    """Run a test on the fused kernels and on the numpy bodies."""
    if request.param == "reference":
        monkeypatch.setattr(kernels, "_kernels", dict)
    return request.param


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("row", TABLE, ids=row_id)
def test_trajectory(row, dtype, body):
    name, options = row
    rng = np.random.default_rng(0)
    mine, theirs = zip(*(pair(rng, s, dtype) for s in SHAPES), strict=True)
    opt = getattr(optim, name)(mine, **options)
    ref = getattr(torch.optim, name)(theirs, **options)
    rtol, atol = TOLERANCE[dtype]
    for _ in range(STEPS):
        give_grads(rng, mine, theirs)
        before = [m.grad.array.copy() for m in mine]
        opt.step()
        ref.step()
        for m, t, g in zip(mine, theirs, before, strict=True):
            assert str(m.dtype) == str(t.dtype)
            assert np.array_equal(m.grad.array, g), "the gradient was modified"
            if dtype == "float16":  # start each step equal
                assert_same_half(m.array, t.detach().numpy())
                m.array[...] = t.detach().numpy()
            else:
                assert_same(m.array, t.detach(), rtol, atol, row_id(row))
        if dtype == "float16":
            for m, t in zip(mine, theirs, strict=True):
                for key, value in ref.state.get(t, {}).items():
                    if value is not None:
                        got = opt.state[m][key].array
                        assert_same_half(got, value.numpy())
                        got[...] = value.numpy()
    assert_same_state(opt, ref, rtol, atol)


@pytest.mark.parametrize("layout", ["F", "strided", "grad-strided", "grad-broadcast"])
@pytest.mark.parametrize("name", NAMES)
def test_memory_layouts(name, layout):
    rng = np.random.default_rng(1)
    options = {"momentum": 0.9} if name in ("SGD", "RMSprop") else {}
    base = rng.standard_normal((6, 8)).astype(np.float32)
    start = base[::2, ::2] if layout == "strided" else base
    start = np.asfortranarray(start) if layout == "F" else start
    m = Tensor._wrap(start.copy(order="K") if layout != "strided" else base.copy()[::2, ::2])
    m.requires_grad_()
    t = torch.from_numpy(np.ascontiguousarray(start)).clone().requires_grad_()
    opt, ref = getattr(optim, name)([m], **options), getattr(torch.optim, name)([t], **options)
    for _ in range(5):
        g = rng.standard_normal(start.shape).astype(np.float32)
        if layout == "grad-strided":
            m.grad = Tensor._wrap(np.asfortranarray(g))
        elif layout == "grad-broadcast":
            g = np.broadcast_to(np.float32(rng.standard_normal()), start.shape)
            m.grad = Tensor._wrap(g)
        else:
            m.grad = Tensor._wrap(g.copy())
        t.grad = torch.from_numpy(g.copy())
        opt.step()
        ref.step()
    assert_same(m.array, t.detach(), 1e-6, 2e-7, f"{name} {layout}")


@pytest.mark.parametrize("row", TABLE[:: max(1, len(TABLE) // 25)], ids=row_id)
def test_descent_on_a_function(row):
    """Gradients from each side's own parameters: errors may feed back, and must stay small."""
    name, options = row
    rng = np.random.default_rng(2)
    a = rng.standard_normal((10, 6))
    b = rng.standard_normal(10)
    m, t = pair(rng, (6,), "float64")
    opt = getattr(optim, name)([m], **options)
    ref = getattr(torch.optim, name)([t], **options)
    for _ in range(STEPS):
        m.grad = Tensor._wrap(a.T @ (a @ m.array - b))
        t.grad = torch.from_numpy(a.T @ (a @ t.detach().numpy() - b))
        opt.step()
        ref.step()
    assert_same(m.array, t.detach(), 1e-12, 1e-13, row_id(row))


@pytest.mark.parametrize("param_dtype", ["float32", "float64"])
@pytest.mark.parametrize("lr_dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [n for n in NAMES if n != "Rprop"])
def test_tensor_lr(name, lr_dtype, param_dtype):
    rng = np.random.default_rng(3)
    m, t = pair(rng, (7,), param_dtype)
    lr = np.array(0.03, dtype=lr_dtype)
    rate = Tensor._wrap(lr.copy())
    opt = getattr(optim, name)([m], lr=rate, weight_decay=0.01)
    ref = getattr(torch.optim, name)([t], lr=torch.from_numpy(lr.copy()), weight_decay=0.01)
    for _ in range(5):
        give_grads(rng, [m], [t])
        opt.step()
        ref.step()
    assert opt.param_groups[0]["lr"] is rate
    rtol, atol = TOLERANCE[param_dtype]
    assert_same(m.array, t.detach(), rtol, atol, name)
    assert str(opt) == str(ref)


def test_tensor_betas():
    rng = np.random.default_rng(4)
    m, t = pair(rng, (7,), "float32")
    opt = optim.Adam([m], betas=tuple(Tensor._wrap(np.array(b, "float32")) for b in (0.9, 0.99)))
    ref = torch.optim.Adam([t], betas=(torch.tensor(0.9), torch.tensor(0.99)))
    for _ in range(5):
        give_grads(rng, [m], [t])
        opt.step()
        ref.step()
    assert_same(m.array, t.detach(), 1e-6, 2e-7, "betas")


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "Adagrad"])
def test_fused_flag(name):
    rng = np.random.default_rng(5)
    m, t = pair(rng, (7,), "float32")
    opt = getattr(optim, name)([m], lr=0.1, fused=True)
    ref = getattr(torch.optim, name)([t], lr=0.1, fused=True)
    for _ in range(5):
        give_grads(rng, [m], [t])
        opt.step()
        ref.step()
    assert_same(m.array, t.detach(), 1e-6, 2e-7, name)
    assert_same_state(opt, ref, 1e-6, 2e-7)


@pytest.mark.parametrize("name", NAMES)
def test_groups_missing_gradients_and_zero_grad(name):
    rng = np.random.default_rng(6)
    mine, theirs = zip(*(pair(rng, s, "float32") for s in [(3,), (2, 2), (4,)]), strict=True)
    groups = [{"params": [0, 1], "lr": 0.1}, {"params": [2], "weight_decay": 0.2}]

    def fill(tensors):
        return [{**g, "params": [tensors[i] for i in g["params"]]} for g in groups]

    opt = getattr(optim, name)(fill(mine), lr=0.01)
    ref = getattr(torch.optim, name)(fill(theirs), lr=0.01)
    for step in range(6):
        give_grads(rng, mine, theirs)
        if step % 2:
            mine[1].grad = theirs[1].grad = None
        opt.step()
        ref.step()
        for o in (opt, ref):
            o.zero_grad(set_to_none=step < 3)
        for m, t in zip(mine, theirs, strict=True):
            assert (m.grad is None) == (t.grad is None)
            assert m.grad is None or not m.grad.array.any()
    for m, t in zip(mine, theirs, strict=True):
        assert_same(m.array, t.detach(), 1e-6, 2e-7, name)
    assert_same_state(opt, ref, 1e-6, 2e-7)
    assert str(opt) == str(ref)


def test_closure():
    m = Tensor._wrap(np.array([1.0, 2.0]))
    m.requires_grad_()
    opt = optim.SGD([m], lr=0.1)

    def closure():
        opt.zero_grad()
        loss = (m * m).sum()
        loss.backward()
        return loss

    loss = opt.step(closure)
    assert loss.item() == 5.0
    np.testing.assert_allclose(m.array, [0.8, 1.6])


# -- saving ----------------------------------------------------------------------------------------


def to_torch(value):
    """Convert a state_dict of ours to one of PyTorch's."""
    if isinstance(value, Tensor):
        return torch.from_numpy(value.array.copy())
    if isinstance(value, dict):
        return {k: to_torch(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(to_torch(v) for v in value)
    return value


def to_ours(value):
    """Convert a state_dict of PyTorch's to one of ours."""
    if isinstance(value, torch.Tensor):
        return Tensor._wrap(value.detach().numpy().copy())
    if isinstance(value, dict):
        return {k: to_ours(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(to_ours(v) for v in value)
    return value


@pytest.mark.parametrize("row", TABLE[:: max(1, len(TABLE) // 30)], ids=row_id)
def test_state_dict_both_ways(row):
    """Train both, swap their states, train on: the trajectories must still agree."""
    name, options = row
    rng = np.random.default_rng(7)
    mine, theirs = zip(*(pair(rng, s, "float32") for s in [(3, 2), (4,)]), strict=True)
    opt = getattr(optim, name)(mine, **options)
    ref = getattr(torch.optim, name)(theirs, **options)
    for _ in range(3):
        give_grads(rng, mine, theirs)
        opt.step()
        ref.step()
    a, b = opt.state_dict(), ref.state_dict()
    assert a["param_groups"] == b["param_groups"]
    assert [list(g) for g in a["param_groups"]] == [list(g) for g in b["param_groups"]]
    opt2 = getattr(optim, name)(mine)
    ref2 = getattr(torch.optim, name)(theirs)
    opt2.load_state_dict(to_ours(b))
    ref2.load_state_dict(to_torch(a))
    assert str(opt2) == str(ref2)
    for _ in range(3):
        give_grads(rng, mine, theirs)
        opt2.step()
        ref2.step()
    for m, t in zip(mine, theirs, strict=True):
        assert_same(m.array, t.detach(), 1e-6, 2e-7, name)
    assert_same_state(opt2, ref2, 1e-6, 2e-7)


def test_load_casts_and_keeps_step():
    m = Tensor._wrap(np.zeros(2, np.float64))
    m.requires_grad_()
    t = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    state = {
        "step": np.array(3.0, np.float32),
        "exp_avg": np.ones(2, np.float32),
        "exp_avg_sq": np.ones(2, np.float32),
    }
    groups = torch.optim.Adam([t]).state_dict()["param_groups"]
    opt, ref = optim.Adam([m]), torch.optim.Adam([t])
    opt.load_state_dict({"state": {0: {k: Tensor._wrap(v) for k, v in state.items()}}, "param_groups": groups})
    ref.load_state_dict({"state": {0: {k: torch.from_numpy(v) for k, v in state.items()}}, "param_groups": groups})
    assert_same_state(opt, ref, 0, 0)


def test_old_state_with_numbers_for_steps():
    m = Tensor._wrap(np.zeros(2, np.float32))
    m.requires_grad_()
    opt = optim.Adam([m])
    saved = opt.state_dict()
    zeros = Tensor._wrap(np.zeros(2, np.float32))
    saved["state"] = {0: {"step": 3, "exp_avg": zeros, "exp_avg_sq": zeros}}
    for key in ("maximize", "fused", "amsgrad", "foreach", "capturable", "differentiable"):
        del saved["param_groups"][0][key]
    opt.load_state_dict(saved)
    step = opt.state[m]["step"].array
    assert step == np.float32(3)
    assert step.dtype == "f4"
    assert opt.param_groups[0]["fused"] is None
    assert opt.param_groups[0]["maximize"] is False


# -- construction ----------------------------------------------------------------------------------

BAD_OPTIONS = [
    ("SGD", {"lr": -1.0}),
    ("SGD", {"momentum": -0.5}),
    ("SGD", {"weight_decay": -0.5}),
    ("SGD", {"nesterov": True}),
    ("SGD", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}),
    ("SGD", {"fused": True, "foreach": True}),
    ("SGD", {"fused": True, "differentiable": True}),
    *(
        (name, kw)
        for name in ("Adam", "AdamW", "Adamax")
        for kw in (
            {"lr": -1.0},
            {"eps": -1e-8},
            {"betas": (1.0, 0.999)},
            {"betas": (0.9, -0.1)},
            {"weight_decay": -1},
        )
    ),
    ("Adam", {"betas": (0, 0.9)}),
    ("Adam", {"fused": True, "foreach": True}),
    ("RMSprop", {"lr": -1.0}),
    ("RMSprop", {"eps": -1.0}),
    ("RMSprop", {"momentum": -1.0}),
    ("RMSprop", {"weight_decay": -1.0}),
    ("RMSprop", {"alpha": -1.0}),
    ("Adagrad", {"lr": -1.0}),
    ("Adagrad", {"lr_decay": -1.0}),
    ("Adagrad", {"weight_decay": -1.0}),
    ("Adagrad", {"initial_accumulator_value": -1.0}),
    ("Adagrad", {"eps": -1.0}),
    ("Adadelta", {"lr": -1.0}),
    ("Adadelta", {"rho": 1.1}),
    ("Adadelta", {"eps": -1.0}),
    ("Adadelta", {"weight_decay": -1.0}),
    *((name, {"lr": -1.0}) for name in ("NAdam", "RAdam", "ASGD", "Rprop", "LBFGS")),
    *((name, {"eps": -1.0}) for name in ("NAdam", "RAdam")),
    *((name, {"betas": (0.9, 1.0)}) for name in ("NAdam", "RAdam")),
    *((name, {"weight_decay": -1.0}) for name in ("NAdam", "RAdam", "ASGD")),
    ("NAdam", {"momentum_decay": -1.0}),
    ("Rprop", {"etas": (1.5, 1.2)}),
]


@pytest.mark.parametrize("row", BAD_OPTIONS, ids=row_id)
def test_bad_options(row):
    name, options = row
    with pytest.raises((ValueError, RuntimeError)) as theirs:
        getattr(torch.optim, name)([torch.zeros(1, requires_grad=True)], **options)
    m = Tensor._wrap(np.zeros(1, np.float32))
    m.requires_grad_()
    with pytest.raises(theirs.type) as ours:
        getattr(optim, name)([m], **options)
    assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize("name", NAMES)
def test_bad_tensor_lr(name):
    m = Tensor._wrap(np.zeros(1, np.float32))
    m.requires_grad_()
    with pytest.raises(ValueError) as theirs:
        getattr(torch.optim, name)([torch.zeros(1, requires_grad=True)], lr=torch.ones(2))
    with pytest.raises(ValueError) as ours:
        getattr(optim, name)([m], lr=Tensor._wrap(np.ones(2, np.float32)))
    assert str(ours.value) == str(theirs.value)


def leaves(make):
    a, b = make(), make()
    return a, b


def bad_params(make):
    """Wrong ``params`` arguments, built from a factory of leaf tensors."""
    a, b = make(), make()
    return {
        "empty": [],
        "tensor": a,
        "non-leaf": [a * 2],
        "no tensor": [a, 3],
        "string": ["weight"],
        "set": [{"params": {a, b}}],
        "twice": [{"params": [a]}, {"params": [a]}],
        "some names": [("a", a), b],
        "names in one group": [{"params": [("a", a)]}, {"params": [b]}],
        "no names in one group": [{"params": [a]}, {"params": [("b", b)]}],
    }


def make_ours():
    m = Tensor._wrap(np.zeros(2, np.float32))
    m.requires_grad_()
    return m


def make_theirs():
    return torch.zeros(2, requires_grad=True)


@pytest.mark.parametrize("case", list(bad_params(make_ours)))
def test_bad_params(case):
    with pytest.raises((TypeError, ValueError)) as theirs:
        torch.optim.SGD(bad_params(make_theirs)[case], lr=0.1)
    with pytest.raises(theirs.type) as ours:
        optim.SGD(bad_params(make_ours)[case], lr=0.1)
    assert str(ours.value) == str(theirs.value)


def test_group_that_is_no_dict():
    for make, package in ((make_ours, optim), (make_theirs, torch.optim)):
        opt = package.SGD([make()])
        with pytest.raises(TypeError, match="param_group must be a dict, but got <class 'list'>"):
            opt.add_param_group([make()])


def test_duplicates_warn():
    for make, package in ((make_theirs, torch.optim), (make_ours, optim)):
        p = make()
        with pytest.warns(UserWarning, match="duplicate parameters; in future"):
            package.SGD([p, p])


def test_required_option():
    from tinygrad_hw.optim.optimizer import Optimizer, required

    class Needy(Optimizer):
        def __init__(self, params):
            super().__init__(params, {"lr": required})

    with pytest.raises(ValueError, match="didn't specify a value of required optimization parameter lr"):
        Needy([make_ours()])
    assert Needy([{"params": [make_ours()], "lr": 2.0}]).param_groups[0]["lr"] == 2.0


@pytest.mark.parametrize("row", TABLE[:: max(1, len(TABLE) // 20)], ids=row_id)
def test_repr(row):
    name, options = row
    mine = getattr(optim, name)([("w", make_ours())], **options)
    theirs = getattr(torch.optim, name)([("w", make_theirs())], **options)
    mine.add_param_group({"params": [("b", make_ours())], "lr": 3})
    theirs.add_param_group({"params": [("b", make_theirs())], "lr": 3})
    assert repr(mine) == repr(theirs)
    assert list(mine.defaults) == list(theirs.defaults)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("SGD", "Adagrad")])
def test_capturable(name):
    for make, package in ((make_theirs, torch.optim), (make_ours, optim)):
        p = make()
        opt = getattr(package, name)([p], capturable=True)
        p.grad = p.detach().clone()
        with pytest.raises(AssertionError, match=r"If capturable=True, params.* and state_steps"):
            opt.step()


@pytest.mark.parametrize("name", [*NAMES, "LBFGS"])
def test_signature(name):
    import inspect

    mine = inspect.signature(getattr(optim, name)).parameters
    theirs = inspect.signature(getattr(torch.optim, name)).parameters
    assert list(mine) == list(theirs)
    for key in mine:
        assert mine[key].default == theirs[key].default, key
        assert mine[key].kind == theirs[key].kind, key


def test_deepcopy_and_pickle():
    import pickle

    rng = np.random.default_rng(8)
    m, t = pair(rng, (3,), "float32")
    opt, ref = optim.Adam([m]), torch.optim.Adam([t])
    give_grads(rng, [m], [t])
    opt.step(), ref.step()
    for again, other in (
        (copy.deepcopy(opt), copy.deepcopy(ref)),
        (pickle.loads(pickle.dumps(opt)), pickle.loads(pickle.dumps(ref))),
    ):
        assert str(again) == str(other)
        p, q = again.param_groups[0]["params"][0], other.param_groups[0]["params"][0]
        assert p is not m
        give_grads(rng, [p], [q])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            again.step(), other.step()
        assert_same(p.array, q.detach(), 1e-6, 2e-7, "copy")
        assert_same_state(again, other, 1e-6, 2e-7)
