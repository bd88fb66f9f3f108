"""The forms in which an affine structure may keep its matrices."""

from __future__ import annotations

from collections.abc import Sequence

from ..held import is_large
from .dense_form import DenseForm
from .entry_form import EntryForm
from .squares_form import SquaresForm

Form = DenseForm | EntryForm | SquaresForm


def may_be_written_out(forms: Sequence[Form]) -> bool:
    """Whether several forms of one size are full matrices already, or small as such."""
    dense = all(isinstance(form, DenseForm) for form in forms)
    return dense or not is_large(len(forms) * len(forms[0].norms) * forms[0].size ** 2)
