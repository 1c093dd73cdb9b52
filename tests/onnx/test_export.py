"""The function itself: arguments, names, what it leaves as it was, warnings and errors."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_hw as torch
from tests.onnx.common import check, compare, exported, onnx, run
from tests.onnx.test_layers import floats
from tests.onnx.test_operations import Function
from tinygrad_hw import nn
from tinygrad_hw.autograd.tracer import tracing

Error = torch.onnx.OnnxExporterError


class Net(nn.Module):
    """A small network with named parts."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())
        self.head = nn.Linear(8, 3)

    def forward(self, image: Any, scale: Any = None, *, shift: Any = 0) -> Any:
        x = self.head(self.features(image).flatten(1))
        return (x if scale is None else x * scale) + shift


def image(n: int = 2) -> Any:
    return floats(n, 1, 4, 4)


def test_names_are_those_of_the_model() -> None:
    proto = check(Net(), (image(),), (image(3),))
    assert {i.name for i in proto.graph.initializer} >= {
        "features.0.weight", "features.0.bias", "head.weight", "head.bias"
    }  # fmt: skip
    names = [n.name for n in proto.graph.node]
    assert names[:2] == ["/features/0/Conv", "/features/1/Relu"]
    assert "/head/Gemm" in names
    assert len(names) == len(set(names))
    assert proto.producer_name == "tinygrad_hw"


def test_inputs_and_outputs_have_names_and_axes() -> None:
    proto = onnx.load_from_string(exported(Net(), (image(), floats(3))))
    assert [i.name for i in proto.graph.input] == ["image", "scale"]
    assert [o.name for o in proto.graph.output] == ["output"]
    options = {
        "input_names": ["picture"],
        "output_names": ["scores"],
        "dynamic_axes": {"picture": {0: "n"}, "scores": [0]},
    }
    proto = onnx.load_from_string(exported(Net(), image(), **options))
    assert proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "n"
    assert proto.graph.output[0].type.tensor_type.shape.dim[0].dim_param == "n"
    assert [d.dim_value for d in proto.graph.output[0].type.tensor_type.shape.dim] == [0, 3]


@pytest.mark.parametrize(
    "shapes",
    [
        {"image": {0: "batch"}},
        ({0: "batch"},),
        ({-4: "batch"},),
        {"image": ("batch", None, None, None)},
        {"image": [0]},
    ],
    ids=str,
)
def test_dynamic_shapes(shapes: Any) -> None:
    model = Net()
    compare(model, (image(5),), exported(model, (image(),), dynamic_shapes=shapes))


def test_keyword_arguments() -> None:
    model = Net()
    for args, options in (((image(), {"shift": floats(3)}), {}), ((image(),), {"kwargs": {"shift": floats(3)}})):
        data = exported(model, args, **options)
        found = run(data, [image().numpy(), floats(3).numpy()])
        with torch.no_grad():
            np.testing.assert_allclose(found[0], model(image(), shift=floats(3)).numpy(), rtol=1e-5, atol=1e-6)


def test_nested_and_plain_arguments() -> None:
    model = Function(lambda pair, k, flag, last: pair[0] * k + pair[1]["b"] if flag else last)
    args = ((floats(2, 3), {"b": floats(2, 3)}), 3, True, None)
    proto = onnx.load_from_string(exported(model, args))
    assert [i.name for i in proto.graph.input] == ["args_0_0", "args_0_1"]
    compare(model, args, proto.SerializeToString())


def test_where_the_file_goes(tmp_path: Path) -> None:
    model, path = Net(), tmp_path / "net.onnx"
    program = torch.onnx.export(model, (image(),), path)
    assert path.read_bytes() == program.model_proto.SerializeToString()
    assert [p.name for p in tmp_path.iterdir()] == ["net.onnx"]
    compare(model, (image(),), path.read_bytes())
    buffer = io.BytesIO()
    torch.onnx.export(model, (image(),), buffer)
    assert buffer.getvalue() == path.read_bytes()
    program.save(str(tmp_path / "again.onnx"))
    assert (tmp_path / "again.onnx").read_bytes() == path.read_bytes()


def test_an_old_file_stays_whole_when_the_export_fails(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"old")
    with pytest.raises(Error):
        torch.onnx.export(Function(torch.special.bessel_j0), (floats(2),), path)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["net.onnx"]


def test_the_model_and_the_random_stream_stay_as_they_were() -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("calls", torch.zeros(1))
            self.inner = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout())

        def forward(self, x: Any) -> Any:
            self.calls += 1
            x += 1
            return self.inner(x) + self.calls

    model = Counting()
    model.inner[1].eval()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    x = floats(4, 3)
    data = exported(model, (x,), dynamic_axes={"x": [0]})
    assert torch.equal(torch.rand(2), expected)
    assert torch.equal(x, floats(4, 3))
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert model.training and model.inner[0].training and not model.inner[1].training
    assert not tracing()
    assert not torch.onnx.is_in_onnx_export()
    with torch.no_grad():
        expected = model.eval()(floats(4, 3))
    np.testing.assert_allclose(run(data, [floats(4, 3).numpy()])[0], expected.numpy(), rtol=1e-5, atol=1e-6)


def test_after_an_error_nothing_is_left_behind() -> None:
    def fails(x: Any) -> Any:
        raise KeyError("mine")

    model = nn.Sequential(nn.Linear(3, 3), Function(fails))
    with pytest.raises(KeyError, match="mine"):
        exported(model, (floats(2, 3),))
    assert not tracing()
    assert model.training
    assert not torch.onnx.is_in_onnx_export()


def test_a_forward_can_ask_whether_it_is_exported() -> None:
    data = exported(Function(lambda x: x + 1 if torch.onnx.is_in_onnx_export() else x - 1), (floats(2),))
    np.testing.assert_allclose(run(data, [floats(2).numpy()])[0], floats(2).numpy() + 1)


def test_parameters_as_inputs() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.LSTM(3, 2, batch_first=True))
    data = exported(model, (floats(2, 5, 4),), export_params=False)
    proto = onnx.load_from_string(data)
    names = [i.name for i in proto.graph.input]
    assert names[0] == "input"
    assert set(names[1:]) == set(model.state_dict())
    arrays = [floats(2, 5, 4).numpy(), *(model.state_dict()[n].numpy() for n in names[1:])]
    with torch.no_grad():
        expected = model(floats(2, 5, 4))
    np.testing.assert_allclose(run(data, arrays)[0], expected[0].numpy(), rtol=1e-5, atol=1e-6)
    proto = onnx.load_from_string(exported(Net(), (image(),), keep_initializers_as_inputs=True))
    assert {"image", "head.weight"} <= {i.name for i in proto.graph.input}


def test_constants_are_folded_unless_told_not_to() -> None:
    model = Function(lambda x: x @ (torch.ones(3, 3) * 2).tril().t())
    proto = onnx.load_from_string(exported(model, (floats(2, 3),)))
    assert [n.op_type for n in proto.graph.node] == ["MatMul"]
    data = exported(model, (floats(2, 3),), do_constant_folding=False)
    assert {n.op_type for n in onnx.load_from_string(data).graph.node} >= {"Mul", "Trilu", "MatMul"}
    compare(model, (floats(2, 3),), data)


def test_what_no_output_needs_is_left_out() -> None:
    class Idle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.idle, self.used = nn.Linear(3, 300), nn.Linear(3, 2)

        def forward(self, x: Any) -> Any:
            torch.special.bessel_j0(self.idle(x))
            return self.used(x)

    proto = onnx.load_from_string(exported(Idle(), (floats(2, 3),)))
    assert [n.op_type for n in proto.graph.node] == ["Gemm"]
    assert [i.name for i in proto.graph.initializer] == ["used.weight", "used.bias"]


def test_shared_parameters_are_stored_once() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    proto = check(model, (floats(2, 3),), (floats(4, 3),))
    assert [i.name for i in proto.graph.initializer] == ["0.weight", "0.bias", "1.bias"]


def test_verify_and_verbose(capsys: pytest.CaptureFixture[str]) -> None:
    torch.onnx.export(Net(), (image(),), verify=True, verbose=True)
    text = capsys.readouterr().out
    assert text.startswith("graph(image[2, 1, 4, 4]) -> output[2, 3]")
    assert "  head.weight[3, 8]\n" in text
    assert " = Gemm(" in text


# -- values in Python ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * 2 if x[0, 0] > 0 else x.exp(),
        lambda x: x + x.max().item(),
        lambda x: x + torch.tensor(x.numpy() * 2),
        lambda x: x[: int(x.argmax()) + 1],
    ],
)
def test_values_taken_in_python_are_fixed_with_a_warning(function: Any) -> None:
    x = torch.tensor([[1.0, 2.0], [-3.0, -4.0]])
    model = Function(function)
    with pytest.warns(torch.onnx.OnnxExporterWarning, match="looks at values of its input in Python"):
        data = exported(model, (x,))
    compare(model, (x,), data)


def test_control_flow_by_sizes_is_fixed_without_dynamic_axes() -> None:
    model = Function(lambda x: x * 2 if x.size(0) > 3 else x + 1)
    check(model, (floats(2, 3),), axes=None)
    with pytest.raises(Error, match="does not do the same for all sizes"):
        exported(model, (floats(2, 3),), dynamic_axes={"args_0": [0]})


def test_random_numbers_are_fixed_with_a_warning() -> None:
    model = Function(lambda x: x + torch.randn(3))
    torch.manual_seed(1)
    with pytest.warns(torch.onnx.OnnxExporterWarning, match="draws random numbers"):
        data = exported(model, (floats(3),))
    compare(model, (floats(3),), data)


# -- errors ----------------------------------------------------------------------------------------


def refuses(model: Any, args: Any, match: str, kind: Any = Error, **options: Any) -> None:
    with pytest.raises(kind, match=match):
        exported(model, args, **options)


def test_an_operation_without_a_rule_is_named_with_its_layer() -> None:
    class Inner(nn.Module):
        def forward(self, x: Any) -> Any:
            return torch.special.bessel_j0(x)

    model = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Tanh(), Inner()))
    refuses(
        model, (floats(3),), r"1\.1 \(Inner\) uses 'special_bessel_j0', for which there is no rule",
        torch.onnx.UnsupportedOperatorError,
    )  # fmt: skip


IMPOSSIBLE = {
    "indices of a pooling": (nn.MaxPool2d(2, return_indices=True), (floats(1, 1, 4, 4),), "no such output"),
    "projection": (nn.LSTM(3, 4, proj_size=2), (floats(5, 2, 3),), "has no projection"),
    "mask": (Function(lambda x: x[x > 0]), (floats(4),), "how many elements a mask selects"),
    "unpooling": (
        Function(lambda x, i: nn.functional.max_unpool1d(x, i, 2)),
        (floats(1, 1, 2), torch.tensor([[[0, 2]]])), "'max_unpool2d', for which there is no rule",
    ),
    "max_norm": (nn.Embedding(4, 2, max_norm=1.0), (torch.tensor([1]),), "Renormalise the weight once"),
    "classes": (Function(nn.functional.one_hot), (torch.tensor([1]),), "Say it"),
    "random numbers in place": (Function(lambda x: x * torch.empty(4).normal_()), (floats(4),), "random numbers"),
    "scatter mean": (
        Function(lambda x, i: x.scatter_reduce(0, i, x, "mean")), (floats(3), torch.tensor([0, 0, 1])), "."
    ),
    "no tensor": (Function(lambda x: 3), (floats(3),), "returned no tensor"),
}  # fmt: skip


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_what_cannot_be_written_is_refused(name: str) -> None:
    model, args, match = IMPOSSIBLE[name]
    refuses(model, args, match)


def test_sizes_that_cannot_be_explained_are_refused() -> None:
    refuses(
        Function(lambda x: x.sum() + torch.ones(x.size(0) ** 3 + 7)), (floats(4, 3),), "cannot tell how it is computed",
        dynamic_axes={"args_0": [0]},
    )  # fmt: skip
    sines = Function(lambda x: x + torch.tensor(np.sin(np.arange(float(x.size(0))))))
    refuses(sines, (floats(4),), "outside of the exporter", dynamic_axes={"args_0": [0]})
    refuses(nn.Linear(4, 3), (floats(2, 4),), "cannot be run with other sizes", dynamic_axes={"input": [1]})
    refuses(nn.AdaptiveAvgPool2d(2), (floats(1, 1, 4, 4),), "Give that axis a fixed size", dynamic_axes={"input": [2]})


def test_packed_sequences_are_refused() -> None:
    class Packed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.GRU(3, 2, batch_first=True)

        def forward(self, x: Any) -> Any:
            packed = nn.utils.rnn.pack_padded_sequence(x, torch.tensor([4, 2]), batch_first=True)
            return self.inner(packed)[1]

    refuses(Packed(), (floats(2, 4, 3),), "packed sequences cannot be exported")


def test_arguments_that_do_not_fit_are_refused() -> None:
    refuses(lambda x: x, (floats(2),), "needs a torch.nn.Module", TypeError)
    refuses(Net(), (image(),), "opset_version must be 17 to 23, got 9", ValueError, opset_version=9)
    refuses(Net(), (image(),), "2 input_names for 1 inputs", ValueError, input_names=["a", "b"])
    refuses(Net(), (image(),), "2 output_names for 1 outputs", ValueError, output_names=["a", "b"])
    refuses(Net(), (image(),), "not unique, or names of inputs", ValueError, output_names=["image"])
    refuses(Net(), (image(),), r"dynamic_axes names \['x'\]", ValueError, dynamic_axes={"x": [0]})
    refuses(Net(), (image(),), "has no axis 7", ValueError, dynamic_axes={"image": [7]})
    refuses(Net(), (image(),), r"dynamic_shapes names \['x'\]", ValueError, dynamic_shapes={"x": {0: "n"}})
    refuses(Net(), (image(),), "2 entries for 1 arguments", ValueError, dynamic_shapes=({0: "n"}, None))
    refuses(Net(), (image(),), "not both", ValueError, dynamic_axes={"image": [0]}, dynamic_shapes=({0: "n"},))
    axes = {"args_0": {0: "n"}, "args_1": {0: "n"}}
    model = Function(lambda x, y: x.sum() + y)
    refuses(model, (floats(2), floats(3)), "'n' is 2 in one input and 3 in 'args_1'", ValueError, dynamic_axes=axes)
    mode = torch.onnx.TrainingMode.TRAINING
    refuses(Net(), (image(),), "in evaluation mode only", ValueError, training=mode)
    refuses(Net(), (), "missing a required argument: 'image'", TypeError)
    with pytest.warns(UserWarning, match="Anomaly"), torch.autograd.detect_anomaly():
        refuses(Net(), (image(),), "another tracer is at work")


def test_dropout_in_training_mode_is_refused() -> None:
    refuses(nn.Dropout(), (floats(4),), "dropout", training=torch.onnx.TrainingMode.PRESERVE)


def test_without_the_library_the_error_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['onnx'] = None\n"
        "import tinygrad_hw as torch\n"
        "try:\n    torch.onnx.export(torch.nn.ReLU(), torch.ones(1), None)\n"
        "except ImportError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert "pip install onnx" in done.stdout


def test_importing_the_package_does_not_import_the_library() -> None:
    code = "import sys, tinygrad_hw as torch; torch.onnx.export; print('onnx' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "False"
