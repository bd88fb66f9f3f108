"""Energy bands: silicon, textbook lattices, models of other programs."""

import functools
import importlib.util
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import Family, SpectralSolver, Status, Sweep
from eigenfit.systems import TightBinding
from eigenfit.systems.tight_binding import from_pythtb, from_wannier90, read_hr


def silicon_example() -> types.ModuleType:
    path = Path(__file__).parents[3] / "docs" / "examples" / "silicon.py"
    spec = importlib.util.spec_from_file_location("silicon_of_systems", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SILICON = silicon_example()
FCC = [[0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]]  # in units of a
POINTS = {name: [2 * np.pi * x for x in point] for name, point in SILICON.POINTS.items()}


def silicon(**options: Any):
    """The sp3s* model: one table of two-centre integrals between nearest neighbours."""
    shells = {"s": "Es", "p": "Ep", "s*": "Es*"}
    names = {"ss_sigma": "Vss", "sp_sigma": "Vsp", "s*p_sigma": "Vs*p"}
    return TightBinding(
        lattice=FCC,
        sites={"Si1": [0.0, 0.0, 0.0], "Si2": [0.25, 0.25, 0.25]},
        hoppings=[("Si1", "Si2", 1, {**names, "pp_sigma": "Vpps", "pp_pi": "Vppp"})],
        energies={f"{site}.{shell}": e for site in ("Si1", "Si2") for shell, e in shells.items()},
        orbitals={"Si1": ["s", "p", "s*"], "Si2": ["s", "p", "s*"]},
        **options,
    )


def two_centre_of_silicon() -> dict[str, float]:
    """The published parameters, which are four times those of a bond, as two-centre integrals."""
    v = dict(zip(SILICON.PARAMETERS, SILICON.PUBLISHED, strict=True))
    return {name: v[name] for name in ("Es", "Ep", "Es*")} | {
        "Vss": v["Vss"] / 4,
        "Vsp": v["Vsp"] * np.sqrt(3) / 4,
        "Vs*p": v["Vs*p"] * np.sqrt(3) / 4,
        "Vpps": (v["Vxx"] + 2 * v["Vxy"]) / 4,
        "Vppp": (v["Vxx"] - v["Vxy"]) / 4,
    }


def levels(structure, values: dict[str, float] | list[float], k: Any = None) -> np.ndarray:
    """`[n]` of a family, or `[K, n]` at wave vectors."""
    ordered = (
        [values[name] for name in structure.parameter_names]
        if k is None or isinstance(values, dict)
        else values
    )
    x = tf.constant([ordered], tf.float64)
    if k is None:
        return structure.spectrum(x).numpy()[0]
    at = structure.at(tf.constant([k], tf.float64))
    return at.levels(x)[0].numpy().reshape(len(k), -1)


def test_silicon_at_three_points():
    """P6: the published levels, and the two-centre integrals from them."""
    structure = silicon(k_points=POINTS, wave_vectors="cartesian")
    assert isinstance(structure, Family)
    assert structure.names == ("Γ", "X", "L")
    assert structure.level_unit == "eV"
    assert set(structure.parameter_units) == set(structure.parameter_names)
    assert (structure.level_names or ())[:2] == ("band 1", "band 2")
    published, values = np.concatenate(list(SILICON.LEVELS.values())), two_centre_of_silicon()
    np.testing.assert_allclose(levels(structure, values), published, atol=5.1e-6)
    off = dict(zip(values, 1 + 0.03 * np.array([1, -1] * 4), strict=True))
    solver = SpectralSolver(structure, initial={n: off[n] * x for n, x in values.items()})
    fit = solver.fit([published])
    assert fit.status.numpy() == [Status.STATIONARY]
    found = {name: float(value[0]) for name, value in fit.by_name().items()}
    # The signs of both sp integrals have no effect, for they change with those of the s orbitals.
    for name in ("Vsp", "Vs*p"):
        found[name] = abs(found[name])
    assert found == pytest.approx(values, abs=5e-5)


def test_silicon_at_any_wave_vector(rng):
    """The bands of the paper's matrices, for wave vectors in both units."""
    values, points = two_centre_of_silicon(), rng.normal(size=(4, 3))
    matrices = [np.tensordot(SILICON.PUBLISHED, SILICON.basis_matrices(k), 1) for k in points]
    exact = np.linalg.eigvalsh(matrices)
    cartesian = silicon(limit=4, wave_vectors="cartesian")
    assert isinstance(cartesian, Sweep)
    assert cartesian.condition_names == ("kx", "ky", "kz")
    np.testing.assert_allclose(levels(cartesian, values, 2 * np.pi * points), exact, atol=1e-12)
    fractional = silicon(limit=4)
    assert fractional.condition_names == ("k1", "k2", "k3")
    np.testing.assert_allclose(
        levels(fractional, values, points @ np.transpose(FCC)), exact, atol=1e-12
    )


# GaAs in the same paper, eV: the anion As is the first atom. "sp" is s of As with p of Ga, "ps" p
# of As with s of Ga, and so on; bond matrix elements are four times those of a bond.
GAAS: dict[str, Any] = {
    "energies": {
        "As.s": -8.3431,
        "As.p": 1.0414,
        "As.s*": 8.5914,
        "Ga.s": -2.6569,
        "Ga.p": 3.6686,
        "Ga.s*": 6.7386,
    },
    "ss": -6.4513,
    "xx": 1.9546,
    "xy": 5.0779,
    "sp": 4.4800,
    "ps": 5.7839,
    "s*p": 4.8422,
    "ps*": 4.8077,
}


def gaas_matrix(k: np.ndarray) -> np.ndarray:
    """The Hamiltonian of Table (A) of the paper, k in units of 2 pi / a."""
    bonds = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    phases = np.exp(0.5j * np.pi * bonds @ k)
    g0, (g1, g2, g3) = phases.sum() / 4, bonds.T @ phases / 4
    v, g = GAAS, np.array([g1, g2, g3])
    block = np.zeros((5, 5), complex)  # s, px, py, pz, s* of As with those of Ga
    block[0, 0] = v["ss"] * g0
    block[0, 1:4], block[1:4, 0] = v["sp"] * g, -v["ps"] * g
    block[4, 1:4], block[1:4, 4] = v["s*p"] * g, -v["ps*"] * g
    block[1:4, 1:4] = v["xx"] * g0 * np.eye(3) + v["xy"] * np.array(
        [[0, g3, g2], [g3, 0, g1], [g2, g1, 0]]
    )
    diagonal = [
        v["energies"][f"{atom}.{shell}"] for atom in ("As", "Ga") for shell in ("s", *"ppp", "s*")
    ]
    whole = np.diag(diagonal).astype(complex)
    whole[:5, 5:], whole[5:, :5] = block, block.conj().T
    return whole


def test_gallium_arsenide(rng):
    """Unlike atoms: the integrals sp and ps differ. The gap of the paper at Γ is 1.55 eV."""
    v, root = GAAS, np.sqrt(3) / 4
    table = {
        "ss_sigma": "ss",
        **{f"{name}_sigma": v[name] * root for name in ("sp", "ps", "s*p", "ps*")},
        "pp_sigma": (v["xx"] + 2 * v["xy"]) / 4,
        "pp_pi": (v["xx"] - v["xy"]) / 4,
    }
    structure = TightBinding(
        FCC,
        {"As": [0.0] * 3, "Ga": [0.25] * 3},
        [("As", "Ga", 1, table)],
        energies=v["energies"],
        orbitals={"As": ["s", "p", "s*"], "Ga": ["s", "p", "s*"]},
        limit=4,
        wave_vectors="cartesian",
    )
    k = np.concatenate([np.zeros((1, 3)), rng.normal(size=(3, 3))])
    found = levels(structure, [v["ss"] / 4], 2 * np.pi * k)
    exact = np.linalg.eigvalsh([gaas_matrix(point) for point in k])
    np.testing.assert_allclose(found, exact, atol=1e-12)
    np.testing.assert_allclose(found[0, :5], [-12.55, 0.0, 0.0, 0.0, 1.55], atol=0.005)


HONEYCOMB = [[1.0, 0.0], [0.5, np.sqrt(3) / 2]]
SITES = {"A": [1 / 3, 1 / 3], "B": [2 / 3, 2 / 3]}


def test_haldane_on_the_honeycomb(rng):
    """Nearest neighbours by shell; the second ones with a phase (Haldane, PRL 61, 2015 (1988))."""
    phase = 0.7
    t2 = {"value": "t2", "phase": phase}
    around = [[1, 0], [-1, 1], [0, -1]]
    structure = TightBinding(
        HONEYCOMB,
        SITES,
        [
            ("A", "B", 1, "t"),
            *[("A", "A", cell, t2) for cell in around],
            *[("B", "B", [-n for n in cell], t2) for cell in around],
        ],
        energies={"A": "M", "B": 0.0},
        limit=5,
    )
    assert structure.parameter_names == ("M", "t", "t2")
    mass, t, second = 0.4, -1.0, 0.2
    k = rng.normal(size=(5, 2))
    one, two = np.exp(2j * np.pi * k.T)
    f = t * (1 + one.conj() + two.conj())
    loops = [2 * np.cos(2 * np.pi * k @ cell + phase) for cell in around]
    back = [2 * np.cos(-2 * np.pi * k @ cell + phase) for cell in around]
    a, b = mass + second * np.sum(loops, axis=0), second * np.sum(back, axis=0)
    root = np.sqrt((a - b) ** 2 / 4 + np.abs(f) ** 2)
    exact = np.stack([(a + b) / 2 - root, (a + b) / 2 + root], axis=1)
    found = levels(structure, [mass, t, second], k)
    np.testing.assert_allclose(found, exact, atol=1e-12)


def test_p_and_d_bands_of_the_simple_cubic_lattice(rng):
    """Slater & Koster: `2 ppS cos kx + 2 ppP (cos ky + cos kz)`; the d levels at the origin."""
    cubic = np.eye(3).tolist()
    p = TightBinding(
        cubic,
        {"A": [0.0] * 3},
        [("A", "A", 1, {"pp_sigma": "S", "pp_pi": "P"})],
        orbitals={"A": ["p"]},
        limit=3,
        wave_vectors="cartesian",
    )
    k = rng.normal(size=(3, 3))
    c = np.cos(k)
    exact = 2 * 1.3 * c + 2 * -0.4 * (c.sum(axis=1, keepdims=True) - c)
    np.testing.assert_allclose(levels(p, [1.3, -0.4], k), np.sort(exact, axis=1), atol=1e-12)
    d = TightBinding(
        cubic,
        {"A": [0.0] * 3},
        [("A", "A", 1, {"dd_sigma": "S", "dd_pi": "P", "dd_delta": "D"})],
        orbitals={"A": ["d"]},
        k_points={"Γ": [0.0] * 3},
    )
    s, pi, delta = -0.7, 0.3, -0.1
    t2g, eg = 4 * pi + 2 * delta, 3 * s + 3 * delta
    np.testing.assert_allclose(
        levels(d, {"S": s, "P": pi, "D": delta}), np.sort([eg] * 2 + [t2g] * 3)
    )


def test_second_neighbours_and_unlike_atoms():
    """A chain along z of two atoms with s and pz, where the integrals sp and ps differ."""
    table = {"ss_sigma": "ss", "sp_sigma": "sp", "ps_sigma": 0.3, "pp_sigma": 0.9}
    chain = TightBinding(
        [[0.0, 0.0, 1.0]],
        {"A": [0.0], "B": [0.4]},
        [("A", "B", [0], table), ("A", "B", 2, {"ss_sigma": "far"}), ("B.pz", "B.pz", 1, 0.05)],
        orbitals={"A": ["s", "pz"], "B": ["s", "pz"]},
        energies={"A": -1.0, "B.s": 0.5, "B.p": "Ep"},
        k_points={"k": [0.2]},
    )
    assert chain.parameter_names == ("Ep", "ss", "sp", "far")
    ep, ss, sp, far = 2.0, -0.8, 0.6, 0.11
    z = np.exp(2j * np.pi * 0.2)
    bond = np.array([[ss + far / z, sp], [-0.3, 0.9]])  # the second neighbour is in the cell -1
    energies = np.diag([0.5, ep + 0.1 * z.real])
    exact = np.linalg.eigvalsh(np.block([[-np.eye(2), bond], [bond.conj().T, energies]]))
    found = levels(chain, {"Ep": ep, "ss": ss, "sp": sp, "far": far})
    np.testing.assert_allclose(found, exact, atol=1e-12)


def brute_force(energies, hoppings, k) -> np.ndarray:
    """Levels of a model in which every hopping is (amplitude, i, j, R), one matrix at a time."""
    size = len(energies)
    found = []
    for point in k:
        h = np.zeros((size, size), complex)
        h[np.arange(size), np.arange(size)] = energies
        for amplitude, i, j, cell in hoppings:
            step = amplitude * np.exp(2j * np.pi * np.dot(point, cell))
            h[i, j] += step
            h[j, i] += np.conj(step)
        found.append(np.linalg.eigvalsh(h))
    return np.array(found)


ENERGIES = [-0.2, 0.2, 0.0]
HOPPINGS: list[tuple[complex, int, int, list[int]]] = [
    (-1.0, 0, 1, [0, 0]),
    (1.0, 1, 2, [1, 0]),
    (0.15j, 0, 0, [1, 0]),
    (-0.15, 1, 1, [0, 1]),
]


def pythtb_1() -> Any:
    """What a `tb_model` of PythTB 1 has."""
    return types.SimpleNamespace(
        _per=[0, 1],
        _nspin=1,
        _site_energies=np.array(ENERGIES),
        _hoppings=[[amplitude, i, j, np.array(cell)] for amplitude, i, j, cell in HOPPINGS],
    )


def pythtb_2() -> Any:
    """What a `TBModel` of PythTB 2 has; a hopping inside the home cell has no lattice vector."""
    return types.SimpleNamespace(
        periodic_dirs=[0, 1],
        nspin=1,
        lat_vecs=np.eye(2),
        onsite=np.array(ENERGIES),
        hoppings=[
            {"amplitude": complex(amplitude), "from_orbital": i, "to_orbital": j}
            | ({"lattice_vector": cell} if any(cell) else {})
            for amplitude, i, j, cell in HOPPINGS
        ],
    )


@pytest.mark.parametrize("make", [pythtb_1, pythtb_2])
def test_models_of_pythtb(make, rng):
    k = rng.normal(size=(4, 2))
    found = from_pythtb(make(), limit=4)
    assert found.values == pytest.approx({"E1": 0.2, "t1": 1.0, "t2": 0.15})
    exact = brute_force(ENERGIES, HOPPINGS, k)
    np.testing.assert_allclose(levels(found.structure, found.values, k), exact, atol=1e-12)
    twice = {name: 2 * value for name, value in found.values.items()}
    np.testing.assert_allclose(levels(found.structure, twice, k), 2 * exact, atol=1e-12)


def test_a_model_of_pythtb_with_spin():
    """A Rashba chain: `2 t cos k + 2 r sin k sigma_y`, and a Zeeman term."""
    t, r, zeeman = 0.7, 0.2, 0.1
    sigma_y, sigma_z = np.array([[0, -1j], [1j, 0]]), np.diag([1.0, -1.0])
    model = types.SimpleNamespace(
        _per=[0],
        _nspin=2,
        _site_energies=[zeeman * sigma_z],
        _hoppings=[[t * np.eye(2) - 1j * r * sigma_y, 0, 0, [1]]],
    )
    found = from_pythtb(model, k_points={"Γ": [0.0], "k": [0.15]})
    angle = 2 * np.pi * 0.15
    exact = [
        np.linalg.eigvalsh(
            2 * t * np.cos(a) * np.eye(2) + 2 * r * np.sin(a) * sigma_y + zeeman * sigma_z
        )
        for a in (0.0, angle)
    ]
    np.testing.assert_allclose(levels(found.structure, found.values), np.ravel(exact), atol=1e-12)


@functools.cache
def hr_matrices() -> dict[tuple[int, ...], np.ndarray]:
    """A Hamiltonian of two Wannier functions with six decimals."""
    rng = np.random.default_rng(8)
    found: dict[tuple[int, ...], np.ndarray] = {
        (0, 0, 0): np.array([[1.5, 0.2 + 0.1j], [0.2 - 0.1j, -0.5]])
    }
    for cell in ((1, 0, 0), (0, 1, 0), (0, 1, -1)):
        matrix = (rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2))).round(6)
        found[cell] = matrix
        found[tuple(-n for n in cell)] = matrix.conj().T
    return found


def write_hr(folder: Path, **changes: Any) -> str:
    """The file of Wannier90: elements are multiplied by the degeneracy of their cell."""
    matrices = hr_matrices()
    degeneracies = [1, 2, 2, 1, 1, 4, 4]
    rows = [" written on 28Nov2026", "           2", f"           {len(matrices)}"]
    rows.append("".join(f"{d:5d}" for d in degeneracies))
    for (cell, matrix), degeneracy in zip(matrices.items(), degeneracies, strict=True):
        for n in (0, 1):
            for m in (0, 1):
                value = degeneracy * matrix[m, n]
                numbers = "".join(f"{x:5d}" for x in (*cell, m + 1, n + 1))
                rows.append(numbers + f"{value.real:12.6f}{value.imag:12.6f}")
    for number, row in changes.get("rows", {}).items():
        rows[number] = row
    path = folder / "model_hr.dat"
    path.write_text("\n".join(rows[: changes.get("end")]) + "\n")
    return str(path)


def hr_levels(k: np.ndarray, matrices: dict[tuple[int, ...], np.ndarray]) -> np.ndarray:
    phases = {cell: np.exp(2j * np.pi * k @ cell) for cell in matrices}
    sums = sum(phases[cell][:, None, None] * matrix for cell, matrix in matrices.items())
    return np.linalg.eigvalsh(np.asarray(sums))


def test_hamiltonians_of_wannier90(tmp_path, rng):
    path, k = write_hr(tmp_path), rng.normal(size=(3, 3))
    for cell, matrix in read_hr(path).items():
        np.testing.assert_allclose(matrix, hr_matrices()[cell], atol=1e-12)
    found = from_wannier90(
        path,
        shifted={"E": [(1, 1, [0, 0, 0]), (2, 2, [0, 0, 0])], "off": [(1, 2, [0, 0, 0])]},
        scaled={"t": [(1, 2, [1, 0, 0]), (2, 2, [0, 1, 0])]},
        limit=3,
    )
    assert found.values == {"E": 0.0, "off": 0.0, "t": 1.0}
    assert found.structure.parameter_units == {"E": "eV", "off": "eV"}
    exact = hr_levels(k, hr_matrices())
    np.testing.assert_allclose(levels(found.structure, found.values, k), exact, atol=1e-12)
    changed = {cell: matrix.copy() for cell, matrix in hr_matrices().items()}
    changed[0, 0, 0] += np.array([[0.3, -0.2], [-0.2, 0.3]])
    changed[1, 0, 0][0, 1] *= 0.6
    changed[-1, 0, 0][1, 0] *= 0.6
    changed[0, 1, 0][1, 1] *= 0.6
    changed[0, -1, 0][1, 1] *= 0.6
    np.testing.assert_allclose(
        levels(found.structure, {"E": 0.3, "off": -0.2, "t": 0.6}, k),
        hr_levels(k, changed),
        atol=1e-12,
    )
    solver = SpectralSolver(found.structure, initial=found.values)
    fit = solver.fit([hr_levels(k, changed).ravel()], conditions=k)
    np.testing.assert_allclose(fit.parameters, [[0.3, -0.2, 0.6]], atol=1e-6)


CHAIN: dict[str, Any] = {
    "lattice": [[1.0, 0.0, 0.0]],
    "sites": {"A": [0.0], "B": [0.5]},
    "hoppings": [("A", "B", [0], "t")],
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lattice": [[1.0], [2.0]]}, "lattice must be one to three independent vectors"),
        ({"lattice": "fcc"}, "lattice must be one to three independent vectors"),
        ({"sites": {}}, "sites must be a dict of positions"),
        ({"sites": {"A.1": [0.0]}}, "'A.1' must be a name without a dot"),
        ({"sites": {"A": [0.0, 0.0]}}, r"sites\['A'\] must be 1 numbers"),
        ({"orbitals": {"C": ["s"]}}, "there is no site 'C'; the sites are A, B"),
        ({"orbitals": {"A": ["f"]}}, "there is no orbital 'f'; there are the shells p and d"),
        ({"orbitals": {"A": ["p", "px"]}}, "must be different orbitals"),
        ({"hoppings": []}, r"hoppings must be a list of \(site, site, cell, value\)"),
        ({"hoppings": [("A", "B", "t")]}, r"hoppings\[0\] must be \(site, site, cell, value\)"),
        ({"hoppings": [("A", "C", [0], "t")]}, r"hoppings\[0\]: there is no site 'C'"),
        ({"hoppings": [("A", "B.px", [0], "t")]}, "site 'B' has no orbital 'px'; it has s"),
        ({"hoppings": [("A", "B", [0, 0], "t")]}, "the cell must be 1 whole numbers"),
        ({"hoppings": [("A", "B", 0, "t")]}, "the number of a shell of neighbours from 1, got 0"),
        ({"hoppings": [("A", "B", [0], None)]}, "must be a finite number or the name"),
        ({"hoppings": [("A", "B", [0], 1.0)]}, "nothing is a parameter"),
        ({"hoppings": [("A", "A", [0], "t")]}, "goes from an orbital to itself"),
        (
            {"hoppings": [("A", "B", [1], "t"), ("B", "A", [-1], "t")]},
            r"between 'B' and 'A' in the cell \[-1\] is given twice",
        ),
        ({"hoppings": [("A", "B", [0], {"sp_pi": 1.0})]}, "no two-centre integral 'sp_pi'"),
        ({"hoppings": [("A", "B", [0], {"pp_pi": "V"})]}, "pp_pi has no effect"),
        ({"hoppings": [("A", "A", [0], {"ss_sigma": "V"})]}, "the two sites are at the same place"),
        ({"hoppings": [("A", "B", [0], {"value": "t", "angle": 1})]}, "got 'angle'"),
        ({"hoppings": [("A", "B", [0], {"value": "t", "phase": "p"})]}, "phase must be a number"),
        ({"orbitals": {"A": ["p"]}}, "an amplitude is between two orbitals"),
        ({"energies": {"A": 1.0, "A.s": 2.0}}, "'A.s' and 'A' name the same orbital"),
        ({"energies": {"A": float("inf")}}, r"energies\['A'\] must be a finite number"),
        ({"wave_vectors": "reduced"}, "wave_vectors must be one of 'fractional', 'cartesian'"),
        ({"k_points": {}}, "k_points must be a dict of wave vectors"),
        ({"k_points": {"X": [0.5, 0.0]}}, r"k_points\['X'\] must be 1 finite numbers"),
    ],
)
def test_wrong_arguments(changes, message):
    with pytest.raises(ValueError, match=message) as caught:
        TightBinding(**(CHAIN | changes))
    assert str(caught.value).startswith("TightBinding: ")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": {1: "two"}}, "line 2 must be whole numbers from 1, got 'two'"),
        ({"end": 12}, "it has 7 and 8, or some lines are not seven numbers"),
        ({"rows": {6: "    0    0    0    2    1    9.000000    0.0"}}, "is not Hermitian"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message) as caught:
        read_hr(write_hr(tmp_path, **changes))
    assert "model_hr.dat" in str(caught.value)


def test_groups_that_are_not_there(tmp_path):
    path = write_hr(tmp_path)
    with pytest.raises(ValueError, match="nothing is free"):
        from_wannier90(path)
    with pytest.raises(ValueError, match=r"the element \(3, 1, \[0, 0, 0\]\); it must be"):
        from_wannier90(path, shifted={"E": [(3, 1, [0, 0, 0])]})
    with pytest.raises(ValueError, match=r"the element \(1, 1, \[5, 0, 0\]\); it must be"):
        from_wannier90(path, scaled={"E": [(1, 1, [5, 0, 0])]})
    with pytest.raises(ValueError, match="must have elements, and a name of its own"):
        from_wannier90(path, shifted={"E": [(1, 1, [0, 0, 0])]}, scaled={"E": [(1, 2, [0, 0, 0])]})


def test_models_that_are_none_of_pythtb():
    with pytest.raises(ValueError, match=r"model must be a tb_model of PythTB 1 or .* got dict"):
        from_pythtb({})
    empty = types.SimpleNamespace(_per=[], _nspin=1, _site_energies=[1.0], _hoppings=[])
    with pytest.raises(ValueError, match="no periodic directions"):
        from_pythtb(empty)
    empty = types.SimpleNamespace(_per=[0], _nspin=1, _site_energies=[0.0], _hoppings=[])
    with pytest.raises(ValueError, match="no energies and hoppings that are not 0"):
        from_pythtb(empty)
