"""`python -m eigenfit.serving` starts the embedded server; `--help` lists its flags."""

import sys

try:
    from .server.command import main
except ModuleNotFoundError as missing:
    if "eigenfit[serve]" not in str(missing):
        raise
    sys.exit(f"eigenfit: {missing}")

if __name__ == "__main__":
    sys.exit(main())
