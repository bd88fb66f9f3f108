"""`import eigenfit`: its names, and that TensorFlow waits for their first use."""

import importlib
import subprocess
import sys
from importlib.metadata import version

import pytest

import eigenfit

ROOM_OF_EACH = {
    "solver": importlib.import_module("eigenfit.solver").__all__,
    "export": importlib.import_module("eigenfit.export").__all__,
    "problem": ["Problem", "ProblemError"],
    "report": importlib.import_module("eigenfit.report").__all__,
    "serving": ["GrpcClient", "RestClient", "ServingError"],
}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)


def test_import_and_command_leave_tensorflow_alone():
    program = """
import os, sys
before = dict(os.environ)
import eigenfit
print(eigenfit.__version__, len(dir(eigenfit)) >= len(eigenfit.__all__))
print([name for name in ("tensorflow", "numpy") if name in sys.modules], os.environ == before)
"""
    done = run("-c", program)
    assert done.stdout.split("\n")[:2] == [f"{version('eigenfit')} True", "[] True"]
    assert done.stderr == ""


def test_the_module_is_the_command():
    done = run("-m", "eigenfit", "--version")
    assert (done.stdout.strip(), done.stderr) == (f"eigenfit {version('eigenfit')}", "")


def test_every_name_is_that_of_its_room():
    for room, names in ROOM_OF_EACH.items():
        for name in names:
            assert getattr(eigenfit, name) is getattr(getattr(eigenfit, room), name)
    every = {name for names in ROOM_OF_EACH.values() for name in names}
    assert set(eigenfit.__all__) == every | {"__version__", "quiet_tensorflow"}
    assert set(eigenfit.__all__) <= set(dir(eigenfit))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'eigenfit' has no attribute 'Levles'"):
        _ = eigenfit.Levles  # pyright: ignore[reportAttributeAccessIssue]  # the point of the test
    assert not hasattr(eigenfit, "workbnech")
