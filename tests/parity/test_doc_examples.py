"""The examples in the docstrings print the same when ``torch`` is PyTorch."""

from __future__ import annotations

import doctest
from pathlib import Path

import numpy as np
import pytest

from tests.meta.test_doc_examples import EXAMPLES

torch = pytest.importorskip("torch")
# A module that PyTorch does not import by itself.
pytest.importorskip("torch.utils.benchmark")

#: Examples of what PyTorch has not or does otherwise.
OURS_ALONE = {
    "device.device": "PyTorch accepts devices that are not there",
    "serialization.npz.save_npz": "PyTorch has no such function",
}
SHARED = {
    label: example
    for label, example in EXAMPLES.items()
    if not label.startswith("kernels.")
    and label not in OURS_ALONE
    and not any("tinygrad_hw" in e.source for e in example.examples)
}


def test_most_examples_are_shared() -> None:
    assert len(SHARED) > 0.8 * len(EXAMPLES)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("label", SHARED)
def test_example(label: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    example = SHARED[label]
    test = doctest.DocTest(
        example.examples,
        {"np": np, "torch": torch, "__name__": "__main__"},
        label,
        example.filename,
        0,
        example.docstring,
    )
    report: list[str] = []
    # The text of an exception says more here than PyTorch's; its type is the same.
    flags = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
    doctest.DocTestRunner(optionflags=flags, verbose=False).run(test, out=report.append)
    if report:
        pytest.fail("".join(report), pytrace=False)
