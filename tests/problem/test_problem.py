"""What a problem file means: system, parameters, settings, check and fit."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.problem import Problem, ProblemError
from eigenfit.problem.problem import METHODS, with_paths
from eigenfit.problem.schema import json_schema
from eigenfit.solver import Adam, LevenbergMarquardt, SpectralSolver
from eigenfit.systems import SYSTEMS

from .systems import ladder, tops

LADDER = {"type": "ladder", "levels": 4}
ROWS = {"columns": ["level", "energy"], "rows": [[0, 1.0], [1, 3.1], [2, 5.9], [3, 10.2]]}


def made(**sections) -> Problem:
    return Problem.from_dict({"system": LADDER, "data": ROWS, **sections})


def test_the_fit_is_that_of_the_solver():
    fit = made(data={**ROWS, "sigma": 0.1}, fit={"absolute_sigma": True}).fit()
    # A ladder is linear: the answer is that of linear least squares.
    k = np.arange(4.0)
    design = np.stack([k**0, k, k**2], axis=1)
    answer, *_ = np.linalg.lstsq(design, [1.0, 3.1, 5.9, 10.2], rcond=None)
    np.testing.assert_allclose(fit.parameters[0], answer, rtol=1e-9)
    errors = 0.1 * np.sqrt(np.diag(np.linalg.inv(design.T @ design)))
    np.testing.assert_allclose(fit.standard_errors[0], errors, rtol=1e-6)


def test_fixed_and_tied_parameters_bounds_priors_and_starts():
    problem = made(
        parameters={
            "offset": {"fixed": 1.0},
            "bend": {"tie": "0.5 * step"},
            "step": {"start": 2, "bounds": [0, float("inf")], "prior": [2, 0.5]},
        }
    )
    assert problem.structure.parameter_names == ("step",)
    assert problem.fixed == {"offset": 1.0}
    assert problem.ties == {"bend": ("step", 0.5)}
    settings = problem.settings
    assert settings["bounds"] == {"step": (0, np.inf)}
    assert settings["priors"] == {"step": (2, 0.5)}
    assert settings["initial"] == {"step": 2}
    levels = problem.solver().spectrum({"step": 2.0}).numpy()
    np.testing.assert_allclose(levels, [[1, 4, 9, 16]])  # 1 + 2 k + k^2


def test_starts_of_some_parameters_only(monkeypatch):
    problem = made(parameters={"step": 2})
    assert problem.starts == {"step": 2}
    assert "initial" not in problem.settings
    given = {}
    monkeypatch.setattr(SpectralSolver, "fit", lambda self, *args, **named: given.update(named))
    problem.fit()
    assert given["initial"] == {"step": 2}


def test_the_settings_of_the_fit():
    problem = made(
        fit={
            "method": {"type": "adam", "learning_rate": 0.5},
            "starts": 3,
            "solutions": 2,
            "tolerance": 1e-4,
            "max_steps": 7,
            "loss": "huber",
            "f_scale": 2.0,
            "absolute_sigma": True,
            "end_early": False,
            "dtype": "float32",
        }
    )
    settings = problem.settings
    method = settings.pop("method")
    assert isinstance(method, Adam)
    assert method.learning_rate == 0.5
    assert settings == {
        "starts": 3,
        "solutions": 2,
        "tolerance": 1e-4,
        "max_steps": 7,
        "loss": "huber",
        "f_scale": 2.0,
        "absolute_sigma": True,
        "end_early": False,
        "dtype": tf.float32,
    }
    assert problem.solver().describe()["loss"] == "huber"
    assert isinstance(
        made(fit={"method": "levenberg_marquardt"}).solver().method, LevenbergMarquardt
    )


def test_the_methods_are_those_of_the_solver():
    assert set(METHODS) == {
        "adam",
        "gauss_newton",
        "lbfgs",
        "levenberg_marquardt",
        "lift_and_projection",
        "newton",
    }


def test_sigma_of_the_file_is_the_default_of_the_solver_in_its_unit():
    problem = made(data={**ROWS, "sigma": 2.0, "unit": "GHz"})
    assert problem.data.factor == pytest.approx(1 / 29.9792458)
    weights = problem.solver().describe()["weights"]
    np.testing.assert_allclose(weights, [29.9792458 / 2] * 4)
    assert problem.data.sigma is not None
    np.testing.assert_allclose(problem.data.sigma, [[2 / 29.9792458] * 4])


def test_check_says_what_is_undetermined():
    problem = Problem.from_dict(
        {
            "title": "Two members",
            "system": {"type": "tops"},
            "parameters": {"D": 1.0, "A": {"bounds": [0, 9]}, "B": {"prior": [1, 0.1]}},
            "data": {
                "columns": ["upper", "lower", "frequency"],
                "rows": [["1_11", "1_01", "0.5(1)"], ["1_10", "1_11", "0.25(1)"]],
            },
        }
    )
    found = problem.check()
    # Lines inside J=1 tell differences of A, B and C; the prior tells B, so A and C follow.
    assert found.undetermined == ("D",)
    assert (found.values, found.spectra, found.size) == ((2,), 1, 4)
    assert found.degrees_of_freedom == 0
    text = str(found)
    for part in (
        "Two members",
        "tops: 4 levels in 2 members: J=0 (1), J=1 (3)",
        "D: start 1",
        "A: bounds 0 to 9",
        "B: prior 1 ± 0.1",
        "C: free",
        "1_11 - 1_01: 0.5 ± 0.1",
        "standard errors 0.01 to 0.1 MHz",
        "compared            Transitions",
        "2 values and 1 priors, which determine 3 combinations",
    ):
        assert part in text


def test_check_of_a_batch_with_limits_and_a_bad_line(here):
    (here / "t.csv").write_text("0,1,2,3\n1,2,3,4\n2,>3,x,5\n,3,4,>9\n")
    problem = Problem.from_dict({"system": LADDER, "data": {"file": "t.csv", "header": True}})
    found = problem.check()
    assert found.values == (4, 2)
    assert found.degrees_of_freedom == 1
    assert "2 spectra of 2 to 4 values from t.csv, wide; no standard errors" in str(found)
    assert "t.csv, line 3, column 3 (2): 'x' is not a number" in str(found)


def test_arguments_of_a_system_are_those_of_its_signature():
    problem = Problem.from_dict(
        {"system": {"type": "ladder", "levels": 4, "kind": "odd"}, "data": ROWS}
    )
    expected = ladder(4, kind="odd")
    assert problem.structure.parameter_names == expected.parameter_names


MODEL = """
from eigenfit.problem.sections import Section
from tests.problem.systems import ladder
raise_it = {raise_it}
if raise_it == "at once":
    raise KeyError("nothing there")

def make(levels: int, scale: float = 1.0):
    if raise_it == "in the function":
        return 1 / (levels - levels)
    return scale * ladder(levels)
"""


def python_problem(here, *, raise_it="", allow=True, **system):
    (here / "model.py").write_text(MODEL.format(raise_it=repr(raise_it)))
    file = {"type": "python", "file": "model.py", "function": "make", **system}
    return Problem.from_dict({"system": file, "data": ROWS}, allow_python=allow)


def test_a_python_system(here):
    problem = python_problem(here, arguments={"levels": 4, "scale": 2.0})
    levels = problem.solver().spectrum([[1.0, 1.0, 0.0]]).numpy()
    np.testing.assert_allclose(levels, [[2, 4, 6, 8]])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"allow": False}, "system.file: model.py is a program; .*--allow-python"),
        ({"file": "modl.py"}, "there is no file 'modl.py'"),
        ({"function": "mak"}, "no function 'mak'; did you mean 'make'"),
        ({}, "system.arguments: make needs levels"),
        ({"arguments": {"levels": 4, "scal": 1.0}}, "did you mean 'scale'"),
        ({"arguments": 4}, "system.arguments: must be a table"),
        ({"raise_it": "at once"}, "model.py cannot be run: line 6, KeyError: 'nothing there'"),
        (
            {"raise_it": "in the function", "arguments": {"levels": 4}},
            "model.py: line 10, ZeroDivisionError: division by zero",
        ),
    ],
)
def test_a_wrong_python_system(here, given, message):
    with pytest.raises(ProblemError, match=message):
        python_problem(here, **given)


def test_a_python_file_with_a_syntax_error(here):
    (here / "model.py").write_text("x = 1\ndef make(:\n")
    file = {"type": "python", "file": "model.py", "function": "make"}
    with pytest.raises(ProblemError, match=r"model.py cannot be run: line 2, SyntaxError"):
        Problem.from_dict({"system": file, "data": ROWS}, allow_python=True)


def test_a_text_file(here):
    (here / "t.csv").write_text("level,energy\n0,1\n1,2\n")
    text = '[system]\ntype = "ladder"\nlevels = 2\nkind = "odd"\n[data]\nfile = "t.csv"\n'
    problem = Problem.from_text(text, here)
    np.testing.assert_array_equal(problem.targets, [[1, 2]])


def test_other_data_than_those_of_the_file(here):
    (here / "sub").mkdir()
    (here / "sub" / "p.toml").write_text(
        '[system]\ntype = "ladder"\n[data]\ncolumns = ["level", "energy"]\nrows = [[0, 1]]\n'
    )
    (here / "other.csv").write_text("0,5\n2,7.5\n")
    problem = Problem.read("sub/p.toml", data_file="other.csv")
    np.testing.assert_array_equal(problem.targets, [[5, np.nan, 7.5]])


def test_an_error_can_be_sent_to_another_process():
    import pickle

    with pytest.raises(ProblemError) as caught:
        made(system={"type": "lader"})
    copy = pickle.loads(pickle.dumps(caught.value))
    assert copy.faults == caught.value.faults


def test_a_family_is_compared_by_its_members():
    data = {"columns": ["level", "energy"], "rows": [["J=1:0", 1.0], ["J=0:0", 0.0]]}
    problem = Problem.from_dict({"system": {"type": "tops"}, "data": data})
    assert problem.structure.level_counts == tops().level_counts
    np.testing.assert_array_equal(problem.targets, [[0, 1, np.nan, np.nan]])


def test_check_of_lowest_levels_and_limits():
    rows = [[0, 0.0], [1, 1.0], [2, "> 2"]]
    data = {"columns": ["level", "energy"], "rows": rows, "relative_to": "lowest"}
    found = Problem.from_dict({"system": {"type": "ladder"}, "data": data}).check()
    assert "compared            Levels (relative_to lowest)" in found.text
    assert "0 - 0: 0 (the zero of the scale)" in found.text
    assert "2 - 0: > 2" in found.text
    assert found.values == (1,)
    assert "no misfit can be seen" in found.text
    assert "offset" in found.undetermined


def test_a_file_that_a_system_names_is_beside_the_problem_file(tmp_path):
    (tmp_path / "h.npy").touch()
    given = {"file": "h.npy", "more": ["h.npy", "x.npy", 3], "ion": "Ho3+"}
    assert with_paths(given, tmp_path) == {
        "file": str(tmp_path / "h.npy"),
        "more": [str(tmp_path / "h.npy"), "x.npy", 3],
        "ion": "Ho3+",
    }


def test_files_that_are_no_problem_files(tmp_path):
    with pytest.raises(ProblemError, match="this is a directory; give the problem file"):
        Problem.read(tmp_path)
    with (tmp_path / "large.toml").open("wb") as file:
        file.truncate(17 * 2**20)
    with pytest.raises(ProblemError, match="more than 16 MB, too many for a problem file"):
        Problem.read(tmp_path / "large.toml")
    with pytest.raises(ProblemError, match="there is no such file"):
        Problem.read("no\0such.toml")
    deep = "x = " + "[" * 100_000
    with pytest.raises(ProblemError, match="not TOML"):
        Problem.from_text(deep)


def test_a_fault_of_the_system_itself_is_not_hidden(monkeypatch):
    def faulty() -> None:
        raise ZeroDivisionError("a fault of eigenfit")

    monkeypatch.setitem(SYSTEMS, "faulty", faulty)
    with pytest.raises(ZeroDivisionError):
        Problem.from_dict({"system": {"type": "faulty"}, "data": ROWS})


def test_annotations_that_pydantic_does_not_know(monkeypatch):
    class Matrix:
        """It has no schema."""

        def __len__(self) -> int:
            return 2

    def odd(matrix: Matrix | list[float], size: "Unknown" = 2, scale=(1, 2)):  # noqa: F821, UP037  # pyright: ignore[reportUndefinedVariable]  # the point of the test
        return ladder(len(matrix))

    monkeypatch.setitem(SYSTEMS, "odd", odd)
    data = {"columns": ["level", "energy"], "rows": [[0, 1.0]]}
    problem = Problem.from_dict({"system": {"type": "odd", "matrix": [1.0, 2.0]}, "data": data})
    assert problem.structure.size == 2
    assert json_schema()["properties"]["system"]["oneOf"]
