"""``torch.autograd.forward_ad``, side by side with PyTorch."""

from __future__ import annotations

import importlib

import pytest

import tinygrad_hw
from tests.parity.both import compare

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning")]


def both(code, rtol=1e-5):
    torch = pytest.importorskip("torch")
    compare(code, tinygrad_hw, torch, rtol)


def module(torch):
    return importlib.import_module(f"{torch.__name__}.autograd.forward_ad")


FUNCTIONS = {
    "arithmetic": lambda torch, x: (x * 2 + x / 3 - 1) ** 3 * x.abs().pow(x.sigmoid()),
    "elementwise": lambda torch, x: x.exp().log1p().sin().atan2(x.tanh()) + x.relu().clamp(0.1, 0.8) + x.round(),
    "reductions": lambda torch, x: (
        x.sum(0) + x.mean() + x.prod() + x.std() + x.logsumexp(1).max() + x.norm() + x.amax() + x.cumsum(0).var()
    ),
    "views": lambda torch, x: torch.cat([x.T[1:].reshape(-1), x[0], x.diagonal(), x.flip(0).unbind(1)[0]]),
    "indices": lambda torch, x: x[torch.tensor([0, 2])].gather(0, torch.tensor([[0, 1, 0]])) * x.sort(0).values,
    "matrices": lambda torch, x: torch.linalg.inv(x @ x.T + torch.eye(3)) + torch.linalg.det(x) * x.matrix_exp(),
    "decompositions": lambda torch, x: torch.linalg.cholesky(x @ x.T + torch.eye(3)) + torch.linalg.svdvals(x),
    "einsum": lambda torch, x: torch.einsum("ij,kj->ik", x, x.softmax(-1)),
    "functional": lambda torch, x: (
        torch.nn.functional.gelu(x) + torch.nn.functional.layer_norm(x, (3,)) + torch.nn.functional.log_softmax(x, 0)
    ),
    "convolution": lambda torch, x: torch.nn.functional.max_pool2d(
        torch.nn.functional.conv2d(x[None, None], torch.ones(2, 1, 2, 2) * torch.tensor([1.0, -2.0]).view(2, 1, 1, 1)),
        2,
    ),
    "loss": lambda torch, x: torch.nn.functional.cross_entropy(x, torch.tensor([0, 2, 1])),
    "where": lambda torch, x: torch.where(x > 0, x * x, torch.zeros(())) + torch.stack([x, x.detach()]).sum(0),
    "in place": lambda torch, x: _in_place(torch, x),
    "complex": lambda torch, x: torch.view_as_real(torch.fft.fft(x) * torch.complex(x, x * x)).sum(0),
}


def _in_place(torch, x):
    y = torch.zeros(3, 3)
    y[1:] = x[:2]
    y.mul_(x)
    y[0, 0] = 5.0
    z = y.view(-1)
    z[2:4] += x[0, :2]
    z.exp_()
    y += x
    return y


@pytest.mark.parametrize("grad", [True, False])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_tangents(name, grad):
    def code(torch, log):
        fw = module(torch)
        torch.manual_seed(0)
        x, t = torch.randn(3, 3), torch.randn(3, 3)
        with torch.set_grad_enabled(grad), fw.dual_level():
            y, tangent = fw.unpack_dual(FUNCTIONS[name](torch, fw.make_dual(x, t)))
            log(y, tangent, y.requires_grad, tangent.requires_grad)

    if name == "in place" and not grad:
        pytest.skip("a view made under no_grad knows no base here")
    both(code, 2e-4)


def test_forward_over_reverse():
    def code(torch, log):
        fw = module(torch)
        x, t = torch.tensor([0.5, 2.0], requires_grad=True), torch.tensor([1.0, -1.0])

        def f(x):
            return (x.sin() * x.exp() + x**3).sum()

        with fw.dual_level():
            d = fw.make_dual(x, t)
            y = f(d)
            log(fw.unpack_dual(y))
            (g,) = torch.autograd.grad(y, d, retain_graph=True)
            log(g.requires_grad, fw.unpack_dual(g))
            y.backward()
            log(x.grad, fw.unpack_dual(x.grad))

    both(code)


def test_reverse_over_forward():
    def code(torch, log):
        fw = module(torch)
        x, t = (torch.tensor(v, requires_grad=True) for v in ([0.5, 2.0], [1.0, -1.0]))
        w = torch.tensor([2.0, 3.0], requires_grad=True)
        with fw.dual_level():
            y = (fw.make_dual(x, t).sin() * w).sum()
            tangent = fw.unpack_dual(y).tangent
            log(tangent, [fw.unpack_dual(g).primal for g in torch.autograd.grad(tangent, (x, t, w))])
            z = fw.make_dual(x.detach(), t.detach()) @ w
            log(fw.unpack_dual(z).tangent.requires_grad, z.requires_grad)
            z = fw.make_dual(x.detach(), t.detach()).exp()
            log(fw.unpack_dual(z).tangent.requires_grad, z.requires_grad)

    both(code)


def test_modules_with_tangents_of_parameters():
    def code(torch, log):
        fw = module(torch)
        torch.manual_seed(0)
        net = torch.nn.Sequential(
            torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.ReLU(), torch.nn.Linear(4, 2)
        )
        params = dict(net.named_parameters())
        directions = {n: torch.randn(p.shape) for n, p in params.items()}
        x = torch.randn(5, 3)
        with fw.dual_level():
            duals = {n: fw.make_dual(p, directions[n]) for n, p in params.items()}
            out = torch.func.functional_call(net, duals, x)
            log(fw.unpack_dual(out), fw.unpack_dual(torch.nn.functional.mse_loss(out, torch.zeros(5, 2))))

    both(code, 1e-4)


def test_functions():
    def code(torch, log):
        fw = module(torch)

        class Product(torch.autograd.Function):
            @staticmethod
            def forward(ctx, a, b, k):
                ctx.save_for_forward(a, b)
                ctx.k = k
                return a * b * k, (a > 1)

            @staticmethod
            def jvp(ctx, ga, gb, gk):
                log("jvp", ga, gb, gk)
                a, b = ctx.saved_tensors
                return (ga * b + gb * a) * ctx.k, None

        class Without(torch.autograd.Function):
            @staticmethod
            def forward(ctx, a):
                return a * 2

        x, t = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])
        with fw.dual_level():
            d = fw.make_dual(x, t)
            y, big = Product.apply(d, x, 2.0)
            log(fw.unpack_dual(y), fw.unpack_dual(big))
            log.error(Without.apply, d)
            log(Without.apply(x))

    both(code)


def test_levels_and_errors():
    def code(torch, log):
        fw = module(torch)
        x, t = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])
        log(fw.enter_dual_level())
        log.error(fw.enter_dual_level)
        log.error(fw.exit_dual_level, level=3)
        d = fw.make_dual(x, t)
        log(repr(d), repr(d.sum()), str(fw.unpack_dual(d)), d.numpy().tolist())
        log(fw.exit_dual_level(), repr(d), fw.unpack_dual(d), fw.unpack_dual(x, level=0))
        log.error(fw.exit_dual_level)
        log.error(fw.make_dual, x, t)
        log.error(fw.make_dual, x, t, level=0)
        with fw.dual_level() as level:
            log(level)
            for bad in ((torch.tensor(1), t), (x, torch.tensor([1, 2])), (x, torch.ones(3)), (3, t)):
                log.error(fw.make_dual, *bad)
            d = fw.make_dual(x, t)
            log.error(fw.make_dual, d, t)
            log.error(fw.make_dual, x, d)
            log.error(fw.unpack_dual, d, level=1)
            log(
                fw.unpack_dual(d).tangent is t,
                fw.unpack_dual(d.detach()),
                fw.unpack_dual(d.data),
                fw.unpack_dual(d > 1),
            )
            with fw._set_fwd_grad_enabled(False):
                log(fw.unpack_dual(d * 2))
            x.fill_(7)
            log(fw.unpack_dual(d), fw.unpack_dual(d.double()))

        @fw.dual_level()
        def f(a):
            return fw.unpack_dual(fw.make_dual(a, t) * a)

        log(f(x))

    both(code)
