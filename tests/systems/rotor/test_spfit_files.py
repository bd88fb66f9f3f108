"""Lines and constants from files of SPFIT, and predictions in the format of SPCAT."""

import functools
from pathlib import Path

import numpy as np
import pytest

from eigenfit.solver import Blend, FitResult, Parameterization, SpectralSolver, Status, Toeplitz
from eigenfit.systems.rotor import (
    Rotor,
    allowed_lines,
    cat_lines,
    quantum_numbers,
    read_lin,
    read_par,
    write_cat,
)

from .molecules import (
    H2COH,
    H2COH_CONSTANTS,
    H2COH_ERROR,
    HCP,
    HCP_CONSTANTS,
    check_constants,
    lin_text,
    printed,
)

H2COH_PAR = """\
H2COH+                                                  Thu Apr 27 13:54:02 2000
   8   32    5    0    1.0000E-010    1.0000E+003    1.0000E+000 1.0000000000
s   1   1   0  25   0   1   1   1       0     -1
           10000  1.975815594329546E+005 1.00000000E+018 /A
           20000  3.435054739588455E+004 1.00000000E+018 /B
           30000  2.917265425253290E+004 1.00000000E+018 /C
             200 -5.534126336114131E-002 1.00000000E+018 /-DJ
            1100 -6.291980947077179E-001 1.00000000E+018 /-DJK
            2000 -6.464408205562103E+000 1.00000000E+018 /-DK
           40100 -9.531001642388043E-003 1.00000000E+018 /d1
           50000 -1.933016057371318E-003 1.00000000E+018 /d2
"""

# The first lines of the catalogue that SPCAT makes from this fit, without their intensities.
H2COH_CAT = """\
    5177.8169  0.0025         3    7.5634  3  31504 303 1 1 0       1 1 1
    8380.9609  0.0664         3   66.5812 13  31504 303 6 2 4       6 2 5
    8583.1578  0.2756         3  215.3854 25  31504 30312 3 9      12 310
   11792.1592  0.3564         3  189.8764 25  31504 30312 210      11 3 9
"""


def write(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text, encoding="latin-1")
    return str(path)


@functools.cache
def fitted(lin: str, par: str) -> tuple[Parameterization, FitResult]:
    lines, constants = read_lin(lin), read_par(par)
    rotor = constants.rotor(12)
    solver = SpectralSolver(
        rotor,
        observation=lines.observation(),
        initial={name: round(value, 3) for name, value in constants.initial().items()},
        sigma=lines.sigma,
        absolute_sigma=True,
    )
    return rotor, solver.fit([lines.frequencies])


@pytest.fixture(scope="module")
def h2coh(tmp_path_factory):
    folder = tmp_path_factory.mktemp("h2coh")
    lin = write(folder, "h2coh_plus.lin", lin_text(H2COH, H2COH_ERROR))
    return fitted(lin, write(folder, "h2coh_plus.par", H2COH_PAR))


def test_a_fit_from_the_files_of_spfit(h2coh):
    """The published constants and errors, from the lines and constants that SPFIT was given."""
    _, fit = h2coh
    assert fit.status.numpy() == [Status.STATIONARY]
    check_constants(fit, H2COH_CONSTANTS["S", "I^r"])
    assert np.sqrt(fit.loss[0] / len(H2COH)) == pytest.approx(0.97372, abs=5e-6)


def test_predictions_are_those_of_spcat(h2coh, tmp_path):
    """Frequencies, errors, energies of the lower level, degeneracies and quantum numbers."""
    rotor, fit = h2coh
    lines = [("1_11", "1_10"), ("6_24", "6_25"), ("12_39", "12_3_10"), ("12_2_10", "11_39")]
    path = tmp_path / "h2coh_plus.cat"
    write_cat(str(path), fit, rotor, lines, tag=31504)
    found = path.read_text().splitlines()
    assert [line[:21] + line[29:] for line in found] == [
        line[:21] + line[29:] for line in H2COH_CAT.splitlines()
    ]
    assert {line[21:29] for line in found} == {"-99.9999"}  # intensities are not calculated


def test_allowed_lines(h2coh):
    """Ka changes by an even and Kc by an odd number along a, and the reverse along c."""
    rotor, fit = h2coh
    along_a = allowed_lines(rotor, ["a"])
    either = {frozenset(pair) for pair in along_a}
    for pair in (("1_01", "0_00"), ("2_02", "1_01"), ("3_12", "3_13")):
        assert frozenset(pair) in either
    for axes, changes in ((["a"], {(0, 1)}), (["b"], {(1, 1)}), (["c"], {(1, 0)})):
        found = {
            tuple((x - y) % 2 for x, y in zip(one[1:], two[1:], strict=True))
            for one, two in (
                (quantum_numbers(a, "asymmetric"), quantum_numbers(b, "asymmetric"))
                for a, b in allowed_lines(rotor, axes)
            )
        }
        assert found == changes
    every = {frozenset(pair) for pair in allowed_lines(rotor, ["a", "b", "c"])}
    count = 0  # pairs of levels with J' - J'' = 0, 1 that are not of one symmetry
    names = [quantum_numbers(name, "asymmetric") for name in rotor.level_names or ()]
    for place, one in enumerate(names):
        for two in names[:place]:
            same = (one[1] - two[1]) % 2 == (one[2] - two[2]) % 2 == 0
            count += abs(one[0] - two[0]) <= 1 and not same
    assert len(every) == count
    assert len(cat_lines(fit, rotor, along_a[:40])) == 40


def test_a_linear_molecule(tmp_path):
    rows = [f"{j:3d}{j - 1:3d}".ljust(36) + f"{f:12.3f} {e:.3f}" for j, f, e in HCP]
    lin = read_lin(write(tmp_path, "hcp.lin", "\n".join(rows) + "\n"), "linear")
    par = read_par(
        write(
            tmp_path,
            "hcp.par",
            " HCP\n 3 22 2 0 1.0E-10 1.0E+6 1.0 1.0\ns -1 1 0 0 0 1 1 1 0 -1 0\n"
            "  100 1.99760E+004 1.0E+035 /B\n  200 -2.110D-002 1.0E+035 /-DJ\n"
            "  300 0.0 1.0E+035 /HJ\n",
        )
    )
    assert (par.top, lin.max_j) == ("linear", 41)
    rotor = par.rotor(lin.max_j)
    solver = SpectralSolver(
        rotor,
        observation=lin.observation(),
        initial=par.initial(),
        sigma=lin.sigma,
        absolute_sigma=True,
    )
    fit = solver.fit([lin.frequencies])
    check_constants(fit, HCP_CONSTANTS)
    line = cat_lines(fit, rotor, allowed_lines(rotor))[1]
    assert line[:13] == "   79903.3016"  # SPFIT: 79903.30157
    assert line[29:31] + line[51:] == " 2 101 2           1"


def test_blends_and_wavenumbers(tmp_path):
    """As SPFIT averages them: `(w1 f1 + w2 f2) / (w1 + w2)`; negative errors mean cm^-1."""
    text = (
        "  2  0  2  1  0  1                       100.0 0.1 3.0\n"
        "  2  1  2  1  1  1                       100.0 0.1 1.0 a comment\n"
        "  1  0  1  0  0  0                       2.5,-0.001 / another\n"
        "\n"
        "  3  0  3  2  0  2                       never read\n"
    )
    found = read_lin(write(tmp_path, "blend.lin", text))
    assert isinstance(found.lines[0], Blend)
    np.testing.assert_allclose(found.lines[0].shares, [0.75, 0.25])
    assert found.lines[0].pairs == (("2_02", "1_01"), ("2_12", "1_11"))
    assert found.lines[1] == ("1_01", "0_00")
    np.testing.assert_allclose(found.frequencies, [100.0, 2.5 * 29979.2458])
    np.testing.assert_allclose(found.sigma, [0.1, 0.001 * 29979.2458])
    assert found.max_j == 2


def test_constants_of_a_symmetric_top(tmp_path):
    """SPFIT has A - B, or C - B of an oblate top; a tiny error holds a constant fixed."""
    for sign, top, axial in ((1, "prolate", "A"), (-1, "oblate", "C")):
        found = read_par(
            write(
                tmp_path,
                "top.par",
                f"title\n4 10 5 0 0 1e3 1 1\ns -1 {sign} 0 20 0 6 1 1 0 0\n"
                " 1000 1.5E+2 1e-37 /A-B\n 100 9.2e3 1E35 /B\n"
                " 1100 -0.177 1E35 /-DJK\n 2000 0 1e-37 /-DK\n",
            )
        )
        assert found.top == top
        assert found.constants == {axial: 9350.0, "B": 9200.0, "DJK": 0.177, "DK": 0.0}
        assert found.held == (axial, "DK")
        assert found.initial() == {"B": 9200.0, "DJK": 0.177}
        rotor = found.rotor(5)
        assert rotor.parameter_names == ("B", "DJK")
        assert allowed_lines(rotor)[:3] == [("1_0", "0_0"), ("2_0", "1_0"), ("2_1", "1_1")]


@pytest.mark.parametrize(
    ("letter", "codes", "reduction"),
    [
        ("a", [40100], "A"),
        ("s", [40100], "S"),
        ("x", [41000], "A"),
        ("a", [50000], "S"),
        ("s", [40100, 41100], "A"),
    ],
)
def test_the_reduction_of_a_file(tmp_path, letter, codes, reduction):
    rows = [f"{code:13d} -1.0E-3 1.0E+20" for code in [10000, 20000, 30000, 200, *codes]]
    head = f"title\n{len(rows)} 1 1\n{letter} 1 -1 0 20 0\n"
    found = read_par(write(tmp_path, "some.par", head + "\n".join(rows) + "\n"))
    assert (found.reduction, found.representation) == (reduction, "III^l")
    name = "DJ" if reduction == "S" else "DeltaJ"
    assert found.constants[name] == 1e-3
    if codes[0] == 40100:
        assert found.constants["d1" if reduction == "S" else "deltaJ"] == (
            -1e-3 if reduction == "S" else 1e-3
        )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no lines"),
        ("  1  0  1  0  0     100.0 0.1\n", "line 1: the first 18 characters must be 6 quantum"),
        ("  1  0  1  0  0  0".ljust(36) + "100.0\n", "from column 37 on there must be a frequency"),
        (
            "  1  0  1  0  0  0  1  2".ljust(36) + "100.0 0.1\n",
            "has 3 quantum numbers, but there are",
        ),
        (" -1  0  1  0  0  0".ljust(36) + "100.0 0.1\n", "must not be negative"),
        (
            ("  1  0  1  0  0  0".ljust(36) + "100.0 0.1\n") * 2
            + "  1  0  1  0  0  0".ljust(36)
            + "100.0 0.5\n",
            "a blend at 100.0000 MHz is followed by its width",
        ),
    ],
)
def test_lines_that_cannot_be_read(tmp_path, text, message):
    with pytest.raises(ValueError, match=message) as caught:
        read_lin(write(tmp_path, "wrong.lin", text))
    assert "wrong.lin" in str(caught.value)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["title"], "must have a title, a line of settings, a line of options"),
        (["title", "none", "s 1 1 0 9", "10000 1 1"], "line 2 must begin with the number"),
        (["title", "1 1", "s -4 1 0 9", "10000 1 1"], "1 states and the spin degeneracy 4"),
        (["title", "1 1", "s 1 2 0 9", "10000 1 1"], "2 states and the spin degeneracy 1"),
        (["title", "1 1", "s 1 1 0 9", "10000 x"], "line 4 must be an identifier, a value"),
        (["title", "1 1", "s 1 1 0 9", "-10000 1 1"], "is tied to that before it"),
        (["title", "1 1", "s 1 1 0 9", "10011 1 1"], "belongs to a second state"),
        (["title", "1 1", "s 1 1 0 9", "400 1 1"], "no constant with the identifier 400"),
        (
            ["title", "2 1", "s 1 1 0 9", "41000 1 1", "50000 1 1"],
            "constants of both reductions, 50000 of S and 41000 of A",
        ),
        (["title", "1 1", "s -1 1 0 9", "1000 1 1"], "but no 100"),
    ],
)
def test_constants_that_cannot_be_read(tmp_path, rows, message):
    with pytest.raises(ValueError, match=message) as caught:
        read_par(write(tmp_path, "wrong.par", "\n".join(rows) + "\n"))
    assert "wrong.par" in str(caught.value)


def test_cat_needs_a_known_unit(h2coh):
    _, fit = h2coh
    with pytest.raises(ValueError, match=r"must be 'MHz' or 'cm\^-1', got 'GHz'"):
        cat_lines(fit, Rotor(2, unit="GHz"), [("1_01", "0_00")])
    with pytest.raises(ValueError, match=r"rotor must be a Rotor, .* got a Toeplitz"):
        allowed_lines(Toeplitz(3))
    with pytest.raises(ValueError, match="dipole must be axes a, b or c, got 'z'"):
        allowed_lines(Rotor(2), ["z"])


def test_printed_numbers_are_read_right():
    assert printed("-0.0019330(196)") == pytest.approx((-0.001933, 1.96e-5, 5e-8))
