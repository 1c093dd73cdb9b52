"""Weight and spectral normalisation, parametrizations, fused batch norms: the same as PyTorch's."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import tinygrad_hw
from tests.parity.both import compare

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]

SHAPES = {"Linear": (4, 3), "Conv1d": (2, 3, 6), "ConvTranspose2d": (2, 3, 4, 4)}


def layers(t):
    for name, arguments in (("Linear", (3, 5)), ("Conv1d", (3, 5, 2)), ("ConvTranspose2d", (3, 5, 2))):
        t.manual_seed(1)
        yield name, getattr(t.nn, name)(*arguments)


def told(t, log, name, module):
    """Log what a module is and does, with gradients."""
    x = t.tensor(np.random.default_rng(0).standard_normal(SHAPES[name]).astype(np.float32))
    log(repr(module), list(module.state_dict()))
    for mode in (True, True, False):
        module.train(mode)
        module.zero_grad()
        y = module(x)
        (y * y).sum().backward()
        log(y, [(n, p, p.grad) for n, p in module.named_parameters()], dict(module.named_buffers()))


def weight_norms(t, log):
    for name, module in layers(t):
        for dim in (0, 1, None):
            m = copy.deepcopy(module)
            told(t, log, name, t.nn.utils.weight_norm(m, dim=dim))
            log.error(t.nn.utils.weight_norm, m, dim=dim)
            told(t, log, name, t.nn.utils.remove_weight_norm(m))
            log.error(t.nn.utils.remove_weight_norm, m)
            m = t.nn.utils.parametrizations.weight_norm(copy.deepcopy(module), dim=dim)
            told(t, log, name, m)
            m.weight = t.ones_like(m.weight)
            log(m.weight, m.parametrizations.weight.original0)


def spectral_norms(t, log):
    for name, module in layers(t):
        for options in ({}, {"n_power_iterations": 2, "dim": 1}):
            t.manual_seed(2)
            m = t.nn.utils.spectral_norm(copy.deepcopy(module), **options)
            told(t, log, name, m)
            told(t, log, name, t.nn.utils.remove_spectral_norm(m))
            t.manual_seed(2)
            m = t.nn.utils.parametrizations.spectral_norm(copy.deepcopy(module), **options)
            told(t, log, name, m)
            log(t.nn.utils.parametrize.type_before_parametrizations(m).__name__)
            log(repr(t.nn.utils.parametrize.remove_parametrizations(m, "weight")), m.weight, list(m.state_dict()))
    log.error(t.nn.utils.spectral_norm, t.nn.Linear(2, 2), n_power_iterations=0)
    log.error(t.nn.utils.parametrizations.spectral_norm, t.nn.Linear(2, 2), "width")
    log.error(t.nn.utils.parametrizations.spectral_norm, t.nn.Linear(2, 2), dim=2)


def parametrized(t, log):
    parametrize = t.nn.utils.parametrize

    class Symmetric(t.nn.Module):
        def forward(self, x):
            return x.triu() + x.triu(1).transpose(-1, -2)

        def right_inverse(self, x):
            return x.triu()

    class Doubled(t.nn.Module):
        def forward(self, x):
            return x * 2

    class Wider(t.nn.Module):
        def forward(self, x):
            return t.cat([x, x])

    for name, _ in layers(t):
        if name != "Linear":
            continue
        t.manual_seed(4)
        m = t.nn.Linear(3, 3)
        log(parametrize.is_parametrized(m))
        parametrize.register_parametrization(m, "weight", Symmetric())
        told(t, log, name, m)
        m.weight = t.arange(9.0).reshape(3, 3)
        log(m.weight, m.parametrizations.weight.original)
        parametrize.register_parametrization(m, "weight", Doubled())
        parametrize.register_parametrization(m, "bias", Doubled())
        told(t, log, name, m)
        log(parametrize.is_parametrized(m, "bias"), parametrize.is_parametrized(m, "width"))
        log.error(setattr, m, "weight", t.ones(3, 3))
        other = parametrize.transfer_parametrizations_and_params(m, t.nn.Linear(3, 3))
        log(other.weight, list(other.state_dict()))
        parametrize.remove_parametrizations(m, "weight", leave_parametrized=False)
        told(t, log, name, m)
        parametrize.remove_parametrizations(m, "bias")
        told(t, log, name, m)
        log.error(parametrize.register_parametrization, m, "weight", Wider())
        log.error(parametrize.register_parametrization, m, "width", Doubled())
        log.error(parametrize.remove_parametrizations, m, "weight")
        parametrize.register_parametrization(m, "weight", Wider(), unsafe=True)
        log(m.weight)
        with parametrize.cached():
            log(m.weight is m.weight)
        log(m.weight is m.weight)


def old_states_load_into_parametrizations(t, log):
    t.manual_seed(0)
    old = t.nn.utils.weight_norm(t.nn.Linear(3, 2))
    new = t.nn.utils.parametrizations.weight_norm(t.nn.Linear(3, 2))
    log(str(new.load_state_dict(old.state_dict())), new.weight)


def fused(t, log):
    t.manual_seed(0)
    for layer, norm, shape in (
        (t.nn.Conv2d(3, 4, 2), t.nn.BatchNorm2d(4), (2, 3, 4, 4)),
        (t.nn.ConvTranspose2d(3, 4, 2, bias=False), t.nn.BatchNorm2d(4, affine=False), (2, 3, 4, 4)),
        (t.nn.Linear(3, 4), t.nn.BatchNorm1d(4), (5, 3)),
    ):
        x = t.tensor(np.random.default_rng(0).standard_normal(shape).astype(np.float32))
        norm(layer(x))
        layer.eval(), norm.eval()
        if isinstance(layer, t.nn.Linear):
            both = t.nn.utils.fuse_linear_bn_eval(layer, norm)
        else:
            both = t.nn.utils.fuse_conv_bn_eval(layer, norm, isinstance(layer, t.nn.ConvTranspose2d))
        log(both(x), both.weight, both.bias, bool((both(x) - norm(layer(x))).abs().max() < 1e-5))
        log.error(t.nn.utils.fuse_conv_bn_eval, layer.train(), norm)


def lazy_layers(t, log):
    for name, arguments, shape in (
        ("LazyLinear", (4,), (2, 3)),
        ("LazyConv2d", (4, 2), (2, 3, 5, 5)),
        ("LazyConvTranspose1d", (4, 2), (2, 3, 5)),
        ("LazyBatchNorm1d", (), (2, 3)),
    ):
        t.manual_seed(0)
        m = getattr(t.nn, name)(*arguments)
        fresh = getattr(t.nn, name)(*arguments)
        log(repr(m), [repr(p) for p in m.parameters()], list(m.state_dict()))
        if list(m.parameters()):
            log.error(lambda m=m: next(m.parameters()).shape)
        m = m.double()
        x = t.tensor(np.random.default_rng(0).standard_normal(shape))
        log(m(x), repr(m), m.state_dict())
        log(str(fresh.load_state_dict(m.state_dict())), fresh(x.float()), repr(fresh))
        log.error(getattr(t.nn, name)(*arguments), t.zeros(()))


@pytest.mark.parametrize(
    "code", [weight_norms, spectral_norms, parametrized, old_states_load_into_parametrizations, fused, lazy_layers]
)
def test_same_as_pytorch(code) -> None:
    compare(code, tinygrad_hw, torch, rtol=2e-5)


def test_a_copy_stays_parametrized() -> None:
    m = tinygrad_hw.nn.utils.parametrizations.weight_norm(tinygrad_hw.nn.Linear(2, 2))
    twin = copy.deepcopy(m)
    tinygrad_hw.nn.utils.parametrize.remove_parametrizations(m, "weight")
    assert tinygrad_hw.nn.utils.parametrize.is_parametrized(twin, "weight")
    assert not tinygrad_hw.nn.utils.parametrize.is_parametrized(m)
    np.testing.assert_array_equal(twin.weight.detach().numpy(), m.weight.detach().numpy())


def test_parametrized_modules_are_not_pickled() -> None:
    import pickle

    m = tinygrad_hw.nn.utils.parametrizations.weight_norm(tinygrad_hw.nn.Linear(2, 2))
    with pytest.raises(RuntimeError, match="state_dict"):
        pickle.dumps(m)
