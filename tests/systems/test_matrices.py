"""Matrices from files and from objects of other programs."""

import gzip
import sys

import numpy as np
import pytest
import scipy.io
import scipy.sparse

from eigenfit.solver import SpectralSolver
from eigenfit.systems import SpinSystem, matrices

from .helpers import levels_of

GAP = np.diag([0.0, 1.0, 3.0])
COUPLING = np.array([[0, 1j, 0], [-1j, 0, 2], [0, 2, 0]])
CONSTANT = np.full((3, 3), 0.25)
EXPECTED = np.linalg.eigvalsh(CONSTANT + 2 * GAP + 0.7 * COUPLING)


class Qobj:
    """What QuTiP 5 offers of an operator."""

    def __init__(self, matrix):
        self._matrix = matrix

    def full(self):
        return self._matrix


class Hamiltonian:
    """What QuSpin 1.0 offers: `toarray` at a time, sparse inside."""

    def __init__(self, matrix):
        self._matrix = scipy.sparse.csr_array(matrix)

    def toarray(self, time=0):
        return self._matrix.toarray() if time == 0 else None


def check(structure):
    np.testing.assert_allclose(levels_of(structure, gap=2.0, v=0.7), EXPECTED, atol=1e-12)


def test_objects_of_other_programs():
    check(matrices({"gap": Qobj(GAP), "v": Hamiltonian(COUPLING)}, constant=CONSTANT.tolist()))
    sparse = scipy.sparse.coo_array(COUPLING)
    structure = matrices({"v": sparse, "gap": GAP}, constant=CONSTANT, unit="cm^-1")
    check(structure)
    assert structure.parameter_names == ("v", "gap")
    assert structure.level_unit == "cm^-1"
    assert structure.parameter_units == {"gap": "cm^-1", "v": "cm^-1"}


def test_a_file_for_each_parameter(tmp_path):
    np.save(tmp_path / "gap.npy", GAP)
    scipy.io.mmwrite(tmp_path / "v.mtx", scipy.sparse.coo_array(COUPLING), symmetry="hermitian")
    scipy.sparse.save_npz(tmp_path / "constant.npz", scipy.sparse.csr_array(CONSTANT))
    names = {"gap": "gap.npy", "v": "v.mtx"}
    check(matrices(names, constant="constant.npz", folder=str(tmp_path)))
    (tmp_path / "v.mtx.gz").write_bytes(gzip.compress((tmp_path / "v.mtx").read_bytes()))
    np.savez(tmp_path / "one.npz", anything=GAP)
    absolute = {"gap": str(tmp_path / "one.npz"), "v": str(tmp_path / "v.mtx.gz")}
    check(matrices(absolute, constant=CONSTANT))


def test_one_file_with_all(tmp_path):
    np.savez(tmp_path / "all.npz", v=COUPLING, constant=CONSTANT, gap=GAP)
    structure = matrices("all.npz", folder=str(tmp_path), level_names=["a", "b", "c"])
    check(structure)
    assert structure.level_names == ("a", "b", "c")
    np.save(tmp_path / "stack.npy", [GAP, COUPLING])
    stack = str(tmp_path / "stack.npy")
    assert matrices(stack).parameter_names == ("x0", "x1")
    structure = matrices(stack, parameter_names=["gap", "v"], constant=CONSTANT)
    check(structure)
    fit = SpectralSolver(structure).fit([EXPECTED], initial=[[1.8, 0.8]])
    np.testing.assert_allclose(np.abs(fit.parameters), [[2.0, 0.7]], atol=1e-8)


def test_wrong_files(tmp_path):
    good, folder = {"gap": GAP}, str(tmp_path)
    (tmp_path / "text.mtx").write_text("three by three\n")
    (tmp_path / "cut.npy").write_bytes(b"\x93NUMPY\x01")
    np.save(tmp_path / "objects.npy", np.array([{}], object), allow_pickle=True)
    np.savez(tmp_path / "two.npz", a=GAP, b=GAP)
    np.save(tmp_path / "skew.npy", [[0.0, 1.0], [-1.0, 0.0]])
    for basis, message in (
        ({**good, "v": "text.mtx"}, "basis\\['v'\\]: the file .*text.mtx' cannot be read as .mtx"),
        ({**good, "v": "cut.npy"}, "basis\\['v'\\]: the file .*cut.npy' cannot be read as .npy"),
        ({**good, "v": "objects.npy"}, "objects.npy' cannot be read as .npy: .*allow_pickle"),
        ({**good, "v": "two.npz"}, "the file 'two.npz', must hold one matrix, got the arrays a, b"),
        ({"v": "skew.npy"}, "basis\\['v'\\], the file 'skew.npy', must be symmetric"),
        ({"v": "skew.txt"}, "must end in .npy, .npz, .mtx.*got '.*skew.txt'"),
        ("skew.npy", "'skew.npy' must hold matrices \\[p, n, n\\], got shape \\(2, 2\\)"),
    ):
        with pytest.raises(ValueError, match=f"^matrices: .*{message}"):
            matrices(basis, folder=folder)
    with pytest.raises(
        FileNotFoundError, match=r"^matrices: constant: there is no file '.*no.npy'"
    ):
        matrices(good, constant="no.npy", folder=folder)
    np.save(tmp_path / "stack.npy", [GAP])
    with pytest.raises(ValueError, match=r"parameter_names must be 1 different names.*stack.npy"):
        matrices("stack.npy", parameter_names=["a", "b"], folder=folder)
    with pytest.raises(ValueError, match=r"arrays in 'two\.npz'"):
        matrices("two.npz", parameter_names=["a", "b"], folder=folder)
    np.savez(tmp_path / "with.npz", a=GAP, constant=GAP)
    with pytest.raises(ValueError, match=r"constant is given, and 'with\.npz' has"):
        matrices("with.npz", constant=GAP, folder=folder)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"basis": [GAP]}, "basis must be a dict of matrices .* got list"),
        ({"basis": {}}, "at least one matrix"),
        ({"basis": {"a": GAP}, "parameter_names": ["b"]}, "parameter_names are the keys"),
        ({"basis": {"a": GAP, "b": np.eye(2)}}, "size of that of 'a', 3 x 3, but that of 'b' is 2"),
        ({"basis": {"a": GAP}, "constant": np.eye(2)}, "but that of 'constant' is 2 x 2"),
        ({"basis": {"a": np.zeros((3, 3))}}, "basis\\['a'\\] is the zero matrix"),
        ({"basis": {"a": np.full((2, 2), np.nan)}}, "basis\\['a'\\] must be finite"),
        ({"basis": {"a": np.ones((2, 3))}}, "basis\\['a'\\] must be numbers of shape"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=f"^matrices: .*{message}"):
        matrices(**arguments)


def test_a_missing_package_is_named_with_its_extra(monkeypatch, tmp_path):
    scipy.io.mmwrite(tmp_path / "gap.mtx", GAP)
    monkeypatch.setitem(sys.modules, "scipy", None)
    told = r"^scipy is missing; .* pip install 'eigenfit\[systems\]'$"
    with pytest.raises(ModuleNotFoundError, match=told):
        matrices({"gap": "gap.mtx"}, folder=str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match=told):
        SpinSystem([1], zero_field=[{"D": "D"}])
