"""What the files of SPFIT have in common.

H. M. Pickett, J. Mol. Spectrosc. 148, 371 (1991). The formats are those of the manual of his
program, `spinv`; what is read here is one state without spins.
"""

from __future__ import annotations

import re
from pathlib import Path

#: MHz in 1 cm^-1.
WAVENUMBER = 29979.2458

#: How many quantum numbers a level has in the files.
COUNTS = {"asymmetric": 3, "prolate": 2, "oblate": 2, "linear": 1}


def text_of(path: str) -> str:
    """The text of a file; Latin-1, for comments may hold anything."""
    return Path(path).read_text(encoding="latin-1")


def free_numbers(text: str) -> list[float]:
    """The numbers at the beginning of a line in free form, up to a text or a `/`."""
    found = []
    for part in re.split(r"[\s,]+", text.split("/")[0].strip()):
        try:
            found.append(float(part.upper().replace("D", "E")))
        except ValueError:
            break
    return found
