"""``python -m tinygrad_hw``: the command line."""

import sys

from tinygrad_hw.cli import main

if __name__ == "__main__":
    sys.exit(main())
