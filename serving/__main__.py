"""`python -m eigenfit.serving` starts the embedded server; `--help` lists its flags."""

import sys

try:
    from .server.command import main
except ModuleNotFoundError as missing:
    if missing.name not in ("aiohttp", "grpc_health"):
        raise
    sys.exit("eigenfit: the server needs the extra `serve`: pip install 'eigenfit[serve]'")

if __name__ == "__main__":
    sys.exit(main())
