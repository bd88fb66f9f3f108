"""Names of levels in the description of a model, and in the files of the command."""

import csv
import functools

import numpy as np
import pytest
import tensorflow as tf
from typer.testing import CliRunner

from eigenfit.cli.application import application
from eigenfit.export import load_solver_info
from eigenfit.solver import (
    Affine,
    Blend,
    Family,
    Levels,
    SpectralSolver,
    Spin,
    Transitions,
    split_by,
)
from tests.shared_export import export_once

S = Spin(3 / 2)
FIELDS = [0.5, 2.0]
LINES = [
    (f"B={b:g}, M={one}", f"B={b:g}, M={other}")
    for b in FIELDS
    for one, other in (("3/2", "1/2"), ("-1/2", "1/2"), ("-3/2", "-1/2"))
]
NAMES = [f"{upper}:0 - {lower}:0" for upper, lower in LINES]
# Two lines that were not resolved, the first twice as strong.
NAMES.append(f"{NAMES[0]} & {NAMES[5]}")


@functools.cache
def solver():
    """Lines of a spin 3/2 in two fields, from M to M - 1 or M + 1, and a blend of two."""
    fields = Family.affine(
        None,
        [[S.z @ S.z, b * S.z] for b in FIELDS],
        ["D", "g"],
        names=[f"B={b:g}" for b in FIELDS],
    )
    pairs = [((upper, 0), (lower, 0)) for upper, lower in LINES]
    observed = Transitions([*pairs, Blend([(pairs[0], 2.0), (pairs[5], 1.0)])])
    return SpectralSolver(split_by(fields, {"M": S.z}), observation=observed, starts=2)


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    return export_once(tmp_path_factory, "named", solver(), "serving_default", "spectrum")


def lines(d, g):
    """By hand: the levels are `D M^2 + g B M`."""
    level = lambda b, m: d * m**2 + g * b * m  # noqa: E731
    pairs = ((1.5, 0.5), (-0.5, 0.5), (-1.5, -0.5))
    found = [level(b, one) - level(b, other) for b in FIELDS for one, other in pairs]
    return np.array([*found, (2.0 * found[0] + found[5]) / 3.0])


def test_the_description_has_the_names(model_dir):
    info = load_solver_info(model_dir)
    assert info["member_names"][:3] == ["B=0.5, M=-3/2", "B=0.5, M=-1/2", "B=0.5, M=1/2"]
    assert info["level_names"] is None
    assert info["target_names"] == NAMES
    assert solver().target_names == tuple(NAMES)
    assert info["observation"]["pairs"][0] == [["B=0.5, M=3/2", 0], ["B=0.5, M=1/2", 0]]
    rotor = Affine(None, [np.eye(2)], level_names=["1_01", "1_11"])
    named = SpectralSolver(rotor, observation=Levels("lowest"))
    assert named.target_names == ("1_01 - 1_01", "1_11 - 1_01")


def test_the_loaded_model_fits_as_the_live_one(model_dir):
    noise = 0.01 * np.random.default_rng(4).normal(size=(4, 7))
    targets = lines(1.2, 0.7) + noise
    targets[1, 2], targets[2, 0] = np.nan, np.inf
    live = solver().fit(targets)
    loaded = tf.saved_model.load(str(model_dir)).signatures["serving_default"](
        targets=tf.constant(targets)
    )
    for name in ("status", "parameters", "standard_errors", "residuals"):
        np.testing.assert_array_equal(loaded[name], getattr(live, name))
    seen = ~np.isnan(targets[1])
    design = np.stack([lines(1.0, 0.0), lines(0.0, 1.0)], axis=1)
    expected = np.linalg.lstsq(design[seen], targets[1][seen], rcond=None)[0]
    np.testing.assert_allclose(live.parameters[1], expected, rtol=1e-7)


def test_the_command_reads_and_writes_names(model_dir, tmp_path):
    order = [4, 0, 6]
    observed = lines(1.2, 0.7)[order]
    with (tmp_path / "lines.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [[NAMES[place] for place in order], [*observed], ["", *observed[1:]]]
        )
    done = CliRunner().invoke(
        application, ["fit", str(model_dir), str(tmp_path / "lines.csv"), "--residuals"]
    )
    assert done.exit_code == 0, done.output
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert [float(rows[0][name]) for name in ("D", "g")] == pytest.approx([1.2, 0.7])
    assert list(rows[0])[-7:] == [f"residual {name}" for name in NAMES]
    seen = [[not np.isnan(float(row[f"residual {name}"])) for name in NAMES] for row in rows]
    assert [np.flatnonzero(row).tolist() for row in seen] == [[0, 4, 6], [0, 6]]
