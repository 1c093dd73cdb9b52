"""Names of types for annotations: ``torch.types``."""

from __future__ import annotations

import os
from typing import IO, TypeAlias

from tinygrad_hw.device import device as _device

__all__ = ["Device", "FileLike", "Number"]

Number: TypeAlias = int | float | bool
Device: TypeAlias = _device | str | int | None
FileLike: TypeAlias = str | os.PathLike[str] | IO[bytes]
