"""The forms in which an affine structure may keep its matrices."""

from __future__ import annotations

from collections.abc import Sequence

from .dense_form import DenseForm
from .entries_form import EntriesForm
from .entry_form import EntryForm

Form = DenseForm | EntryForm | EntriesForm

# Matrices of few entries are written out up to this many numbers.
_MOST_NUMBERS = 2_000_000


def may_be_written_out(forms: Sequence[Form]) -> bool:
    """Whether several forms of one size are full matrices already, or small as such."""
    others = [form for form in forms if not isinstance(form, DenseForm)]
    return sum(len(form.norms) * form.size**2 for form in others) <= _MOST_NUMBERS
