"""`python -m eigenfit.serving`: the embedded server, as `eigenfit serve`."""

import sys

from eigenfit.tensorflow_log import quiet_tensorflow

from .server.options import main

if __name__ == "__main__":
    quiet_tensorflow()
    sys.exit(main(sys.argv[1:]))
