"""The notebook runs from its first cell to its last, and is kept without what it printed."""

import re
from pathlib import Path

import nbclient
import nbformat
import onnxruntime
import pytest

FILE = Path(__file__).parents[2] / "examples" / "python_api.ipynb"


def output(cell) -> str:
    """What a cell printed and what it gave, as text."""
    return "".join(part.get("text", "") + part.get("data", {}).get("text/plain", "") for part in cell.outputs)


def test_it_is_kept_without_outputs():
    for cell in nbformat.read(FILE, as_version=4).cells:
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)


@pytest.mark.slow
def test_it_runs(tmp_path):
    notebook = nbformat.read(FILE, as_version=4)
    # An error in any cell is raised here.
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    cells = {cell.source: cell for cell in notebook.cells if cell.cell_type == "code"}

    def said(part: str) -> str:
        return output(next(cell for source, cell in cells.items() if part in source))

    assert re.findall(r"(?:within|under budget|over budget)$", said("budget.verdict"), re.MULTILINE) == [
        "within",
        "under budget",
        "over budget",
    ]
    progress = said("search.run()")
    assert "[6/6] candidate" in progress
    assert "\x1b" not in progress  # lines, not a table that is drawn over and over
    figures = [part for cell in cells.values() for part in cell.outputs if "image/png" in part.get("data", {})]
    assert len(figures) == 2
    assert "net.onnx: " in said("InferenceSession")
    assert onnxruntime.InferenceSession(tmp_path / "net.onnx").get_inputs()[0].shape[1:] == [3, 64, 64]
    assert (tmp_path / "results" / "notebook" / "candidates.csv").is_file()
