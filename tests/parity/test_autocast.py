"""``torch.autocast`` on the CPU against PyTorch: dtypes and values of results, training, switches."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import tinygrad_hw

torch = pytest.importorskip("torch")
pytest.importorskip("ml_dtypes")
pytestmark = pytest.mark.torch

#: x, y float32; b is x in bfloat16, p a probability; t class indices; F nn.functional; w, v weights.
FUNCTIONS = {
    "matmul": "x @ y.T",
    "matmul, narrow and float32": "b @ y.T",
    "matmul, doubles": "x.double() @ y.double().T",
    "matmul, batched": "x[None] @ y.T",
    "mm": "torch.mm(x, y.T)",
    "bmm": "torch.bmm(x[None], y.T[None])",
    "addmm": "torch.addmm(x @ y.T, x, y.T)",
    "baddbmm": "torch.baddbmm(torch.ones(1, 4, 4), x[None], y.T[None])",
    "addbmm": "torch.addbmm(torch.ones(4, 4), x[None], y.T[None])",
    "mv": "torch.mv(x, y[0])",
    "dot": "torch.dot(x[0], y[0])",
    "outer": "torch.outer(x[0], y[0])",
    "einsum": "torch.einsum('ij,kj->ik', x, y)",
    "tensordot": "torch.tensordot(x, y.T, 1)",
    "linear": "F.linear(x, y)",
    "linear, narrow input": "F.linear(b, y, y[:, 0])",
    "linear of many": "F.linear(x[None], y)",
    "conv1d": "F.conv1d(x[None], torch.ones(3, 4, 2))",
    "conv2d": "F.conv2d(x[None, None], torch.ones(3, 1, 2, 2), torch.ones(3))",
    "conv2d, narrow input": "F.conv2d(b[None, None], torch.ones(3, 1, 2, 2), torch.ones(3))",
    "conv3d": "F.conv3d(x[None, None, None], torch.ones(3, 1, 1, 2, 2))",
    "conv_transpose2d": "F.conv_transpose2d(x[None, None], torch.ones(1, 3, 2, 2))",
    "prelu": "F.prelu(x, torch.ones(1))",
    "attention": "F.scaled_dot_product_attention(x[None], y[None], y[None])",
    "softmax": "F.softmax(b, 1)",
    "log_softmax": "F.log_softmax(b, 1)",
    "softmax, float32": "F.softmax(x, 1)",
    "layer_norm": "F.layer_norm(b, (6,))",
    "layer_norm, float32 weights": "F.layer_norm(b, (6,), y[0], y[1])",
    "batch_norm": "F.batch_norm(b, torch.zeros(6), torch.ones(6), y[0], y[1], training=True)",
    "group_norm": "F.group_norm(b, 2, y[0], y[1])",
    "gelu": "F.gelu(b)",
    "relu": "F.relu(b)",
    "exp": "b.exp()",
    "add": "b + x",
    "mul, number": "b * 2.5",
    "sum": "b.sum()",
    "mean": "b.mean()",
    "norm": "b.norm()",
    "cat": "torch.cat([b, x])",
    "stack": "torch.stack([b, x])",
    "cross_entropy": "F.cross_entropy(b, t)",
    "nll_loss": "F.nll_loss(b, t)",
    "mse_loss": "F.mse_loss(b, x)",
    "mse_loss, both narrow": "F.mse_loss(b, p.bfloat16())",
    "l1_loss": "F.l1_loss(b, p.bfloat16())",
    "smooth_l1_loss": "F.smooth_l1_loss(b, p.bfloat16())",
    "huber_loss": "F.huber_loss(b, p.bfloat16())",
    "bce": "F.binary_cross_entropy(p.bfloat16(), p.bfloat16())",
    "bce with logits": "F.binary_cross_entropy_with_logits(b, p.bfloat16())",
    "kl_div": "F.kl_div(b, p.bfloat16(), reduction='batchmean')",
    "poisson_nll_loss": "F.poisson_nll_loss(b, p.bfloat16())",
    "gaussian_nll_loss": "F.gaussian_nll_loss(b, b, p.bfloat16())",
    "soft_margin_loss": "F.soft_margin_loss(b, b.sign())",
    "hinge_embedding_loss": "F.hinge_embedding_loss(b, b.sign())",
    "margin_ranking_loss": "F.margin_ranking_loss(b, p.bfloat16(), b.sign())",
    "cosine_embedding_loss": "F.cosine_embedding_loss(b, p.bfloat16(), torch.ones(4))",
    "cosine_similarity": "F.cosine_similarity(b, p.bfloat16())",
    "multi_margin_loss": "F.multi_margin_loss(b, t)",
    "triplet_margin_loss": "F.triplet_margin_loss(b, p.bfloat16(), -b)",
    "multilabel_soft_margin_loss": "F.multilabel_soft_margin_loss(b, p.bfloat16())",
    "prod": "p.bfloat16().prod()",
    "cdist": "torch.cdist(b, p.bfloat16())",
    "quantile": "b.float().quantile(0.5)",
    "avg_pool2d": "F.avg_pool2d(b[None, None], 2)",
    "avg_pool3d": "F.avg_pool3d(b[None, None, None], 1)",
    "max_pool2d": "F.max_pool2d(b[None, None], 2)",
    "grid_sample": "F.grid_sample(b[None, None], torch.zeros(1, 2, 2, 2).bfloat16(), align_corners=False)",
    "embedding": "F.embedding(t, x)",
    "dropout": "F.dropout(b, 0.0)",
    "where": "torch.where(b > 0, b, 0.0)",
    "comparison": "b > x",
    "Linear": "nn.Linear(6, 3)(x)",
    "Conv2d": "nn.Conv2d(1, 2, 2)(x[None, None])",
    "Sequential": "nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 3))(x)",
    "MultiheadAttention": "nn.MultiheadAttention(6, 2)(x[:, None], y[:, None], y[:, None])[0]",
    "LSTMCell": "nn.LSTMCell(6, 5)(x)[0]",
    "GRUCell": "nn.GRUCell(6, 5)(x)",
}


def run(package, text):
    package.manual_seed(0)
    x, y = package.randn(4, 6), package.randn(4, 6)
    names = {
        "torch": package,
        "nn": package.nn,
        "F": package.nn.functional,
        "x": x,
        "y": y,
        "b": x.to(package.bfloat16),
        "p": y.sigmoid(),
        "t": package.tensor([0, 1, 2, 3]),
    }
    with package.autocast("cpu"):
        return eval(text, names)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name):
    ours, theirs = run(tinygrad_hw, FUNCTIONS[name]), run(torch, FUNCTIONS[name])
    assert repr(ours.dtype) == repr(theirs.dtype)
    a, b = (np.array(t.detach().tolist()) for t in (ours, theirs))
    np.testing.assert_allclose(a, b, rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("lower", ["bfloat16", "float16"])
def test_training(lower):
    """Parameters and gradients stay in float32; the losses are PyTorch's to the precision of the products."""

    def train(package):
        package.manual_seed(0)
        nn = package.nn
        model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.LayerNorm(16), nn.Linear(16, 3))
        optimizer = package.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        x, t = package.randn(24, 6), package.arange(24) % 3
        losses = []
        for _ in range(20):
            optimizer.zero_grad()
            with package.autocast("cpu", dtype=getattr(package, lower)):
                out = model(x)
                loss = nn.functional.cross_entropy(out, t)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        kinds = {str(p.dtype) + str(p.grad.dtype) for p in model.parameters()}
        return losses, kinds, str(out.dtype), str(loss.dtype)

    ours, theirs = train(tinygrad_hw), train(torch)
    assert ours[1:] == theirs[1:]
    np.testing.assert_allclose(ours[0], theirs[0], rtol=2e-2, atol=2e-2)


def test_switches():
    def told(package):
        found = []

        def now():
            product = (package.ones(2, 2) @ package.ones(2, 2)).dtype
            found.append((package.is_autocast_enabled("cpu"), str(package.get_autocast_dtype("cpu")), str(product)))

        now()
        with package.autocast("cpu"):
            now()
            with package.autocast("cpu", enabled=False):
                now()
            with package.autocast("cpu", dtype=package.float16):
                now()
            now()
        now()
        block = package.autocast("cpu", dtype=package.bfloat16)

        @block
        def decorated():
            now()
            return 3

        found.append(decorated())
        with pytest.raises(KeyError), package.amp.autocast("cpu"):
            raise KeyError
        now()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with package.autocast("cpu", dtype=package.float64):
                found.append(package.is_autocast_enabled("cpu"))
        found.append([str(w.message) for w in caught])
        return found

    assert told(tinygrad_hw) == told(torch)
    assert tinygrad_hw.amp.is_autocast_available("cpu")


def test_in_place_and_out_do_not_cast():
    with tinygrad_hw.autocast("cpu"):
        x = tinygrad_hw.ones(2, 2)
        x.add_(1.0)
        assert x.dtype is tinygrad_hw.float32
    with pytest.raises(RuntimeError, match="same dtype"):
        tinygrad_hw.ones(2, 2).bfloat16() @ tinygrad_hw.ones(2, 2)


#: s: a symmetric matrix of the dtype, p pivots; functions of PyTorch's list for float32, and others beside them.
LINALG = """
torch.linalg.cond(s)|torch.linalg.matrix_rank(s)|torch.linalg.solve(s, s)|torch.linalg.cholesky(s)
torch.linalg.svdvals(s)|torch.linalg.eigvals(s)|torch.linalg.eigvalsh(s)|torch.linalg.inv(s)
torch.linalg.tensorinv(s.reshape(2, 2, 4), ind=2)|torch.linalg.tensorsolve(s.reshape(2, 2, 4), s[:2, :2])
torch.geqrf(s)[1]|torch.linalg.lstsq(s, s)[0]|torch.lu(s)[0]|torch.qr(s)[1]|torch.svd(s)[1]
torch.triangular_solve(s, s)[0]|torch.linalg.qr(s)[1]|torch.linalg.cholesky_ex(s)[0]|torch.linalg.svd(s)[1]
torch.linalg.eig(s)[0]|torch.linalg.eigh(s)[0]|torch.linalg.inv_ex(s)[0]|torch.cholesky(s)|torch.cholesky_inverse(s)
torch.cholesky_solve(s, s)|torch.inverse(s)|torch.pinverse(s)|s.pinverse()|s.inverse()|torch.trace(s)|s.trace()
torch.linalg.matrix_power(s, 2)|torch.linalg.matrix_power(s, -1)|torch.linalg.multi_dot([s, s, s])
torch.fft.fft(s)|torch.fft.ifft(s)|torch.fft.fft2(s)|torch.fft.fftn(s)|torch.fft.rfft(s)|torch.fft.irfft(s)
torch.fft.rfft2(s)|torch.fft.hfft(s)|torch.fft.ihfft(s)|torch.stft(s.reshape(-1), 4, return_complex=True)
F.pad(s[None], (1, 1), mode="reflect")|F.pad(s[None], (1, 1, 1, 1), mode="replicate")|F.pad(s, (1, 1))
F.pad(s[None], (1, 1), mode="circular")|torch.polar(s, s)|torch.view_as_complex(s.reshape(-1, 2))
F.max_unpool2d(s[None, None, :2, :2], i, 2)|F.fractional_max_pool2d(s[None, None], 2, output_size=2)
torch.linalg.det(s)|torch.linalg.lu(s)[1]|torch.linalg.solve_ex(s, s)[0]|torch.linalg.solve_triangular(s, s, upper=True)
"""


def run_linalg(package, text, lower):
    package.manual_seed(0)
    s = package.tensor([[4.0, 1.0, 0.0, 0.5], [1.0, 5.0, 1.0, 0.0], [0.0, 1.0, 6.0, 1.0], [0.5, 0.0, 1.0, 7.0]])
    i = package.tensor([[[[0, 3], [8, 10]]]])
    names = {"torch": package, "F": package.nn.functional, "s": s.to(getattr(package, lower)), "i": i}
    try:
        with warnings.catch_warnings(), package.autocast("cpu"):
            warnings.simplefilter("ignore")
            result = eval(text, names)
    except (RuntimeError, NotImplementedError):
        return "refused", None
    return str(result.dtype), np.array(result.tolist())


@pytest.mark.parametrize("lower", ["bfloat16", "float16", "float32", "float64"])
@pytest.mark.parametrize("text", LINALG.strip().replace("\n", "|").split("|"))
def test_linear_algebra(text, lower):
    ours, theirs = run_linalg(tinygrad_hw, text, lower), run_linalg(torch, text, lower)
    assert ours[0] == theirs[0]
    if ours[1] is not None:
        loose = lower in ("bfloat16", "float16") or "multi_dot" in text or "matrix_power" in text
        np.testing.assert_allclose(ours[1], theirs[1], rtol=2e-2 if loose else 2e-5, atol=2e-2 if loose else 2e-5)


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize("cast_inputs", [None, "float32", "bfloat16"])
def test_custom_functions(cast_inputs, on):
    def told(package):
        found = []
        kind = None if cast_inputs is None else getattr(package, cast_inputs)

        class Product(package.autograd.Function):
            @staticmethod
            @package.amp.custom_fwd(device_type="cpu", cast_inputs=kind)
            def forward(ctx, a, b, rest):
                ctx.save_for_backward(a, b)
                c = a @ b
                found.append((package.is_autocast_enabled("cpu"), *(str(t.dtype) for t in (a, b, *rest, c))))
                return c

            @staticmethod
            @package.amp.custom_bwd(device_type="cpu")
            def backward(ctx, g):
                a, b = ctx.saved_tensors
                product = g.float() @ b.float()
                found.append((package.is_autocast_enabled("cpu"), str(g.dtype), str(product.dtype)))
                return (g.float() @ b.float().T).to(a.dtype), (a.float().T @ g.float()).to(b.dtype), None

        a = package.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
        b = package.tensor([[0.5, 1.0], [1.5, 2.0]], requires_grad=True)
        rest = [package.ones(1, dtype=package.float64), package.ones(1), package.ones(1, dtype=package.int64)]
        with package.autocast("cpu", enabled=on):
            out = Product.apply(a, b, rest)
        out.float().sum().backward()
        found.append((str(out.dtype), a.grad.tolist(), b.grad.tolist(), str(a.grad.dtype)))
        return found

    assert told(tinygrad_hw) == told(torch)


KINDS = "cpu cuda ipu xpu opengl opencl ideep hip ve fpga maia xla lazy vulkan mps meta hpu mtia privateuseone nothing"


@pytest.mark.parametrize("kind", KINDS.split())
def test_kinds_of_devices(kind):
    def told(package):
        found = []
        for function in (package.amp.is_autocast_available, package.is_autocast_enabled, package.get_autocast_dtype):
            try:
                found.append(str(function(kind)))
            except RuntimeError:
                found.append("refused")
        return found

    assert told(tinygrad_hw) == told(torch)
