"""Run the cells of a notebook, and show a notebook as a page.

The cells of our notebook are plain Python, so they run without Jupyter, in the tests too:

    python docs/building/notebook.py docs/notebook.ipynb    # runs it, and writes the output into it
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any

Cell = dict[str, Any]


def read(path: Path) -> list[Cell]:
    """The cells of a notebook."""
    return json.loads(path.read_text())["cells"]


def run(cells: list[Cell]) -> list[list[dict[str, Any]]]:
    """Run the code of all cells in order; return what each cell shows, as Jupyter stores it."""
    variables: dict[str, Any] = {}
    return [_run_cell(cell, variables) for cell in cells]


def as_markdown(cells: list[Cell]) -> str:
    """Write the cells and their output as a page."""
    parts = []
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        parts.extend(_output_as_markdown(output) for output in cell["outputs"])
    return "\n\n".join(parts) + "\n"


def _run_cell(cell: Cell, variables: dict[str, Any]) -> list[dict[str, Any]]:
    if cell["cell_type"] != "code":
        return []
    tree = ast.parse("".join(cell["source"]))
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed, value = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, "<cell>", "exec"), variables)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), variables)
    outputs = []
    if printed.getvalue():
        text = printed.getvalue().splitlines(keepends=True)
        outputs.append({"output_type": "stream", "name": "stdout", "text": text})
    if value is not None:
        data = {"data": _shown(value), "metadata": {}, "execution_count": None}
        outputs.append({"output_type": "execute_result", **data})
    return outputs


def _shown(value: Any) -> dict[str, Any]:
    """What Jupyter shows of the last value of a cell, by MIME type."""
    if hasattr(value, "savefig"):
        picture = io.BytesIO()
        value.savefig(picture, format="png", dpi=80, metadata={"Software": None})
        return {"image/png": base64.b64encode(picture.getvalue()).decode(), "text/plain": "Figure"}
    shown = {"text/plain": repr(value).splitlines(keepends=True)}
    if hasattr(value, "_repr_html_"):
        shown["text/html"] = value._repr_html_().splitlines(keepends=True)
    return shown


def _output_as_markdown(output: dict[str, Any]) -> str:
    if output["output_type"] == "stream":
        return "```text\n" + "".join(output["text"]) + "```"
    data = output["data"]
    if "image/png" in data:
        return f"![The figure that the cell draws](data:image/png;base64,{data['image/png']})"
    if "text/html" in data:
        return "".join(data["text/html"])
    return "```text\n" + "".join(data["text/plain"]) + "\n```"


def main(path: Path) -> None:
    """Write the output of the cells into the notebook."""
    notebook = json.loads(path.read_text())
    for count, (cell, outputs) in enumerate(
        zip(notebook["cells"], run(notebook["cells"]), strict=True)
    ):
        cell["id"] = f"cell-{count}"
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = outputs, None
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
