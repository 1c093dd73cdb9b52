"""What scripts ask of PyTorch before and beside computing, and what is said of names that are not there."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest

import tinygrad_hw as torch


def test_a_script_finds_its_device():
    device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if torch.accelerator.is_available():
        device = torch.accelerator.current_accelerator()
    assert device == "cpu" and torch.cuda.device_count() == 0 and not torch.xpu.is_available()
    torch.cuda.manual_seed_all(0)
    torch.cuda.empty_cache()
    torch.cpu.synchronize()
    assert torch.cuda.memory_allocated() == 0
    for call in (torch.cuda.synchronize, torch.cuda.current_device, lambda: torch.cuda.get_device_name(0)):
        with pytest.raises(AssertionError, match="not compiled with CUDA"):
            call()
    with pytest.raises(AttributeError, match="CPU only"):
        torch.cuda.Stream  # noqa: B018


def test_switches():
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.deterministic = True
    torch.backends.cuda.matmul.allow_tf32 = True
    with torch.backends.cudnn.flags(enabled=False):
        assert not torch.backends.cudnn.enabled
    assert torch.backends.cudnn.enabled and torch.backends.cudnn.benchmark
    torch.use_deterministic_algorithms(True, warn_only=True)
    assert torch.are_deterministic_algorithms_enabled() and torch.get_deterministic_debug_mode() == 1
    torch.set_deterministic_debug_mode("default")
    assert not torch.are_deterministic_algorithms_enabled()
    with pytest.raises(RuntimeError, match="debug_mode"):
        torch.set_deterministic_debug_mode("loud")
    torch.set_float32_matmul_precision("high")
    assert torch.get_float32_matmul_precision() == "high"
    with pytest.warns(UserWarning, match="is not one of"):
        torch.set_float32_matmul_precision("some")
    torch.set_float32_matmul_precision("highest")
    torch.set_default_device("cpu")
    assert torch.get_default_device() == torch.device("cpu")
    assert torch.backends.cpu.get_cpu_capability() in ("AVX512", "AVX2", "DEFAULT")


def test_compile_changes_no_result():
    model = torch.nn.Linear(2, 1)
    assert torch.compile(model, mode="max-autotune")._orig_mod is model
    assert torch.compile(model, disable=True) is model

    @torch.compile(fullgraph=True)
    def double(x):
        return x * 2

    assert double(torch.ones(1)).item() == 2.0 and not torch.compiler.is_compiling()
    with pytest.raises(RuntimeError, match="Either mode or options"):
        torch.compile(model, mode="default", options={})


def test_autocast():
    with pytest.warns(UserWarning, match="CUDA is not available"), torch.autocast("cuda", dtype=torch.float16):
        assert (torch.ones(2) * 2).dtype == torch.float32
    with torch.autocast("cpu", enabled=False):
        pass


def test_grad_scaler():
    w = torch.nn.Parameter(torch.tensor([1.0]))
    optimizer = torch.optim.SGD([w], lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0, growth_interval=2)
    for expected in (4.0, 8.0):
        optimizer.zero_grad()
        scaler.scale((w * 3).sum()).backward()
        scaler.unscale_(optimizer)
        assert w.grad.item() == 3.0
        scaler.step(optimizer)
        scaler.update()
        assert scaler.get_scale() == expected
    assert abs(w.item() - 0.4) < 1e-6
    optimizer.zero_grad()
    scaler.scale((w * float("inf")).sum()).backward()
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="already been called"):
        scaler.step(optimizer)
    scaler.update()
    assert abs(w.item() - 0.4) < 1e-6 and scaler.get_scale() == 4.0
    other = torch.amp.GradScaler("cpu")
    other.load_state_dict(scaler.state_dict())
    assert other.get_scale() == 4.0
    with pytest.warns(UserWarning, match="CUDA is not available"):
        off = torch.amp.GradScaler()
    assert not off.is_enabled() and off.scale(3) == 3 and off.state_dict() == {}


@pytest.mark.parametrize(
    ("find", "reason"),
    [
        (lambda: torch.jit, "TorchScript"),
        (lambda: torch.sparse_coo_tensor, "no sparse tensors"),
        (lambda: torch.quantize_per_tensor, "no quantized tensors"),
        (lambda: torch.distributed, "one process"),
        (lambda: torch.kl_div, "torch.nn.functional.kl_div"),
        (lambda: torch.nn.SyncBatchNorm, "BatchNorm"),
        (lambda: torch.optim.SparseAdam, "Adam"),
        (lambda: torch.ones(1).to_sparse(), "no sparse tensors"),
        (lambda: torch.ones(1).q_scale(), "no quantized tensors"),
        (lambda: torch.ones(1).storage(), "untyped_storage"),
    ],
)
def test_a_missing_name_says_why(find, reason):
    with pytest.raises(AttributeError, match=reason):
        find()


def test_an_unknown_name_is_just_unknown():
    with pytest.raises(AttributeError, match=r"has no attribute 'nothing_of_the_kind'$"):
        torch.nothing_of_the_kind  # noqa: B018
    assert not hasattr(torch.ones(1), "to_sparse") and not hasattr(torch.ones(1), "nothing")


def test_storage():
    x = torch.arange(6, dtype=torch.int32).reshape(2, 3)
    storage = x[1].untyped_storage()
    assert storage.data_ptr() == x.untyped_storage().data_ptr() == x.data_ptr() and len(storage) == 24
    storage[0] = 7
    assert x[0, 0] == 7 and storage.tolist()[:5] == [7, 0, 0, 0, 1]
    assert torch.ones(2, 3).t().untyped_storage().nbytes() == 24


def test_in_place_functions():
    x = torch.tensor([0.25, 4.0])
    assert torch.sqrt_(x) is x and x.tolist() == [0.5, 2.0]
    assert torch.clamp_(x, max=1.0).tolist() == [0.5, 1.0]
    assert torch.index_put_(x, (torch.tensor([0]),), torch.tensor(9.0)).tolist() == [9.0, 1.0]


def test_facts():
    x = torch.ones(2, 3)
    assert x.is_cpu and not x.is_mps and x.get_device() == -1 and x.name is None and x.ndimension() == 2
    assert x.is_set_to(x.view(2, 3)) and not x.is_set_to(x.clone()) and x.is_same_size(torch.zeros(2, 3))
    assert x.permute(1, 0).dim_order() == (1, 0) and x.new(2).shape == (2,) and x.new([1, 2]).tolist() == [1.0, 2.0]
    assert x.to_dense() is x and torch.is_signed(x) and torch.typename(x) == "torch.FloatTensor"
    assert x.apply_(lambda v: v + 1).sum() == 12 and x.map_(x, lambda a, b: a * b).sum() == 24
    with pytest.raises(TypeError, match="not differentiable"):
        torch.ones(1, requires_grad=True).apply_(abs)
    parameter = torch.ones(2).as_subclass(torch.nn.Parameter)
    assert isinstance(parameter, torch.nn.Parameter)
    assert pickle.loads(pickle.dumps(x)).tolist() == x.tolist()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert torch.range(0, 1, 0.5).tolist() == [0.0, 0.5, 1.0]
    assert caught[0].category is UserWarning


def test_functions_with_the_arguments_in_another_order():
    x = torch.randn(4, 3, 2)
    mean, var = torch.zeros(3), torch.ones(3)
    ours = torch.batch_norm(x, None, None, mean.clone(), var.clone(), True, 0.1, 1e-5, False)
    np.testing.assert_array_equal(
        ours.array, torch.nn.functional.batch_norm(x, mean.clone(), var.clone(), training=True).array
    )
    table = torch.randn(5, 2)
    assert torch.embedding(table, torch.tensor([3])).tolist() == table[3:4].tolist()
    assert torch.instance_norm(x, None, None, None, None, True, 0.1, 1e-5, False).shape == x.shape
    assert torch.nn.modules.Linear is torch.nn.Linear
