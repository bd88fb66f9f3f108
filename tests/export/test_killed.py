"""Exporters that race and are killed at any moment leave whole versions only."""

import random
import subprocess
import sys
import time
from pathlib import Path

from eigenfit.export.publishing import existing_versions

PROGRAM = Path(__file__).parent / "programs" / "publish_forever.py"
PARTS = 20


def half_versions(base_dir):
    """Versions that miss a part; one that was removed meanwhile is none."""
    half = []
    for number, name in existing_versions(base_dir).items():
        try:
            parts = [path for path in (base_dir / name).iterdir() if path.name.startswith("part")]
        except FileNotFoundError:
            continue
        if len(parts) != PARTS and (base_dir / name).exists():
            half.append(number)
    return half


def test_no_half_version_after_kill(tmp_path):
    """Two exporters side by side, killed with signal 9 at random moments."""
    generator = random.Random(4)
    newest = 0
    for _ in range(2):
        exporters = [subprocess.Popen([sys.executable, PROGRAM, tmp_path]) for _ in range(2)]
        before = newest
        while max(existing_versions(tmp_path), default=0) <= before + 3:
            assert half_versions(tmp_path) == []
            assert all(exporter.poll() is None for exporter in exporters)
            time.sleep(0.01)
        for exporter in exporters:
            time.sleep(generator.uniform(0.0, 0.05))
            exporter.kill()  # SIGKILL
            exporter.wait()
        assert half_versions(tmp_path) == []
        assert max(existing_versions(tmp_path)) > newest
        newest = max(existing_versions(tmp_path))
