"""``summary``: its tables, its numbers, and that the model is left as it was."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_hw as torch
from tests.unit.summary_models import CASES, call, models
from tinygrad_hw import nn
from tinygrad_hw.nn import hooks
from tinygrad_hw.summary import ModelStatistics, summary

TABLES = Path(__file__).with_name("summaries")
MODELS = models(torch)


@pytest.mark.parametrize("name", CASES)
def test_table(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The tables were compared with torchinfo's line by line; tests/parity does that where torchinfo is installed."""
    expected = (TABLES / f"{name}.txt").read_text(encoding="utf-8")
    assert call(torch, summary, name) + "\n" == expected
    assert capsys.readouterr().out == expected  # printed once, as by default


def quiet(model: Any, *args: Any, **kwargs: Any) -> ModelStatistics:
    return summary(model, *args, verbose=0, **kwargs)


def test_numbers_by_hand() -> None:
    found = quiet(MODELS["lenet"](), (2, 1, 28, 28))
    conv1, conv2 = 6 * (25 + 1), 16 * (6 * 25 + 1)
    linear = [120 * 401, 84 * 121, 10 * 85]
    assert found.total_params == found.trainable_params == conv1 + conv2 + sum(linear) == 61706
    assert found.total_mult_adds == 2 * (conv1 * 28 * 28 + conv2 * 10 * 10 + sum(linear))
    assert found.total_output_bytes == 2 * 4 * 2 * (6 * 28 * 28 + 16 * 10 * 10 + 120 + 84 + 10)
    assert found.total_input == 4 * 2 * 28 * 28
    assert found.total_param_bytes == 4 * 61706
    assert found.total_bytes == found.total_input + found.total_output_bytes + found.total_param_bytes
    rows = found.summary_list
    assert [r.depth_index for r in rows if r.depth == 1] == [1, 2]
    assert [r.var_name for r in rows[:3]] == ["LeNet", "features", "0"]
    assert [c.class_name for c in rows[1].children] == ["Conv2d", "ReLU", "MaxPool2d"] * 2
    assert rows[2].output_size == [2, 6, 28, 28] and rows[2].kernel_size == [5, 5]


def test_resnet20_has_the_numbers_of_its_paper() -> None:
    found = quiet(MODELS["resnet20"](), (1, 3, 32, 32))
    assert round(found.total_params / 1e6, 2) == 0.27
    assert 40.5e6 < found.total_mult_adds < 41.5e6


def test_units() -> None:
    wide = quiet(nn.Linear(1000, 1000, bias=False), (2000, 1000))
    assert "Total mult-adds (G): 2\n" in str(wide)
    assert "Total mult-adds (M): 0\n" in str(quiet(nn.ReLU(), (2, 3)))
    deep = quiet(nn.Sequential(*[nn.Linear(1000, 1000, bias=False)] * 3), (500, 1000))
    assert "Total mult-adds (G): 1.50\n" in str(deep)


def test_shared_parameters_count_once() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(10, 4)
            self.head = nn.Linear(4, 10, bias=False)
            self.head.weight = self.embedding.weight

        def forward(self, x: Any) -> Any:
            return self.head(self.embedding(x))

    found = quiet(Tied(), (2, 3), dtypes=[torch.int64])
    assert [r.num_params for r in found.summary_list] == [40, 40, 40]
    assert found.total_params == 40 and found.total_param_bytes == 160
    assert found.summary_list[0].leftover_params == 0


def test_a_layer_in_two_containers_belongs_to_the_last() -> None:
    shared = nn.Linear(3, 3)
    model = nn.Sequential(nn.Sequential(shared), nn.Sequential(nn.Tanh(), shared))
    found = quiet(model, (1, 3))
    assert [(r.class_name, r.depth) for r in found.summary_list] == [
        ("Sequential", 0),
        ("Sequential", 1),
        ("Sequential", 1),
        ("Linear", 2),
        ("Sequential", 1),
        ("Tanh", 2),
        ("Linear", 2),
    ]
    assert [r.is_recursive for r in found.summary_list if r.class_name == "Linear"] == [False, True]
    assert found.total_params == 12


def test_pruned_weights_count_by_their_mask() -> None:
    layer = nn.Linear(4, 2)
    weight = layer.weight
    del layer.weight
    layer.weight_orig = nn.Parameter(weight.detach())
    layer.register_buffer("weight_mask", torch.tensor([[1.0, 0, 0, 1], [0, 0, 0, 1]]))
    layer.register_forward_pre_hook(lambda m, args: setattr(m, "weight", m.weight_orig * m.weight_mask))
    found = quiet(nn.Sequential(layer), (5, 4))
    assert found.total_params == 3 + 2
    assert found.total_mult_adds == 5 * (3 + 2)


# -- inputs ----------------------------------------------------------------------------------------


def test_inputs_of_every_form() -> None:
    linear = nn.Linear(3, 2)
    for size in ((4, 3), [4, 3], torch.Size([4, 3]), [(4, 3)], ((4, 3),), (np.int64(4), 3)):
        assert quiet(linear, size).summary_list[0].input_size == [4, 3]
    for data in (torch.zeros(4, 3), np.zeros((4, 3), np.float32), [torch.zeros(4, 3)], {"input": torch.zeros(4, 3)}):
        found = quiet(linear, input_data=data)
        assert found.summary_list[0].input_size == [4, 3]
        assert found.total_input == 48
    nested = quiet(nn.Identity(), input_data=[[torch.zeros(2, 3), {"a": torch.zeros(5, dtype=torch.int64)}]])
    assert nested.total_input == 24 + 40
    assert nested.summary_list[0].output_size == [2, 3]


def test_batch_dim_shows_one_sample() -> None:
    found = quiet(nn.Linear(3, 2), input_data=torch.zeros(8, 3), batch_dim=0)
    assert found.summary_list[0].output_size == [1, 2]
    assert found.total_mult_adds == 8
    last = quiet(nn.Identity(), (3, 5), batch_dim=-1)
    assert last.summary_list[0].input_size == [3, 5, 1]


def test_keyword_arguments_reach_the_model() -> None:
    found = quiet(MODELS["add"](), (2, 3), y=torch.zeros(4, 1, 3))
    assert found.summary_list[0].output_size == [4, 2, 3]


def test_odd_outputs() -> None:
    class Odd(nn.Module):
        def forward(self, x: Any) -> Any:
            return {}

    class Text(nn.Module):
        def forward(self, x: Any) -> Any:
            return "done"

    class Packed(nn.Module):
        def forward(self, x: Any) -> Any:
            return nn.utils.rnn.pack_padded_sequence(x, [3, 2], batch_first=True)

    assert quiet(Odd(), (1,)).summary_list[0].output_size == []
    assert quiet(Text(), (1,)).summary_list[0].output_size == []
    assert quiet(Packed(), (2, 3, 4)).summary_list[0].output_size == [5, 4]


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"input_size": (1, 3), "input_data": torch.zeros(1, 3)}, RuntimeError, "Only one of"),
        ({"input_size": 3}, TypeError, "tuple of ints"),
        ({"input_size": (1, 2.5)}, TypeError, "ints"),
        ({"input_size": (1, 0)}, ValueError, "positive"),
        ({"input_size": ()}, ValueError, "empty"),
        ({"input_size": (1, 3), "dtypes": [torch.float32, torch.int64]}, ValueError, "2 entries"),
        ({"input_data": 3}, TypeError, "input_data"),
        ({"col_names": ["input_size"]}, ValueError, "must pass input_data or input_size"),
        ({"input_size": (1, 3), "col_names": ["size"]}, ValueError, "'size' is not a column"),
        ({"row_settings": ["names"]}, ValueError, "'names' is not a row setting"),
        ({"mode": "test"}, ValueError, "'eval' or 'train'"),
        ({"col_width": 0}, ValueError, "greater than 0"),
        ({"verbose": 3}, ValueError, "verbose must be"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        summary(nn.Linear(3, 2), **arguments)


def test_what_is_no_module_is_refused() -> None:
    with pytest.raises(TypeError, match=r"nn\.Module"):
        summary(lambda x: x, (1, 3))  # type: ignore[arg-type]


def test_a_failing_layer_is_named() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(5, 2))
    with pytest.raises(RuntimeError, match=r"failed in Sequential \(Sequential\) > Linear \(2\)") as caught:
        quiet(model, (1, 3))
    assert "['Linear (0)', 'ReLU (1)']" in str(caught.value)
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert not hooks.GLOBAL.any()
    assert all(m.training for m in model.modules())


# -- the model is left alone -----------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_state_is_untouched(mode: str, seed: int) -> None:
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Dropout(0.5), nn.Flatten(), nn.Linear(3 * 16, 2))
    model[1].eval()
    model[4].weight.requires_grad_(False)
    model(torch.randn(5, 1, 6, 6)).sum().backward()
    modes = [m.training for m in model.modules()]
    state = {k: v.clone() for k, v in model.state_dict().items()}
    identities = [id(t) for t in (*model.parameters(), *model.buffers())]
    grads = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
    random = torch.get_rng_state()
    found = quiet(model, (7, 1, 6, 6), mode=mode)
    assert found.summary_list[0].output_size == [7, 2]
    assert [m.training for m in model.modules()] == modes
    assert [id(t) for t in (*model.parameters(), *model.buffers())] == identities
    for key, value in model.state_dict().items():
        assert np.array_equal(value.numpy(), state[key].numpy()), key
    for p, before in zip(model.parameters(), grads, strict=True):
        assert (p.grad is None) is (before is None)
        assert before is None or torch.equal(p.grad, before)
    assert torch.equal(torch.get_rng_state(), random)
    assert not hooks.GLOBAL.any()
    assert all(m._call_hooks is None or not m._call_hooks.any() for m in model.modules())


def test_running_statistics_would_change_without_care(seed: int) -> None:
    """The forward pass in training mode does change them; so the test above can fail."""
    model = nn.BatchNorm1d(2)
    before = model.running_var.clone()
    model(torch.zeros(4, 2))
    assert not torch.equal(model.running_var, before)


def test_buffers_that_are_replaced_or_written() -> None:
    class Counter(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("calls", torch.zeros(()))
            self.register_buffer("last", torch.zeros(2))

        def forward(self, x: Any) -> Any:
            self.calls += 1
            self.last = x.detach() + 1
            return x

    model = Counter()
    calls, last = model.calls, model.last
    quiet(model, (2,))
    assert model.calls is calls and calls.item() == 0
    assert model.last is last and last.tolist() == [0, 0]


def test_a_graph_that_saved_a_buffer_survives() -> None:
    bn = nn.BatchNorm1d(3)
    bn.eval()
    x = torch.ones(2, 3, requires_grad=True)
    y = bn(x)
    bn.train()
    quiet(nn.Sequential(bn), (4, 3), mode="train")
    y.sum().backward()
    assert x.grad is not None


def test_lazy_layers_stay_lazy() -> None:
    model = MODELS["lazy"]()
    found = quiet(model, (2, 2, 9, 9))
    assert found.total_params == 4 * 19 + 3 * 197
    assert [type(m).__name__ for m in model] == ["LazyConv2d", "Flatten", "LazyLinear"]
    assert model(torch.zeros(1, 1, 5, 5)).shape == (1, 3)


def test_other_threads_do_not_appear() -> None:
    other = nn.Linear(2, 2)

    class Meanwhile(nn.Module):
        def forward(self, x: Any) -> Any:
            thread = threading.Thread(target=lambda: other(x))
            thread.start()
            thread.join()
            return x

    assert [r.class_name for r in quiet(Meanwhile(), (1, 2)).summary_list] == ["Meanwhile"]


def test_the_forward_pass_can_be_kept() -> None:
    calls: list[int] = []

    class Counted(nn.Linear):
        def forward(self, x: Any) -> Any:
            calls.append(len(x))
            return super().forward(x)

    model = Counted(3, 2)
    first = quiet(model, (4, 3), cache_forward_pass=True)
    again = quiet(model, (4, 3), cache_forward_pass=True, col_names=["mult_adds"])
    assert calls == [4]
    assert first.total_mult_adds == again.total_mult_adds
    quiet(model, (5, 3), cache_forward_pass=True)
    quiet(model, (5, 3))
    quiet(Counted(3, 2), (4, 3), cache_forward_pass=True)
    assert calls == [4, 5, 5, 4]
