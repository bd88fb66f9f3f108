"""The built wheel, in an environment that knows nothing of the checkout."""

import doctest
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
import tensorflow as tf

ROOT = Path(__file__).parents[1]
ROOMS = (
    "eigenfit",
    "solver",
    "export",
    "report",
    "serving",
    "cli",
    "problem",
    "systems",
    "workbench",
)
DATA = {"deploy", "templates", "static"}  # folders


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from a copy: the build leaves folders behind."""
    source = tmp_path_factory.mktemp("source")
    for room in ROOMS:
        shutil.copytree(ROOT / room, source / room, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    wheels = tmp_path_factory.mktemp("wheels")
    # Build with the setuptools that is here: nothing is downloaded.
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    build = [sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", wheels, source]
    subprocess.run(build, check=True, capture_output=True)
    (built,) = wheels.glob("eigenfit-*.whl")
    return built


def test_the_wheel_holds_the_rooms_and_their_data(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"eigenfit"}
    for room in ROOMS:
        for path in (ROOT / room).rglob("*"):
            data = path.suffix == ".py" or path.name == "py.typed" or DATA & {*path.parts}
            if path.is_file() and data and "__pycache__" not in path.parts:
                base = ROOT / room if room == "eigenfit" else ROOT
                assert f"eigenfit/{path.relative_to(base)}" in names


def test_the_first_example_runs_where_only_the_wheel_is_installed(wheel, tmp_path):
    """README's first example, in an environment with the wheel and its dependencies."""
    venv.create(tmp_path / "env", with_pip=False)
    python = tmp_path / "env" / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
    subprocess.run([*install, "--no-deps", "--no-index", wheel], check=True, capture_output=True)
    # The packages that are installed here, TensorFlow's among them. Python does not read the .pth
    # files of a folder named in a .pth file, so the editable install of the checkout stays unseen.
    (site,) = (tmp_path / "env" / "lib").glob("python*/site-packages")
    here = Path(tf.__file__).parents[1]
    (site / "dependencies.pth").write_text(f"{here}\n")
    first = (ROOT / "README.md").read_text().split("```python\n")[1].split("```")[0]
    example = doctest.DocTestParser().get_doctest(first, {}, "README.md", "README.md", 0)
    lines = "".join(part.source for part in example.examples)
    script = f"{lines}\nimport eigenfit\nprint(eigenfit.__version__)\nprint(eigenfit.__file__)\n"
    run = subprocess.run(
        [python, "-c", script], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    *printed, version, place = run.stdout.splitlines()
    assert printed == ["[1. 2. 3. 4.]"]
    assert version == wheel.name.split("-")[1]
    assert place == str(site / "eigenfit" / "__init__.py")
