"""`make demo` does the main job: what it prints and draws."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    script = ROOT / "docs" / "examples" / "demo.py"
    done = subprocess.run(
        [sys.executable, str(script)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # no line of TensorFlow's or CUDA's
    return folder / "demo_output", done.stdout


def test_a_thousand_starts_converge(demo):
    assert "1000 random starts in one call: 1000 converged" in demo[1]


def test_adam_takes_the_steps_of_the_tutorial(demo):
    assert "Adam, four starts: loss 1e-8 after 3112," in demo[1]


def test_crystal_field_has_the_expected_misfit(demo):
    # From the live solver, the process without eigenfit, and the server over gRPC and REST.
    assert [float(x) for x in re.findall(r"rms (\d+\.\d+) cm", demo[1])] == [5.24] * 4
    assert "in a process that cannot import eigenfit" in demo[1]
    assert "1000 rows with status 2" in demo[1]


def test_the_problem_file_gives_a_page(demo):
    assert "demo_output/crystal_field.toml" in demo[1]
    page = (demo[0] / "crystal_field_results" / "report.html").read_text(encoding="utf-8")
    assert "<svg" in page
    assert "Ho3+ in KY3F10" in page


def test_parameters_stand_beside_the_published_ones(demo):
    # Independent: scipy.optimize.least_squares and curve_fit on the same model.
    expected = {
        "B20": (-612.9, 30.8, -669),
        "B40": (-1247.0, 41.6, -1269),
        "B44": (346.2, 44.6, 344),
        "B60": (495.0, 19.3, 525),
        "B64": (-8.2, 35.4, 9),
    }
    for name, (value, error, published) in expected.items():
        line = re.search(rf"^ *{name} +(\S+) +(\S+) +\S+ +(\S+)$", demo[1], re.MULTILINE)
        assert line is not None, name
        assert [float(x) for x in line.groups()] == [value, error, published]


def test_the_line_for_curl_asks_for_the_measured_levels(demo):
    line = re.search(r"curl -d '(.*)' \\\n +(http://\S+:predict)", demo[1])
    assert line is not None
    levels = json.loads(line[1])["inputs"][0]
    assert levels[:3] == [0, 5.8, 19.7]
    assert len(levels) == 17
    assert line[2] == "http://127.0.0.1:8501/v1/models/crystal_field:predict"


@pytest.mark.parametrize("name", ["adam_trajectories.png", "ho3_levels.png"])
def test_figures_are_drawn(demo, name):
    from matplotlib import image

    pixels = image.imread(demo[0] / name)
    assert min(pixels.shape[:2]) > 500
    assert pixels[..., :3].std() > 0.05  # not one colour
