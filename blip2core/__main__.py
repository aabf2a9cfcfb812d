"""`python -m blip2core`: the same as `blip2`."""

import sys

from blip2core.cli import main

if __name__ == "__main__":
    sys.exit(main())
