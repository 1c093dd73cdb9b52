"""``python -m benchmarks``."""

from __future__ import annotations

import sys

from benchmarks.cli import main

if __name__ == "__main__":
    try:
        code = main()
    except KeyboardInterrupt:  # before anything was measured
        code = 130
    sys.exit(code)
