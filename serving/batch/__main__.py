"""`python -m eigenfit.serving.batch` fits a dataset; `--help` lists its options."""

import sys

from .command import main

if __name__ == "__main__":
    sys.exit(main())
