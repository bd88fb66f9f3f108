"""What is installed is what the checkout holds."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_folder_of_modules_is_packaged():
    rooms = SETTINGS["tool"]["setuptools"]["package-dir"]
    found = set()
    for name, folder in rooms.items():
        for module in (ROOT / folder).rglob("__init__.py"):
            inner = module.parent.relative_to(ROOT / folder).parts
            found.add(".".join([name, *inner]))
    assert found == set(SETTINGS["tool"]["setuptools"]["packages"])


def test_every_room_is_typed():
    for folder in SETTINGS["tool"]["setuptools"]["package-dir"].values():
        assert (ROOT / folder / "py.typed").exists(), folder


def test_core_dependencies_are_the_three_of_the_design():
    names = {line.split("=")[0].split(">")[0] for line in SETTINGS["project"]["dependencies"]}
    assert names == {"tensorflow", "numpy", "tensorflow-serving-api"}


def test_constraints_name_versions_only():
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, equal, version = line.partition("==")
            assert equal, line
            assert name, line
            assert version[0].isdigit(), line
