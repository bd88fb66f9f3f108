"""What a directory of results is for, and which fragments are in it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from .partition import partition_path, read_receipt

_log = logging.getLogger(__name__)


class Manifest:
    """The files `_manifest.json` and `_finished.jsonl` beside the results.

    The first says what the results are for and never changes. The second gets a line for each
    finished fragment. A fragment is finished when its file has its final name; a line that is
    missing, because the driver was killed in between, is added from the footer of the file.

    As a context it holds a lock, which ends with the process, so two runs cannot use a directory.

    Args:
        output_dir: the directory; made if needed.
    """

    def __init__(self, output_dir: Path):
        self._directory = output_dir
        self._lock: IO[str] | None = None
        self._lines: IO[str] | None = None
        self.plan_id = ""

    def __enter__(self) -> Manifest:
        self._directory.mkdir(parents=True, exist_ok=True)
        self._lock = (self._directory / "_lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise RuntimeError(
                f"fit_dataset: another run is writing to {self._directory}; wait for it or choose "
                "another output_dir."
            ) from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for file in (self._lines, self._lock):
            if file is not None:
                file.close()

    def begin(self, plan: Mapping[str, Any], resume: bool) -> None:
        """Start a directory, or check that what was started is the same.

        Args:
            plan: what the results are for: model, source and how it is cut, as plain data.
            resume: whether results may be there already.

        Raises:
            FileExistsError: if they are and may not be, or if they are none of ours.
            ValueError: if they are for another plan.
        """
        path = self._directory / "_manifest.json"
        plan = json.loads(json.dumps(plan))
        self.plan_id = hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()
        if path.exists():
            if not resume:
                raise FileExistsError(
                    f"fit_dataset: {self._directory} holds results and resume is False; choose "
                    "another output_dir, or remove it."
                )
            self._check(json.loads(path.read_text()), plan)
        elif any(self._directory.glob("part-*.parquet")):
            raise FileExistsError(
                f"fit_dataset: {self._directory} holds part-*.parquet but no _manifest.json, so "
                "they are from something else; choose another output_dir."
            )
        else:
            hidden = path.with_name("._manifest.json")
            hidden.write_text(json.dumps(plan, indent=1) + "\n")
            hidden.rename(path)
        self.clean()
        (self._directory / "_attempts").mkdir()

    def clean(self) -> None:
        """Remove what workers that died left behind."""
        for path in self._directory.glob(".part-*"):
            path.unlink(missing_ok=True)
        shutil.rmtree(self._directory / "_attempts", ignore_errors=True)

    def finished(self, fragments: Sequence[Mapping[str, Any]]) -> dict[int, dict[str, Any]]:
        """The receipts of the fragments that need not be fitted, by number.

        Call it once, before `add`.
        """
        path = self._directory / "_finished.jsonl"
        lines: dict[int, dict[str, Any]] = {}
        for line in path.read_text().splitlines() if path.exists() else ():
            try:
                receipt = json.loads(line)
            except ValueError:  # the last line of a driver that was killed
                continue
            lines[receipt["number"]] = receipt
        receipts = {}
        for fragment in fragments:
            number = fragment["number"]
            part = partition_path(self._directory, number)
            if not part.exists():
                if number in lines:
                    _log.warning("%s is missing and will be fitted again", part)
                continue
            receipt = lines.get(number)
            if receipt is None or receipt["bytes"] != part.stat().st_size:
                receipt = self._from_footer(part, fragment)
            if receipt is not None:
                receipts[number] = receipt
        hidden = path.with_name("._finished.jsonl")
        hidden.write_text("".join(json.dumps(receipt) + "\n" for receipt in receipts.values()))
        hidden.rename(path)
        self._lines = path.open("a")
        return receipts

    def add(self, receipt: Mapping[str, Any]) -> None:
        """Note that a fragment is finished."""
        assert self._lines is not None
        size = partition_path(self._directory, receipt["number"]).stat().st_size
        self._lines.write(json.dumps({**receipt, "bytes": size}) + "\n")
        self._lines.flush()
        os.fsync(self._lines.fileno())

    def _from_footer(self, part: Path, fragment: Mapping[str, Any]) -> dict[str, Any] | None:
        receipt = read_receipt(part)
        whole = receipt is not None and (
            (receipt["plan"], receipt["number"], receipt["rows"])
            == (self.plan_id, fragment["number"], fragment["rows"])
        )
        if receipt is None or not whole:
            _log.warning("%s is damaged and will be fitted again", part)
            return None
        return {**receipt, "bytes": part.stat().st_size}

    def _check(self, begun: Mapping[str, Any], plan: Mapping[str, Any]) -> None:
        changed = [name for name in {**begun, **plan} if begun.get(name) != plan.get(name)]
        if changed:
            told = [
                name
                if name in ("model", "source")
                else f"{name} ({begun.get(name)} then, {plan.get(name)} now)"
                for name in changed
            ]
            raise ValueError(
                f"fit_dataset: the results in {self._directory} were begun with another "
                f"{' and another '.join(told)}, so they cannot be continued; choose another "
                "output_dir, or put back what it was begun with."
            )
