"""Exporters that race and are killed at any moment leave whole versions only."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import tensorflow as tf

from eigenfit.export import load_solver_info
from eigenfit.export.publishing import existing_versions

PROGRAMS = Path(__file__).parent / "programs"
PARTS = 20
ROUNDS = 15


def start(program, base_dir):
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen([sys.executable, PROGRAMS / program, base_dir], env=environment)


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
    for _ in range(ROUNDS):
        exporters = [start("publish_forever.py", tmp_path) for _ in range(2)]
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


def test_real_exports_after_kill(tmp_path):
    """Two exporters of a solver side by side, killed one after the other: what is left loads."""
    generator = random.Random(5)
    exporters = [start("export_forever.py", tmp_path) for _ in range(2)]
    try:
        while not existing_versions(tmp_path):
            assert all(exporter.poll() is None for exporter in exporters)
            time.sleep(0.01)
        for exporter in exporters:
            time.sleep(generator.uniform(0.0, 2.0))
            assert exporter.poll() is None
            exporter.kill()  # SIGKILL
            exporter.wait()
    finally:
        for exporter in exporters:
            exporter.kill()
            exporter.wait()
    versions = existing_versions(tmp_path)
    assert versions
    for name in versions.values():
        version_dir = str(tmp_path / name)
        assert load_solver_info(version_dir)["parameter_names"] == ["a00", "a11", "a10"]
        spectrum = tf.saved_model.load(version_dir).signatures["spectrum"]
        levels = spectrum(parameters=tf.constant([[1.0, 1.0, 2.0]], tf.float64))["eigenvalues"]
        np.testing.assert_allclose(levels, [[-1.0, 3.0]], rtol=1e-14)
    left = {path.name for path in tmp_path.iterdir()} - set(versions.values())
    assert all(name.startswith(("exporting-", "removing-")) for name in left)
