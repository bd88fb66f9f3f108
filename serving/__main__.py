"""`python -m eigenfit.serving`: the embedded server, as `eigenfit serve`."""

import sys

from .server.options import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
