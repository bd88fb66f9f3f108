"""`python -m benchmarks [suite ...]`: measures, and writes JSON and Markdown."""

from __future__ import annotations

import argparse
import importlib.util
import time
from pathlib import Path

from . import machine, report
from .options import Options
from .suites import SUITES

_ROWS = (1, 64, 1024, 8192)
_QUICK_ROWS = (1, 64, 1024)


def parse() -> tuple[list[str], Options]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="suite", help=", ".join(SUITES))
    parser.add_argument("--rows", type=int, nargs="+", help="batch sizes of the speed table")
    parser.add_argument("--problems", nargs="+", default=[], help="parts of names, speed table")
    parser.add_argument("--repetitions", type=int, help="rounds of each measurement")
    parser.add_argument("--quick", action="store_true", help="small, to see that it works")
    parser.add_argument("--output", type=Path, default=Path("bench_output"), metavar="DIR")
    parser.add_argument("--peers", nargs="+", help="compare only with these")
    parser.add_argument("--longest", type=float, help="seconds; see Options")
    given = parser.parse_args()
    unknown = sorted(set(given.suites) - set(SUITES))
    if unknown:
        parser.error(f"no suite {', '.join(unknown)}; there are {', '.join(SUITES)}")
    chosen = given.peers or ["SciPy", "optimistix", "plain loop", "lift and projection"]
    if "optimistix" in chosen and importlib.util.find_spec("optimistix") is None:
        print("optimistix is not installed (extra bench) and is left out")
        chosen.remove("optimistix")
    return given.suites or list(SUITES), Options(
        output=given.output,
        rows=tuple(given.rows or (_QUICK_ROWS if given.quick else _ROWS)),
        problems=tuple(given.problems),
        repetitions=given.repetitions or (3 if given.quick else 5),
        quick=given.quick,
        peers=("eigenfit", *(name for name in chosen if name != "eigenfit")),
        longest=given.longest or (1.0 if given.quick else 3.0),
    )


def main() -> None:
    names, options = parse()
    for name in names:
        suite = SUITES[name]
        print(f"--- {suite.TITLE}", flush=True)
        before, began = machine.describe(), time.perf_counter()
        result = suite.run(options)
        result["took"] = time.perf_counter() - began
        report.write(options.output, name, result, before)
        path = report.assemble(
            options.output, {key: (module.TITLE, module.text) for key, module in SUITES.items()}
        )
        print(f"    {result['took']:.0f} s; {path}", flush=True)


if __name__ == "__main__":
    main()
