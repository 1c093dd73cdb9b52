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
    assert tinygrad_hw.amp.is_autocast_available("cpu") and not tinygrad_hw.amp.is_autocast_available("cuda")


def test_in_place_and_out_do_not_cast():
    with tinygrad_hw.autocast("cpu"):
        x = tinygrad_hw.ones(2, 2)
        x.add_(1.0)
        assert x.dtype is tinygrad_hw.float32
    with pytest.raises(RuntimeError, match="same dtype"):
        tinygrad_hw.ones(2, 2).bfloat16() @ tinygrad_hw.ones(2, 2)
