"""The digest of a SavedModel. Ray's workers get this module by value: standard library only."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

#: Where TensorFlow reads from. TensorFlow Serving prefers a saved_model.cpb to a saved_model.pb.
_READ_BY_TENSORFLOW = ("saved_model.*", "variables/**/*", "assets/**/*")


def digest_model(directory: str | os.PathLike[str]) -> str:
    """The SHA-256 of all that the answers of a model come from: the graph, variables and assets.

    Names count as well as contents, so a file that was changed, exchanged, added or removed
    changes the digest. A link counts as the file that it leads to. `fingerprint.pb`, which nothing
    is computed from, and `assets.extra` do not count.

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
