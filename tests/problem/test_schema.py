"""The JSON schema of problem files, against the validator of editors."""

from __future__ import annotations

import tomllib
from pathlib import Path

import jsonschema
import pytest

import eigenfit.problem
from eigenfit.problem import ProblemError
from eigenfit.problem.arguments import descriptions
from eigenfit.problem.schema import arguments_of_system, json_schema, list_of_systems
from eigenfit.systems import SYSTEMS

from .malformed import DATA, HEAD
from .systems import ladder

TEMPLATES = sorted(Path(eigenfit.problem.__file__).parent.glob("templates/*.toml"))


def errors_of(text: str) -> list[str]:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    return [error.message for error in validator.iter_errors(tomllib.loads(text))]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_templates_obey_the_schema(path):
    assert errors_of(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        HEAD + 'unit = "MHz"\nkind = "odd"\n' + DATA,
        HEAD + DATA + '[fit]\nmethod = { type = "adam", learning_rate = 0.1 }\n',
        HEAD + DATA + '[fit]\nmethod = "newton"\n',
        HEAD + "[parameters]\nstep = 3\noffset = { start = 1, bounds = [0, 2] }\n" + DATA,
    ],
)
def test_right_files(text):
    assert errors_of(text) == []


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "level = 3\n" + DATA,
        HEAD + 'levels = "3"\n' + DATA,
        HEAD + 'kind = "evn"\n' + DATA,
        '[system]\ntype = "lader"\n' + DATA,
        "titel = 'x'\n" + HEAD + DATA,
        HEAD + DATA + '[fit]\nmethod = "newtn"\n',
        HEAD + "[parameters]\nstep = { bounds = [1] }\n" + DATA,
        HEAD,
    ],
)
def test_wrong_files(text):
    assert errors_of(text)


def test_the_words_of_docstrings():
    assert descriptions(ladder) == {
        "levels": "how many there are.",
        "unit": "of the levels and of the parameters.",
        "kind": '"odd" leaves out the bend.',
    }
    (system,) = [
        one
        for one in json_schema()["properties"]["system"]["oneOf"]
        if one["properties"]["type"]["const"] == "ladder"
    ]
    assert system["properties"]["levels"]["description"] == "how many there are."
    assert system["properties"]["levels"]["default"] == 3


def test_the_systems_in_words():
    listed = dict(line.split(maxsplit=1) for line in list_of_systems().splitlines())
    assert set(listed) == {*SYSTEMS, "python"}
    assert listed["ladder"] == "Levels `offset + step k + bend k^2` for k = 0, 1, ..."
    assert "levels: how many there are." in arguments_of_system("ladder")
    with pytest.raises(ProblemError, match="did you mean 'ladder'"):
        arguments_of_system("lader")
