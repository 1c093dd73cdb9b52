"""Learning-rate schedulers against PyTorch: sequences, saving, messages."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from tinygrad_hw import optim
from tinygrad_hw.optim import lr_scheduler
from tinygrad_hw.tensor import Tensor

torch = pytest.importorskip("torch")
reference = torch.optim.lr_scheduler

STEPS = 60


class Factor:
    """A callable object, whose attributes a scheduler saves."""

    def __init__(self, base):
        self.base = base

    def __call__(self, epoch):
        return self.base**epoch


def chained(package, opt):
    parts = [package.ConstantLR(opt, factor=0.1, total_iters=20), package.ExponentialLR(opt, 0.9)]
    return package.ChainedScheduler(parts, optimizer=opt)


def sequential(package, opt):
    parts = [
        package.LinearLR(opt, start_factor=0.1, total_iters=10),
        package.CosineAnnealingLR(opt, T_max=20),
        package.ExponentialLR(opt, 0.9),
    ]
    return package.SequentialLR(opt, parts, milestones=[10, 30])


def sequential_restarts(package, opt):
    parts = [
        package.ConstantLR(opt, factor=0.5, total_iters=7),
        package.CosineAnnealingWarmRestarts(opt, T_0=5, T_mult=2),
    ]
    return package.SequentialLR(opt, parts, milestones=[7])


def nested(package, opt):
    inner = package.SequentialLR(
        opt,
        [package.ConstantLR(opt, 0.25, 5), package.StepLR(opt, 3, 0.8)],
        milestones=[5],
    )
    return package.SequentialLR(opt, [inner, package.ExponentialLR(opt, 0.95)], milestones=[20])


def chained_sequential(package, opt):
    return package.ChainedScheduler([sequential(package, opt), package.StepLR(opt, 13, 0.5)])


def make(name, *args, **kwargs):
    return lambda package, opt: getattr(package, name)(opt, *args, **kwargs)


CASES = {
    "lambda": make("LambdaLR", lambda e: 0.95**e),
    "lambda-list": make("LambdaLR", [lambda e: 0.95**e, lambda e: 1 / (e + 1)]),
    "lambda-object": make("LambdaLR", Factor(0.9)),
    "multiplicative": make("MultiplicativeLR", lambda e: 0.97 if e % 2 else 1.01),
    "multiplicative-list": make("MultiplicativeLR", [lambda e: 0.9, lambda e: 0.99]),
    "step": make("StepLR", 7),
    "step-gamma": make("StepLR", step_size=3, gamma=0.7),
    "multistep": make("MultiStepLR", [5, 9, 9, 33]),
    "multistep-gamma": make("MultiStepLR", milestones=(2, 50), gamma=0.5),
    "constant": make("ConstantLR"),
    "constant-30": make("ConstantLR", factor=0.2, total_iters=30),
    "linear": make("LinearLR"),
    "linear-down": make("LinearLR", start_factor=1.0, end_factor=0.1, total_iters=40),
    "linear-to-zero": make("LinearLR", start_factor=0.5, end_factor=0.0, total_iters=25),
    "exponential": make("ExponentialLR", 0.93),
    "polynomial": make("PolynomialLR"),
    "polynomial-power": make("PolynomialLR", total_iters=45, power=2.5),
    "cosine": make("CosineAnnealingLR", 20),
    "cosine-min": make("CosineAnnealingLR", T_max=50, eta_min=0.01),
    "cosine-1": make("CosineAnnealingLR", 1),
    "restarts": make("CosineAnnealingWarmRestarts", 10),
    "restarts-mult": make("CosineAnnealingWarmRestarts", T_0=4, T_mult=2, eta_min=0.001),
    "cyclic": make("CyclicLR", 0.01, 0.1, step_size_up=8),
    "cyclic-2": make("CyclicLR", 0.01, 0.1, step_size_up=5, step_size_down=9, mode="triangular2"),
    "cyclic-exp": make("CyclicLR", 0.01, 0.1, step_size_up=5, mode="exp_range", gamma=0.97),
    "cyclic-fn": make("CyclicLR", 0.01, 0.1, step_size_up=5, scale_fn=lambda x: 0.9**x),
    "cyclic-fn-iterations": make(
        "CyclicLR", 0.01, 0.1, step_size_up=5, scale_fn=lambda x: 0.99**x, scale_mode="iterations"
    ),
    "cyclic-object": make("CyclicLR", 0.01, 0.1, step_size_up=5, scale_fn=Factor(0.9)),
    "cyclic-lists": make("CyclicLR", [0.01, 0.02], [0.1, 0.3], step_size_up=4),
    "cyclic-no-momentum": make("CyclicLR", 0.01, 0.1, step_size_up=4, cycle_momentum=False),
    "onecycle": make("OneCycleLR", 0.5, total_steps=60),
    "onecycle-epochs": make("OneCycleLR", max_lr=0.5, epochs=6, steps_per_epoch=11, pct_start=0.4),
    "onecycle-three": make("OneCycleLR", 0.5, total_steps=70, three_phase=True),
    "onecycle-linear": make("OneCycleLR", [0.5, 1.0], total_steps=65, anneal_strategy="linear", div_factor=10.0),
    "onecycle-linear-three": make("OneCycleLR", 0.5, total_steps=65, anneal_strategy="linear", three_phase=True),
    "onecycle-no-momentum": make("OneCycleLR", 0.5, total_steps=60, cycle_momentum=False),
    "chained": chained,
    "sequential": sequential,
    "sequential-restarts": sequential_restarts,
    "nested": nested,
    "chained-sequential": chained_sequential,
}


def our_param():
    p = Tensor._wrap(np.zeros(2, np.float32))
    p.requires_grad_()
    return p


def their_param():
    return torch.zeros(2, requires_grad=True)


def optimizers(kind="SGD", lr=0.1, tensor_lr=False):
    """One optimizer for each side, with two groups."""
    out = []
    for param, package in ((our_param, optim), (their_param, torch.optim)):
        rate = lr
        if tensor_lr:
            wrap = Tensor._wrap if package is optim else torch.from_numpy
            rate = wrap(np.array(lr))
        options = {"momentum": 0.9} if kind == "SGD" else {}
        groups = [{"params": [param()]}, {"params": [param()], "lr": lr * 3}]
        out.append(getattr(package, kind)(groups, lr=rate, **options))
    return out


def facts(opt):
    """The values a scheduler may drive."""
    return [(float(g["lr"]), g.get("momentum"), g.get("betas")) for g in opt.param_groups]


def same(mine, theirs):
    assert len(mine) == len(theirs)
    for a, b in zip(mine, theirs, strict=True):
        assert a == b, (a, b)


# Making nested schedules steps schedulers before the optimizer, on both sides.
quiet = pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")


@quiet
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_sequence(case, kind):
    """Rates and momenta are bitwise PyTorch's: the arithmetic is the same Python floats."""
    opt, ref = optimizers(kind)
    mine, theirs = CASES[case](lr_scheduler, opt), CASES[case](reference, ref)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(STEPS):
            same(facts(opt), facts(ref))
            same(mine.get_last_lr(), theirs.get_last_lr())
            opt.step()
            ref.step()
            mine.step()
            theirs.step()
    same(facts(opt), facts(ref))
    assert getattr(mine, "last_epoch", None) == getattr(theirs, "last_epoch", None)


def plain(value):
    """Make two packages' states comparable."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value.item() if isinstance(value, (Tensor, torch.Tensor)) else value


@quiet
@pytest.mark.parametrize("case", CASES)
def test_state_dict(case):
    """Save midway, load into the other package, go on: states and sequences agree."""
    (opt, ref), (opt2, ref2) = optimizers(), optimizers()
    mine, theirs = CASES[case](lr_scheduler, opt), CASES[case](reference, ref)
    mine2, theirs2 = CASES[case](lr_scheduler, opt2), CASES[case](reference, ref2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(17):
            for s in (mine, theirs):
                s.step()
        a, b = mine.state_dict(), theirs.state_dict()
        assert plain(a) == plain(b)
        before = dict(a)
        mine2.load_state_dict(dict(b))
        theirs2.load_state_dict(dict(a))
        assert a == before
        opt2.load_state_dict({"state": {}, "param_groups": ref.state_dict()["param_groups"]})
        ref2.load_state_dict({"state": {}, "param_groups": opt.state_dict()["param_groups"]})
        for _ in range(30):
            for s in (mine, mine2, theirs2):
                s.step()
            same(facts(opt), facts(opt2))
            same(facts(opt), facts(ref2))
            same(mine2.get_last_lr(), theirs2.get_last_lr())


@pytest.mark.parametrize(
    "case",
    [
        "step",
        "multistep",
        "constant",
        "linear",
        "exponential",
        "cosine",
        "polynomial",
        "lambda",
        "restarts-mult",
        "onecycle",
        "cyclic",
    ],
)
def test_step_to_an_epoch(case):
    opt, ref = optimizers()
    mine, theirs = CASES[case](lr_scheduler, opt), CASES[case](reference, ref)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for epoch in (0, 3, 4, 11, 5, 40):
            mine.step(epoch)
            theirs.step(epoch)
            same(facts(opt), facts(ref))
        mine.step()
        theirs.step()
        same(facts(opt), facts(ref))


def test_restarts_at_fractions():
    opt, ref = optimizers()
    for mult in (1, 2, 3):
        mine = lr_scheduler.CosineAnnealingWarmRestarts(opt, 3, mult)
        theirs = reference.CosineAnnealingWarmRestarts(ref, 3, mult)
        for i in range(80):
            mine.step(i / 4)
            theirs.step(i / 4)
            same(facts(opt), facts(ref))
            assert (mine.T_cur, mine.T_i, mine.last_epoch) == (
                theirs.T_cur,
                theirs.T_i,
                theirs.last_epoch,
            )
    for s in (mine, theirs):
        with pytest.raises(ValueError, match="Expected non-negative epoch, but got -1"):
            s.step(-1)


@quiet
@pytest.mark.parametrize("case", [c for c in CASES if not c.startswith(("onecycle", "cyclic"))])
def test_tensor_rate(case):
    """A tensor rate stays the same object and follows the same values."""
    opt, ref = optimizers(tensor_lr=True)
    rate = opt.param_groups[0]["lr"]
    mine, theirs = CASES[case](lr_scheduler, opt), CASES[case](reference, ref)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(25):
            mine.step()
            theirs.step()
            got, want = [f[0] for f in facts(opt)], [f[0] for f in facts(ref)]
            np.testing.assert_allclose(got, want, rtol=1e-12)
            assert opt.param_groups[0]["lr"] is rate
            last = mine.get_last_lr()[0]
            assert isinstance(last, Tensor)
            assert last is not rate


@pytest.mark.parametrize(
    "case",
    [
        "step",
        "multistep",
        "exponential",
        "cosine",
        "linear",
        "polynomial",
        "lambda",
        "constant",
        "multiplicative",
        "restarts",
    ],
)
def test_resume(case):
    """``last_epoch >= 0`` goes on from a group that holds ``initial_lr``."""
    name = {
        "step": ("StepLR", (7,)),
        "multistep": ("MultiStepLR", ([5, 9],)),
        "exponential": ("ExponentialLR", (0.9,)),
        "cosine": ("CosineAnnealingLR", (20,)),
        "linear": ("LinearLR", ()),
        "polynomial": ("PolynomialLR", (30,)),
        "lambda": ("LambdaLR", (lambda e: 0.9**e,)),
        "constant": ("ConstantLR", ()),
        "multiplicative": ("MultiplicativeLR", (lambda e: 0.9,)),
        "restarts": ("CosineAnnealingWarmRestarts", (5,)),
    }[case]
    opt, ref = optimizers()
    for o, package in ((opt, lr_scheduler), (ref, reference)):
        with pytest.raises(KeyError, match="param 'initial_lr' is not specified in param_groups"):
            getattr(package, name[0])(o, *name[1], last_epoch=3)
        for g in o.param_groups:
            g["initial_lr"] = g["lr"] * 2
    mine = getattr(lr_scheduler, name[0])(opt, *name[1], last_epoch=3)
    theirs = getattr(reference, name[0])(ref, *name[1], last_epoch=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(12):
            same(facts(opt), facts(ref))
            mine.step()
            theirs.step()


# -- plateau ---------------------------------------------------------------------------------------

PLATEAU = [
    {},
    {"patience": 0},
    {"mode": "max", "patience": 2},
    {"factor": 0.5, "patience": 1, "cooldown": 3},
    {"threshold_mode": "abs", "threshold": 0.05, "patience": 1},
    {"mode": "max", "threshold_mode": "abs", "threshold": 0.05, "patience": 1},
    {"min_lr": [0.01, 0.2], "patience": 0},
    {"min_lr": 0.02, "patience": 0, "factor": 0.3},
    {"eps": 0.05, "patience": 0},
]


@pytest.mark.parametrize("options", PLATEAU, ids=str)
@pytest.mark.parametrize("tensor_lr", [False, True])
def test_plateau(options, tensor_lr):
    rng = np.random.default_rng(0)
    losses = np.round(1 + 0.3 * rng.standard_normal(STEPS).cumsum() / 5, 2)
    opt, ref = optimizers(tensor_lr=tensor_lr)
    mine = lr_scheduler.ReduceLROnPlateau(opt, **options)
    theirs = reference.ReduceLROnPlateau(ref, **options)
    for i, loss in enumerate(losses):
        mine.step(Tensor._wrap(np.array(loss)) if i % 2 else float(loss))
        theirs.step(float(loss))
        same(facts(opt), facts(ref))
        assert plain(mine.state_dict()) == plain(theirs.state_dict())
        if i == 30:
            (opt, ref), saved = optimizers(tensor_lr=tensor_lr), theirs.state_dict()
            mine = lr_scheduler.ReduceLROnPlateau(opt, **options)
            theirs2 = reference.ReduceLROnPlateau(ref, **options)
            theirs2.load_state_dict(mine_state := plain(mine_saved := saved))
            mine.load_state_dict(mine_state)
            theirs = theirs2
            assert mine_saved.keys() == mine_state.keys()


def test_plateau_new_group():
    opt, ref = optimizers()
    for o, param, package in ((opt, our_param, lr_scheduler), (ref, their_param, reference)):
        scalar = package.ReduceLROnPlateau(o, patience=0)
        listed = package.ReduceLROnPlateau(o, patience=0, min_lr=[0.0, 0.0])
        o.add_param_group({"params": [param()], "lr": 1.0})
        scalar.step(1.0)
        scalar.step(2.0)
        assert o.param_groups[2]["lr"] == 0.1
        listed.step(1.0)
        with pytest.raises(RuntimeError, match="The number of param groups in the `optimizer` "):
            listed.step(2.0)


# -- misuse ----------------------------------------------------------------------------------------


def errors(package, opt, other):
    """Calls that must fail, each with PyTorch's exception and text."""
    sgd_without = opt
    return {
        "lambda-length": lambda: package.LambdaLR(opt, [lambda e: 1]),
        "multiplicative-length": lambda: package.MultiplicativeLR(opt, [lambda e: 1]),
        "multiplicative-type": lambda: package.MultiplicativeLR(opt, 3),
        "constant-factor": lambda: package.ConstantLR(opt, factor=1.5),
        "linear-start": lambda: package.LinearLR(opt, start_factor=0),
        "linear-end": lambda: package.LinearLR(opt, end_factor=2),
        "restarts-T_0": lambda: package.CosineAnnealingWarmRestarts(opt, 0),
        "restarts-T_0-type": lambda: package.CosineAnnealingWarmRestarts(opt, 1.5),
        "restarts-T_mult": lambda: package.CosineAnnealingWarmRestarts(opt, 1, 0),
        "restarts-eta": lambda: package.CosineAnnealingWarmRestarts(opt, 1, 1, "low"),
        "cyclic-mode": lambda: package.CyclicLR(opt, 0.1, 0.2, mode="square"),
        "cyclic-length": lambda: package.CyclicLR(opt, [0.1], 0.2),
        "cyclic-length-max": lambda: package.CyclicLR(opt, 0.1, [0.2]),
        "cyclic-no-momentum": lambda: package.CyclicLR(other, 0.1, 0.2),
        "onecycle-nothing": lambda: package.OneCycleLR(opt, 0.1),
        "onecycle-total": lambda: package.OneCycleLR(opt, 0.1, total_steps=-1),
        "onecycle-epochs": lambda: package.OneCycleLR(opt, 0.1, epochs=0, steps_per_epoch=2),
        "onecycle-steps": lambda: package.OneCycleLR(opt, 0.1, epochs=2, steps_per_epoch=0.5),
        "onecycle-pct": lambda: package.OneCycleLR(opt, 0.1, total_steps=5, pct_start=2.0),
        "onecycle-pct-type": lambda: package.OneCycleLR(opt, 0.1, total_steps=5, pct_start=1),
        "onecycle-anneal": lambda: package.OneCycleLR(opt, 0.1, total_steps=5, anneal_strategy="square"),
        "onecycle-length": lambda: package.OneCycleLR(opt, [0.1], total_steps=5),
        "onecycle-no-momentum": lambda: package.OneCycleLR(other, 0.1, total_steps=5),
        "plateau-factor": lambda: package.ReduceLROnPlateau(opt, factor=1.0),
        "plateau-mode": lambda: package.ReduceLROnPlateau(opt, mode="best"),
        "plateau-threshold": lambda: package.ReduceLROnPlateau(opt, threshold_mode="best"),
        "plateau-length": lambda: package.ReduceLROnPlateau(opt, min_lr=[0.1]),
        "no-optimizer": lambda: package.StepLR(3, 1),
        "no-optimizer-plateau": lambda: package.ReduceLROnPlateau(3),
        "no-optimizer-cyclic": lambda: package.CyclicLR(3, 0.1, 0.2),
        "no-optimizer-onecycle": lambda: package.OneCycleLR(3, 0.1, total_steps=2),
        "sequential-none": lambda: package.SequentialLR(opt, [], []),
        "sequential-milestones": lambda: package.SequentialLR(opt, [package.ExponentialLR(opt, 0.9)], [1]),
        "sequential-type": lambda: package.SequentialLR(opt, [3], []),
        "sequential-plateau": lambda: package.SequentialLR(opt, [package.ReduceLROnPlateau(opt)], []),
        "sequential-other": lambda: package.SequentialLR(sgd_without, [package.ExponentialLR(other, 0.9)], []),
        "chained-none": lambda: package.ChainedScheduler([]),
        "chained-plateau": lambda: package.ChainedScheduler([package.ReduceLROnPlateau(opt)]),
        "chained-other": lambda: package.ChainedScheduler(
            [package.ExponentialLR(opt, 0.9), package.ExponentialLR(other, 0.9)]
        ),
    }


@pytest.mark.parametrize("case", list(errors(lr_scheduler, None, None)))
def test_errors(case):
    opt, ref = optimizers()
    opt2, ref2 = optimizers("Adagrad")
    with pytest.raises((TypeError, ValueError)) as theirs:
        errors(reference, ref, ref2)[case]()
    with pytest.raises(theirs.type) as ours:
        errors(lr_scheduler, opt, opt2)[case]()
    assert str(ours.value) == str(theirs.value)


def test_onecycle_ends():
    opt, ref = optimizers()
    for s in (
        lr_scheduler.OneCycleLR(opt, 0.1, total_steps=3),
        reference.OneCycleLR(ref, 0.1, total_steps=3),
    ):
        s.optimizer.step()
        for _ in range(3):
            s.step()
        with pytest.raises(ValueError, match=r"Tried to step 4 times\. The specified number of total steps is 3"):
            s.step()


def messages(call):
    """The texts of the warnings of a call, up to their first reference to a web page."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(w.message).split(" See more details")[0] for w in caught], [w.category for w in caught]


def test_order_of_calls():
    texts = []
    for o, package in zip(optimizers(), (lr_scheduler, reference), strict=True):
        scheduler = package.StepLR(o, 3)
        texts.append(messages(scheduler.step))
        assert messages(scheduler.step) == ([], [])
    assert texts[0] == texts[1]
    assert len(texts[0][0]) == 1
    for o, package in zip(optimizers(), (lr_scheduler, reference), strict=True):
        scheduler = package.StepLR(o, 3)
        o.step()
        assert messages(scheduler.step) == ([], [])


def test_overridden_step():
    import types

    texts = []
    for o, package in zip(optimizers(), (lr_scheduler, reference), strict=True):
        scheduler = package.StepLR(o, 3)
        old = o.step
        o.step = types.MethodType(lambda self, *a, old=old: old(*a), o)
        texts.append(messages(scheduler.step))
    assert texts[0] == texts[1]
    assert len(texts[0][0]) == 1


def test_get_lr_warns():
    texts = []
    for o, package in zip(optimizers(), (lr_scheduler, reference), strict=True):
        scheduler = package.StepLR(o, 3)
        texts.append(messages(scheduler.get_lr))
    assert texts[0] == texts[1]
    assert len(texts[0][0]) == 1


@pytest.mark.parametrize("name", lr_scheduler.__all__)
def test_signature(name):
    import inspect

    mine = inspect.signature(getattr(lr_scheduler, name)).parameters
    theirs = inspect.signature(getattr(reference, name)).parameters
    assert list(mine) == list(theirs)
    for key in mine:
        assert mine[key].default == theirs[key].default, key
        assert mine[key].kind == theirs[key].kind, key


def test_every_scheduler_is_here():
    assert sorted(lr_scheduler.__all__) == sorted(reference.__all__)
