"""Publishes versions of several files as fast as it can, until it is killed."""

import sys
from pathlib import Path

from eigenfit.export.publishing import publish, remove_old_versions, staging_directory

base_dir = Path(sys.argv[1])
FILES = 20

while True:
    with staging_directory(base_dir) as staged:
        for number in range(FILES):
            (staged / f"part{number}").write_text("x" * 2000)
        published = publish(staged, base_dir, None)
    remove_old_versions(base_dir, keep=3, newest=int(published.name))
