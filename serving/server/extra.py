"""What to say when a package of the extra `serve` is missing."""

from __future__ import annotations

_PACKAGES = ("aiohttp", "grpc_health")


def name_extra(missing: ModuleNotFoundError) -> ModuleNotFoundError:
    """The error with the way to put it right; itself if the module is not one of the extra."""
    package = (missing.name or "").partition(".")[0]
    if package not in _PACKAGES:
        return missing
    return ModuleNotFoundError(
        f"eigenfit.serving.server needs the extra `serve`, {package} is missing: "
        "pip install 'eigenfit[serve]'",
        name=missing.name,
    )
