"""Data tables as people have them: each of these files holds the same three levels."""

import io
import sys

import numpy as np
import pandas as pd
import pytest

from eigenfit.problem import Problem, ProblemError

LEVELS = [1.5, 12.25, -0.5]
SIGMA = [0.1, 0.2, 0.1]
# What a table of levels 2, 0 and 1 holds: they may stand in any order.
NUMBERS = [1, 2, 0]

TIDY = {
    "commas": "level,energy,sigma\n1,1.5,0.1\n2,12.25,0.2\n0,-0.5,0.1\n",
    "commas and blanks": "level, energy, sigma\n 1, 1.5, 0.1\n2, 12.25 ,0.2\n0, -0.5, 0.1\n",
    "tabs": "level\tenergy\tsigma\n1\t1.5\t0.1\n2\t12.25\t0.2\n0\t-0.5\t0.1\n",
    "semicolons, decimal commas": "level;energy;sigma\n1;1,5;0,1\n2;12,25;0,2\n0;-0,5;0,1\n",
    "semicolons, decimal points": "level;energy;sigma\n1;1.5;0.1\n2;12.25;0.2\n0;-0.5;0.1\n",
    "tabs, decimal commas": "level\tenergy\tsigma\n1\t1,5\t0,1\n2\t12,25\t0,2\n0\t-0,5\t0,1\n",
    "blanks": "level energy sigma\n1   1.5 0.1\n2  12.25 0.2\n0  -0.5   0.1\n",
    "blanks, decimal commas": "level energy sigma\n1 1,5 0,1\n2 12,25 0,2\n0 -0,5 0,1\n",
    "bars": "level|energy|sigma\n1|1.5|0.1\n2|12.25|0.2\n0|-0.5|0.1\n",
    "Windows": "level,energy,sigma\r\n1,1.5,0.1\r\n2,12.25,0.2\r\n0,-0.5,0.1\r\n",
    "old Macintosh": "level,energy,sigma\r1,1.5,0.1\r2,12.25,0.2\r0,-0.5,0.1\r",
    "comments and empty lines": "# measured in May\nlevel,energy,sigma\n\n1,1.5,0.1 # good\n"
    "% two\n2,12.25,0.2\n! three\n// four\n0,-0.5,0.1\n\n",
    "errors in brackets": "level,energy\n1,1.50(10)\n2,12.25(20)\n0,-0.5(1)\n",
    "errors in brackets, commas": "level;energy\n1;1,50(10)\n2;12,25(20)\n0;-0,5(1)\n",
    "plus minus": "level,energy\n1,1.5 ± 0.1\n2,12.25+/-0.2\n0,-0.5 ± .1\n",
    "Unicode minus": "level,energy,sigma\n1,1.5,0.1\n2,12.25,0.2\n0,\N{MINUS SIGN}0.5,0.1\n",
    "byte order mark": "\ufefflevel,energy,sigma\n1,1.5,0.1\n2,12.25,0.2\n0,-0.5,0.1\n",
    "units in the header": "level,energy (cm^-1),sigma [cm-1]\n1,1.5,0.1\n"
    "2,12.25,0.2\n0,-0.5,0.1\n",
    "other units": "level,E / MHz,error (kHz)\n1,44968.8687,2997924.58\n2,367245.76105,"
    "5995849.16\n0,-14989.6229,2997924.58\n",
    "other names": "State,Observed,Unc\n1,1.5,0.1\n2,12.25,0.2\n0,-0.5,0.1\n",
    "more columns": "comment,level,energy,sigma,ref\nx,1,1.5,0.1,A\n,2,12.25,0.2,B\n,0,-0.5,0.1,\n",
    "nothing measured": "level,energy,sigma\n1,1.5,0.1\n2,12.25,0.2\n0,-0.5,0.1\n1,NA,\n"
    "2,-,-\n0,,\n",
    "quotes": '"level","energy","sigma"\n"1","1.5","0.1"\n"2","12.25","0.2"\n"0","-0.5","0.1"\n',
    "separator at the end": "level,energy,sigma,\n1,1.5,0.1,\n2,12.25,0.2,\n0,-0.5,0.1,\n",
    "zero-width blanks": "level,energy,sigma\n1,\u00a01.5,0.1\n2,12.25,0.2\u200b\n0,-0.5,0.1\n",
}


def read(data, system=None, parameters=None, **more):
    file = {"system": system or {"type": "ladder"}, "data": data, **more}
    if parameters:
        file["parameters"] = parameters
    return Problem.from_dict(file)


def check_levels(problem, sigma=True):
    np.testing.assert_allclose(problem.targets, [np.array(LEVELS)[[2, 0, 1]]], rtol=1e-12)
    if sigma:
        assert problem.data.sigma is not None
        expected = [np.array(SIGMA)[[2, 0, 1]]]
        np.testing.assert_allclose(problem.data.sigma, expected, rtol=1e-12)
    assert problem.faults == ()
    assert problem.data.unit == "cm^-1"


@pytest.mark.parametrize("name", TIDY)
def test_a_tidy_text_table(here, name):
    (here / "t.csv").write_bytes(TIDY[name].encode())
    check_levels(read({"file": "t.csv"}))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_encodings_that_mark_themselves(here, encoding):
    (here / "t.csv").write_bytes(TIDY["plus minus"].encode(encoding))
    check_levels(read({"file": "t.csv"}))


def test_an_encoding_that_is_named(here):
    (here / "t.csv").write_bytes(TIDY["plus minus"].encode("latin-1"))
    with pytest.raises(ProblemError, match=r"t.csv, line 2: the byte 0xb1 is not utf-8.*latin-1"):
        read({"file": "t.csv"})
    check_levels(read({"file": "t.csv", "encoding": "latin-1"}))


def test_a_table_without_names(here):
    (here / "t.csv").write_text("1 1.5 0.1\n2 12.25 0.2\n0 -0.5 0.1\n")
    with pytest.raises(ProblemError, match="the 3 columns have no names"):
        read({"file": "t.csv"})
    check_levels(read({"file": "t.csv", "columns": ["level", "energy", "sigma"]}))
    numbered = {"level": 1, "energy": 2, "sigma": 3}
    check_levels(read({"file": "t.csv", "columns": numbered}))


def test_columns_by_other_names(here):
    (here / "t.csv").write_text("who,what,how well,why\n1,1.5,0.1,a\n2,12.25,0.2,b\n0,-0.5,0.1,c\n")
    with pytest.raises(ProblemError) as caught:
        read({"file": "t.csv"})
    assert len(caught.value.faults) > 0
    named = {"level": "who", "energy": "what", "sigma": "how well"}
    check_levels(read({"file": "t.csv", "columns": named, "ignore": ["why"]}))


def test_one_column_of_levels_in_order(here):
    (here / "t.csv").write_text("energy\n-0.5\n1.5\n12.25\n")
    check_levels(read({"file": "t.csv"}), sigma=False)
    (here / "t.csv").write_text("-0,5\n1,5\n12,25\n")
    check_levels(read({"file": "t.csv", "decimal": ","}), sigma=False)


def test_lines_at_the_top_are_left_out(here):
    (here / "t.csv").write_text("Spectrometer 5\nMay 2024\n" + TIDY["commas"])
    check_levels(read({"file": "t.csv", "skip_lines": 2}))


def test_inline_rows():
    check_levels(read({"rows": [[1, 1.5, 0.1], [2, "12.25(20)"], [0, -0.5, 0.1]],
                       "columns": ["level", "energy", "sigma"]}))  # fmt: skip
    rows = [
        {"level": number, "energy": energy, "sigma": sigma}
        for number, energy, sigma in zip(NUMBERS, LEVELS, SIGMA, strict=True)
    ]
    check_levels(read({"rows": rows}))


def frame():
    return pd.DataFrame({"level": NUMBERS, "energy": LEVELS, "sigma": SIGMA})


def test_excel(here):
    frame().to_excel(here / "t.xlsx", index=False)
    check_levels(read({"file": "t.xlsx"}))
    with pd.ExcelWriter(here / "two.xlsx") as book:
        frame().to_excel(book, sheet_name="levels", index=False)
        pd.DataFrame({"notes": ["x"]}).to_excel(book, sheet_name="notes", index=False)
    with pytest.raises(ProblemError, match=r"two.xlsx: there are several sheets, levels, notes"):
        read({"file": "two.xlsx"})
    check_levels(read({"file": "two.xlsx", "sheet": "levels"}))
    check_levels(read({"file": "two.xlsx", "sheet": 1}))
    with pytest.raises(ProblemError, match="there is no sheet 'level'; the sheets are levels"):
        read({"file": "two.xlsx", "sheet": "level"})


def test_parquet(here):
    frame().to_parquet(here / "t.parquet")
    check_levels(read({"file": "t.parquet"}))


def test_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TIDY["tabs"].encode())))
    check_levels(read({"file": "-"}))


WIDE = {
    "names of levels": "0,1,2\n-0.5,1.5,12.25\n1,2,3\n",
    "in any order": "2,0,1\n12.25,-0.5,1.5\n3,1,2\n",
    "decimal commas": "0;1;2\n-0,5;1,5;12,25\n1,0;2;3\n",
}


@pytest.mark.parametrize("name", WIDE)
def test_a_wide_table(here, name):
    (here / "t.csv").write_text(WIDE[name])
    problem = read({"file": "t.csv", "header": True})
    np.testing.assert_array_equal(problem.targets, [[-0.5, 1.5, 12.25], [1, 2, 3]])
    assert problem.data.layout == "wide"
    assert problem.data.spectra == ("line 2", "line 3")


def test_a_wide_table_with_gaps_names_and_errors(here):
    (here / "t.csv").write_text("sample;1;0;sigma 1\nNd;NA;5(1);\nHo;7;6(2);0.5\n")
    problem = read({"file": "t.csv"})
    np.testing.assert_array_equal(problem.targets, [[5, np.nan, np.nan], [6, 7, np.nan]])
    np.testing.assert_array_equal(problem.data.sigma, [[1, np.nan, np.nan], [2, 0.5, np.nan]])
    assert problem.data.spectra == ("Nd", "Ho")


def test_a_wide_table_without_names(here):
    (here / "t.csv").write_text("1,2,3,4,5\n2,,4,5,6\n")
    problem = read({"file": "t.csv"}, {"type": "ladder", "levels": 5})
    np.testing.assert_array_equal(problem.targets, [[1, 2, 3, 4, 5], [2, np.nan, 4, 5, 6]])


def test_a_bad_line_costs_only_itself(here):
    (here / "t.csv").write_text("level,energy,sigma\n1,1.5,0.1\n2,12.2O,0.2\n0,-0.5,0.1\n")
    problem = read({"file": "t.csv"})
    np.testing.assert_array_equal(problem.targets, [[-0.5, 1.5, np.nan]])
    (fault,) = problem.faults
    assert str(fault) == (
        "t.csv, line 3, column 2 (energy): '12.2O' is not a number; write a number such as 12.1 "
        "or 12.1(3), or leave the cell empty if nothing was measured."
    )


def test_a_bad_spectrum_costs_only_itself(here):
    (here / "t.csv").write_text("1,2,3,4\n1,x,3,4\n2,3,4,5\n")
    problem = read({"file": "t.csv"}, {"type": "ladder", "levels": 4})
    np.testing.assert_array_equal(problem.targets, [[1, 2, 3, 4], [2, 3, 4, 5]])
    assert problem.data.spectra == ("line 1", "line 3")
    assert [fault.place for fault in problem.faults] == ["t.csv, line 2, column 2"]


def test_several_spectra_in_a_tidy_table(here):
    (here / "t.csv").write_text("sample,level,energy\nA,0,1\nB,1,5\nA,2,3\nB,0,4\n")
    problem = read({"file": "t.csv"})
    np.testing.assert_array_equal(problem.targets, [[1, np.nan, 3], [4, 5, np.nan]])
    assert problem.data.spectra == ("A", "B")


def test_limits(here):
    (here / "t.csv").write_text("level,energy,side\n0,1,\n1,>2,\n2,9,<\n")
    problem = read({"file": "t.csv"})
    np.testing.assert_array_equal(problem.targets, [[1, 2, 9]])
    assert problem.data.sides is not None
    np.testing.assert_array_equal(problem.data.sides, [[0, 1, -1]])


def test_lines_between_named_levels(here):
    (here / "t.csv").write_text(
        "upper,lower,frequency (GHz)\n1_10,1_01,0.5\n1_11,0_00,0.7(1)\nJ=1:2,1_11,0.2(1)\n"
        "1_10,1_01,0.51\n"
    )
    problem = read({"file": "t.csv", "sigma": 0.05}, {"type": "tops"})
    solver = problem.solver()
    names = ("1_10 - 1_01 #0", "1_11 - 0_00", "1_10 - 1_11", "1_10 - 1_01 #3")
    assert solver.target_names == names
    np.testing.assert_allclose(problem.targets, [[500, 700, 200, 510]])
    assert problem.data.sigma is not None
    np.testing.assert_allclose(problem.data.sigma, [[50, 100, 100, 50]])


def test_levels_of_named_members(here):
    (here / "t.csv").write_text("level,energy\nJ=1:0,2\nJ=0:0,0\nJ=1:2,5\n")
    problem = read({"file": "t.csv"}, {"type": "tops", "names": False})
    np.testing.assert_array_equal(problem.targets, [[0, 2, np.nan, 5]])


def test_levels_of_unknown_number(here):
    (here / "t.csv").write_text("energy\n3\n1\n")
    with pytest.raises(ProblemError, match="2 values without levels, but 3 are compared"):
        read({"file": "t.csv"})
    problem = read({"file": "t.csv", "assignment": "matched"})
    np.testing.assert_array_equal(problem.targets, [[3, 1]])
    assert type(problem.observation).__name__ == "Matched"
    (here / "t.csv").write_text("level,energy\nJ=1,3\nJ=0,0\nJ=1,1\n")
    problem = read({"file": "t.csv", "assignment": "matched"}, {"type": "tops"})
    np.testing.assert_array_equal(problem.targets, [[0, 3, 1]])
    assert problem.observation.describe()["count"] == [1, 2]


def test_conditions(here):
    (here / "t.csv").write_text("B,level,energy\n0,0,-1\n0,1,1\n2,0,-3\n5,1,4\n")
    problem = read({"file": "t.csv"}, {"type": "field"})
    np.testing.assert_array_equal(problem.targets, [[-1, 1, -3, np.nan, np.nan, 4]])
    assert problem.data.conditions is not None
    np.testing.assert_array_equal(problem.data.conditions, [[[0], [2], [5]]])


def test_conditions_in_a_wide_table(here):
    (here / "t.csv").write_text("run B 0 1\nx 0 -1 1\nx 2 -3 3\ny 1 -2 2\n")
    problem = read({"file": "t.csv"}, {"type": "field"})
    np.testing.assert_array_equal(problem.targets, [[-1, 1, -3, 3], [-2, 2, np.nan, np.nan]])
    np.testing.assert_array_equal(problem.data.conditions, [[[0], [2]], [[1], [np.nan]]])


def test_usual_lines_by_their_names(here):
    (here / "t.csv").write_text("level,energy\n2 - 1,3\n1 - 0,1\n")
    problem = read({"file": "t.csv"}, {"type": "lines"})
    np.testing.assert_array_equal(problem.targets, [[1, 3, np.nan]])


def test_the_level_of_a_multiplet(here):
    (here / "t.csv").write_text("level,energy\n0,0\n2,4\n")
    data = {"file": "t.csv", "multiplicity": 2, "relative_to": "lowest"}
    problem = read(data, {"type": "ladder", "levels": 4})
    np.testing.assert_array_equal(problem.targets, [[0, 4]])
    assert problem.observation.describe()["multiplicity"] == 2


def test_lines_of_one_matrix_and_lines_to_be_predicted(here):
    (here / "t.csv").write_text("upper,lower,frequency\n2,0,5\n1,0,2\n3,0,NA\n2,0,5.1\n")
    problem = read({"file": "t.csv"}, {"type": "ladder", "levels": 4})
    names = problem.solver().target_names
    assert names == ("2 - 0 #0", "1 - 0", "2 - 0 #2", "3 - 0")
    np.testing.assert_array_equal(problem.targets, [[5, 2, 5.1, np.nan]])


def test_the_lines_of_the_system_come_first(here):
    (here / "t.csv").write_text("upper,lower,frequency\n3,2,5\n2,0,7\n1,0,2\n")
    problem = read({"file": "t.csv"}, {"type": "lines"})
    assert problem.solver().target_names == ("1 - 0", "2 - 1", "3 - 2", "2 - 0")
    np.testing.assert_array_equal(problem.targets, [[2, np.nan, 5, 7]])


def test_lines_at_conditions(here):
    (here / "t.csv").write_text("B,upper,lower,frequency\n0,1,0,2\n2,1,0,6\n")
    problem = read({"file": "t.csv"}, {"type": "field"})
    np.testing.assert_array_equal(problem.targets, [[2, 6]])


def test_natural_frequencies(here):
    (here / "t.csv").write_text("mode,frequency (kHz)\n1,0.002\n0,0.0005\n")
    problem = read({"file": "t.csv"}, {"type": "frame"})
    np.testing.assert_allclose(problem.targets, [[0.5, 2]])
    assert problem.data.unit == "Hz"
    lowest = read({"file": "t.csv", "lowest": 2}, {"type": "frame"})
    assert lowest.observation.describe()["lowest"] == 2
    (fault,) = read({"file": "t.csv", "lowest": 1}, {"type": "frame"}).faults
    assert fault.text == "level 1 is not among those that are compared."


def test_conditions_of_several_numbers(here):
    (here / "t.csv").write_text("ky,KX,level,energy\n1,0,0,3\n,1,0,2\n1,1,0,4\n")
    problem = read({"file": "t.csv"}, {"type": "plane"})
    assert problem.data.conditions is not None
    np.testing.assert_array_equal(problem.data.conditions, [[[0, 1], [1, 1]]])
    assert [str(fault) for fault in problem.faults] == [
        "t.csv, line 3, column 1 (ky): the condition is missing."
    ]


def test_a_level_that_stands_there_twice(here):
    (here / "t.csv").write_text("level,energy\n0,1\n1,2\n0,1.5\n")
    problem = read({"file": "t.csv"})
    np.testing.assert_array_equal(problem.targets, [[1, 2, np.nan]])
    assert [str(fault) for fault in problem.faults] == [
        "t.csv, line 4: level 0 stands there twice, first in line 2; keep one of the two, or their "
        "mean."
    ]


def test_a_spectrum_without_values_is_left_out(here):
    (here / "t.csv").write_text("0,1,2,3\n1,2,3,4\nNA,-,,\n")
    problem = read({"file": "t.csv", "header": True}, {"type": "ladder", "levels": 4})
    np.testing.assert_array_equal(problem.targets, [[1, 2, 3, 4]])
    assert "there is no measured value; remove the line" in str(problem.faults[0])


def test_wide_tables_of_levels_of_unknown_number(here):
    (here / "t.csv").write_text("3,1\n2,5\n")
    data = {"file": "t.csv", "assignment": "matched", "layout": "wide", "separator": ","}
    problem = read(data)
    np.testing.assert_array_equal(problem.targets, [[3, 1], [2, 5]])
    (here / "t.csv").write_text("first,second\n3,1\n2,5\n")
    np.testing.assert_array_equal(read(data).targets, [[3, 1], [2, 5]])


def test_wide_columns_by_names_that_say_nothing(here):
    (here / "t.csv").write_text("E1,E2,E3\n3,1,2\n")  # in any order, as no level is named
    np.testing.assert_array_equal(read({"file": "t.csv"}).targets, [[3, 1, 2]])
    (here / "t.csv").write_text("E1,E2\n1,2\n")
    named = {"0": "E1", "2": "E2"}
    problem = read({"file": "t.csv", "columns": named, "layout": "wide"})
    np.testing.assert_array_equal(problem.targets, [[1, np.nan, 2]])
    # A level of a pair is that of the pair.
    data = {"file": "t.csv", "columns": {"0": "E1", "1": "E2"}, "multiplicity": 2, "layout": "wide"}
    with pytest.raises(ProblemError, match=r"column 1 \(E1\) and column 2 \(E2\) are the same"):
        read(data, {"type": "ladder", "levels": 4})


def test_separators_at_the_end_of_wide_lines(here):
    (here / "t.csv").write_text("1,2,3,4,\n2,3,4,5,\n")
    problem = read({"file": "t.csv"}, {"type": "ladder", "levels": 4})
    np.testing.assert_array_equal(problem.targets, [[1, 2, 3, 4], [2, 3, 4, 5]])


@pytest.mark.parametrize(
    ("table", "keys"),
    [
        ("1,5;2\n0,5;1\n", {"columns": ["energy", "level"]}),
        ("1.5,2\n0.5,1\n", {"columns": ["energy", "level"], "separator": ","}),
        ("energy,level\n1.5,2\n0.5,1\n", {"decimal": "."}),
        ("energy:level\n1,5:2\n0,5:1\n", {"separator": ":"}),
        ("energy level\n1,5 2\n0,5 1\n", {"decimal": ","}),
        ("energy,level\n3/2 no\n1.5,2 no\n0.5,1\n", {"comment": " no", "ignore": ["x"]}),
        ("energy;level\n1.5;2;\n0.5;1;\n", {"columns": ["energy", "level"], "header": True}),
        ("energy;level\n1.5;2;7\n0.5;1;8\n", {"columns": ["energy", "level", ""]}),
    ],
)
def test_the_form_of_a_table_is_found_or_given(here, table, keys):
    (here / "t.csv").write_text(table)
    problem = read({"file": "t.csv", **keys})
    np.testing.assert_array_equal(problem.targets, [[np.nan, 0.5, 1.5]])


def test_a_column_of_decimal_commas(here):
    (here / "t.csv").write_text("energy\n0,5\n1,5\n2,5\n")
    np.testing.assert_array_equal(read({"file": "t.csv"}).targets, [[0.5, 1.5, 2.5]])


def test_standard_input_that_is_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    with pytest.raises(ProblemError, match="standard input, which is a terminal"):
        read({"file": "-"})


def test_tables_without_lines(here):
    pd.DataFrame({"level": []}).to_parquet(here / "t.parquet")
    with pytest.raises(ProblemError, match="the table has no lines"):
        read({"file": "t.parquet"})
    for frame in (pd.DataFrame(), pd.DataFrame({"level": ["# nothing"]})):
        frame.to_excel(here / "t.xlsx", index=False, header=False)
        with pytest.raises(ProblemError, match="the sheet has no lines"):
            read({"file": "t.xlsx"})


def test_a_date_in_a_spreadsheet(here):
    frame().assign(energy=[pd.Timestamp("2024-01-12"), 2.0, 1.0]).to_excel(
        here / "t.xlsx", index=False
    )
    (fault,) = read({"file": "t.xlsx"}).faults
    assert fault.place == "t.xlsx, row 2, column 2 (energy)"
    assert "is a datetime, not a number; format the cell as a number" in fault.text
