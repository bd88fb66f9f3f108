"""Floats as text: short where that is exact, with all digits where it is not."""

from __future__ import annotations

import numpy as np

_WORDS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
_DIGITS = {np.dtype(np.float32): 9, np.dtype(np.float64): 17}


def float_texts(flat: np.ndarray) -> list[str]:
    """Each number as `tensorflow_model_server` writes it.

    Six digits if they give the number back, else 9 (float32) or 17 (float64); `.0` after whole
    numbers; NaN, Infinity and -Infinity as bare words.

    Args:
        flat: `[n]`, float32 or float64.

    Returns:
        The `n` texts.

    Example:
        >>> float_texts(np.array([2.0, 0.1, 1 / 3, 1e30, np.inf]))
        ['2.0', '0.1', '0.33333333333333331', '1e+30', 'Infinity']
    """
    digits = _DIGITS[flat.dtype]
    values = flat.tolist()
    texts = [f"{value:g}" for value in values]
    exact = np.array([float(text) for text in texts], flat.dtype) == flat
    return [
        _marked(text if same else f"{value:.{digits}g}")
        for text, value, same in zip(texts, values, exact.tolist(), strict=True)
    ]


def _marked(text: str) -> str:
    """The text with the mark of a float."""
    if "." in text or "e" in text:
        return text
    return _WORDS.get(text) or text + ".0"
