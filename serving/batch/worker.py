"""What runs on the workers; they need TensorFlow and pyarrow, not this package.

This module and those it imports from here are sent by value (`cluster.send_by_value`).
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...export.digest import digest_model
from .model import SIGNATURE
from .npy import read_npy
from .parquet import read_parquet
from .partition import write_partition

#: A fragment whose worker died so often is given up: it is the fragment that kills.
MAX_ATTEMPTS = 4


class FitFragments:
    """Loads the model once, then fits one fragment a call.

    Args:
        settings: model_dir, sha256, dtype, width, output_dir, plan, column, batch_rows, threads.

    Raises:
        RuntimeError: if the model on this machine is not the one of the driver.
    """

    def __init__(self, settings: Mapping[str, Any]):
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(settings["threads"])
        tf.config.threading.set_inter_op_parallelism_threads(settings["threads"])
        self._settings = settings
        if digest_model(settings["model_dir"]) != settings["sha256"]:
            raise RuntimeError(
                f"fit_dataset: {settings['model_dir']} on {socket.gethostname()} is not the model "
                "that the driver read; it changed, or the machines do not share the directory."
            )
        self._tf = tf
        self._model = tf.saved_model.load(settings["model_dir"])  # owns what the signature uses
        self._signature = self._model.signatures[SIGNATURE]

    def __call__(self, batch: Mapping[str, np.ndarray]) -> dict[str, list[str]]:
        """Fit a fragment and write its answers.

        Args:
            batch: one fragment as JSON, under "fragment".

        Returns:
            The receipt as JSON, or the number and an error: an exception would end the whole run.
        """
        fragment = json.loads(str(batch["fragment"][0]))
        try:
            receipt = self._fit(fragment)
        except Exception as error:
            receipt = {"number": fragment["number"], "error": f"{type(error).__name__}: {error}"}
        return {"receipt": [json.dumps(receipt)]}

    def _fit(self, fragment: Mapping[str, Any]) -> dict[str, Any]:
        output_dir = self._settings["output_dir"]
        marks = Path(output_dir) / "_attempts"
        attempt = _mark_attempt(marks, fragment["number"])
        stat = Path(fragment["path"]).stat()
        if (stat.st_size, stat.st_mtime_ns) != (fragment["size"], fragment["mtime_ns"]):
            raise RuntimeError(f"{fragment['path']} changed during the run.")
        facts = {"plan": self._settings["plan"], "attempt": attempt}
        receipt = write_partition(output_dir, fragment, self._answers(fragment), facts)
        for mark in marks.glob(f"{fragment['number']:08d}.*"):
            mark.unlink(missing_ok=True)
        return receipt

    def _answers(self, fragment: Mapping[str, Any]) -> Iterator[dict[str, np.ndarray]]:
        settings, first = self._settings, fragment["first"]
        batch_rows = settings["batch_rows"]
        if fragment["kind"] == "npy":
            pieces = read_npy(fragment["path"], first, fragment["rows"], batch_rows)
        else:
            groups = (fragment["group_begin"], fragment["group_end"])
            column, width = settings["column"], settings["width"]
            pieces = read_parquet(fragment["path"], column, width, groups, first, batch_rows)
        for piece in pieces:
            levels = self._tf.constant(np.ascontiguousarray(piece, settings["dtype"]))
            outputs = self._signature(targets=levels)
            yield {name: value.numpy() for name, value in outputs.items()}


def _mark_attempt(marks: Path, number: int) -> int:
    """Leave a mark that outlives this process, and say the how manieth it is."""
    for attempt in range(1, MAX_ATTEMPTS + 1):
        try:
            with (marks / f"{number:08d}.{attempt}").open("x") as file:
                file.write(f"{socket.gethostname()} {os.getpid()}\n")
        except FileExistsError:
            continue
        return attempt
    raise RuntimeError(f"its worker died {MAX_ATTEMPTS} times, see {marks}.")
