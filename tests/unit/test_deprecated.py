"""Old names that PyTorch still has: they warn, and do what the new ones do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_hw as torch

F = torch.nn.functional


@pytest.mark.parametrize(
    ("old", "shape", "options", "new"),
    [
        ("upsample", (1, 2, 3), {"scale_factor": 2}, {"mode": "nearest"}),
        ("upsample", (1, 2, 3, 3), {"size": 7, "mode": "bilinear"}, {}),
        ("upsample_nearest", (1, 2, 3, 3), {"scale_factor": 2}, {"mode": "nearest"}),
        ("upsample_bilinear", (1, 2, 3, 3), {"size": (5, 4)}, {"mode": "bilinear", "align_corners": True}),
    ],
)
def test_upsample_is_interpolate(
    old: str, shape: tuple[int, ...], options: dict[str, Any], new: dict[str, Any]
) -> None:
    x = torch.rand(shape)
    with pytest.warns(UserWarning, match="deprecated"):
        out = getattr(F, old)(x, **options)
    np.testing.assert_array_equal(out.numpy(), F.interpolate(x, **options, **new).numpy())
