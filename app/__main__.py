"""`python -m app`: the workbench on its port."""

import sys

from app.workbench import main

if __name__ == "__main__":
    sys.exit(main())
