"""``summary`` prints what torchinfo prints, line by line."""

from __future__ import annotations

import pytest

import tinygrad_hw
from tests.unit.summary_models import CASES, call, models
from tinygrad_hw.summary import summary

torch = pytest.importorskip("torch")
torchinfo = pytest.importorskip("torchinfo", minversion="1.8")

#: Starts of the lines that differ, where torchinfo is wrong. It leaves the parameters of layers with layers in them,
#: as attention has, out of the size of all; and of a layer that stands in two containers it gives each the parameters.
SIZE, TOTAL = "Params size (MB)", "Estimated Total Size (MB)"
DIFFERENT = {
    "encoder_layer": [SIZE],
    "transformer": [SIZE, TOTAL],
    "two_places": ["├─Sequential: 1-1", "├─Sequential: 1-3", "Total params", "Trainable params"],
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CASES)
def test_table(name: str) -> None:
    theirs = call(torch, torchinfo.summary, name).splitlines()
    ours = call(tinygrad_hw, summary, name).splitlines()
    # Since Python 3.11 formatting gives the name of a member of their enum.
    theirs = [line.replace("Units.MEGABYTES", "M").replace("Units.GIGABYTES", "G") for line in theirs]
    differing = [(t, o) for t, o in zip(theirs, ours, strict=True) if t != o]
    expected = DIFFERENT.get(name, [])
    assert len(differing) == len(expected), differing
    for (t, o), start in zip(differing, expected, strict=True):
        assert t.startswith(start) and o.startswith(start)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [m for m in models(torch) if m != "two_places"])
def test_attributes(name: str) -> None:
    case = next((a for m, a in CASES.values() if m == name and "input_size" in a), {})
    case = {k: v for k, v in case.items() if k in ("input_size", "dtypes")}
    results = []
    for library, function in ((torch, torchinfo.summary), (tinygrad_hw, summary)):
        arguments = dict(case)
        if "dtypes" in case:
            arguments["dtypes"] = [getattr(library, d) for d in case["dtypes"]]
        results.append(function(models(library)[name](), verbose=0, **arguments))
    theirs, ours = results
    for total in ("total_params", "trainable_params", "total_mult_adds", "total_output_bytes"):
        assert getattr(ours, total) == getattr(theirs, total), total
    for t, o in zip(theirs.summary_list, ours.summary_list, strict=True):
        for attribute in ("class_name", "var_name", "depth", "depth_index", "is_leaf_layer", "is_recursive",
                          "input_size", "output_size", "kernel_size", "num_params", "trainable_params", "param_bytes",
                          "output_bytes", "trainable"):  # fmt: skip
            assert getattr(o, attribute) == getattr(t, attribute), (t, attribute)
        if o.is_leaf_layer:
            assert o.macs == t.macs
