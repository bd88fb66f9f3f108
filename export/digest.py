"""The digest of a SavedModel.

Ray workers get this module by value, so it imports the standard library only.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

#: The files that TensorFlow reads. TensorFlow Serving prefers saved_model.cpb to saved_model.pb.
_READ_BY_TENSORFLOW = ("saved_model.*", "variables/**/*", "assets/**/*")


def digest_model(directory: str | os.PathLike[str]) -> str:
    """The SHA-256 over the graph, variables and assets of a model.

    It covers names and contents, so a file that was changed, exchanged, added or removed changes
    the digest. Links are followed. `fingerprint.pb`, which no computation reads, and `assets.extra`
    are left out.

    Args:
        directory: of the SavedModel.

    Returns:
        The digest, 64 hexadecimal digits.
    """
    root = Path(directory)
    found = {path for pattern in _READ_BY_TENSORFLOW for path in root.glob(pattern)}
    by_name = {path.relative_to(root).as_posix(): path for path in found if path.is_file()}
    total = hashlib.sha256()
    for name, path in sorted(by_name.items()):
        total.update(name.encode(errors="surrogateescape") + b"\0")
        with path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()
