"""The notebook runs, and shows what is stored in it."""

import importlib.util
from typing import Any

from .pages import ROOT

NOTEBOOK = ROOT / "docs" / "notebook.ipynb"


def without_pictures(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The outputs, where a picture only is there: its bytes depend on the fonts."""
    return [
        {
            **output,
            "data": {
                kind: bool(shown) if kind == "image/png" else shown
                for kind, shown in output.get("data", {}).items()
            },
        }
        for output in outputs
    ]


def test_cells_show_what_is_stored():
    script = ROOT / "docs" / "building" / "notebook.py"
    spec = importlib.util.spec_from_file_location("notebook", script)
    assert spec is not None
    assert spec.loader is not None
    notebook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(notebook)
    cells = notebook.read(NOTEBOOK)
    shown = notebook.run(cells)
    stored = [cell.get("outputs", []) for cell in cells]
    assert [without_pictures(outputs) for outputs in shown] == [
        without_pictures(outputs) for outputs in stored
    ]
    assert sum(map(bool, stored)) >= 5
    assert notebook.as_markdown(cells).count("![") == 1
