"""TensorFlow without its log lines on standard error.

TensorFlow obeys the environment variable `TF_CPP_MIN_LOG_LEVEL`, except while its libraries are
being loaded: what they then say ("Could not find cuda drivers") no setting can stop. These lines
are taken out of standard error by a process that reads it meanwhile. A process, not a thread:
should loading TensorFlow end this process, its last words still arrive.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.util
import os
import subprocess
import sys
import types
import warnings
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
# Only fatal errors. All others also raise a Python exception, or do no harm.
_FATAL_ONLY = "3"

# Copies lines, but for information, warnings and errors in the format of TensorFlow's log.
_FILTER = r"""
import re, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
log = re.compile(rb"[IWE]\d{4} \d\d:\d\d:\d\S* +\d+ \S+\.cc:\d+\]|"
                 rb"WARNING: All log messages before absl::InitializeLog\(\) is called")
for line in sys.stdin.buffer:
    if not log.match(line):
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
"""
# Seconds to wait for the filter, which ends when nobody can write to it any more.
_PATIENCE = 2.0


def quiet_tensorflow() -> None:
    """Keep TensorFlow and CUDA from writing log lines to standard error.

    Call it before TensorFlow is imported. It sets the environment variable `TF_CPP_MIN_LOG_LEVEL`
    to 3 unless it is set: then only fatal errors are shown. With 3, the import of TensorFlow is
    made quiet too. Everything else on standard error stays as it is. The command `eigenfit` calls
    it; a Python program does so if it wants to.

    Example:
        >>> import eigenfit
        >>> eigenfit.quiet_tensorflow()  # doctest: +SKIP
        >>> solver = eigenfit.SpectralSolver(eigenfit.Toeplitz(2))  # imports TensorFlow
    """
    if "tensorflow" in sys.modules:
        warnings.warn(
            "quiet_tensorflow: TensorFlow is already imported, and keeps its log; call this "
            "function before the first import of TensorFlow or of a room such as eigenfit.solver.",
            stacklevel=2,
        )
        return
    if os.environ.setdefault(_LEVEL, _FATAL_ONLY) == _FATAL_ONLY:
        sys.meta_path.insert(0, _QuietImport())


class _QuietImport(importlib.abc.MetaPathFinder):
    """Waits for the import of TensorFlow, and makes that one quiet."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of TensorFlow, whose loader writes no log lines; None for other modules."""
        if fullname != "tensorflow":
            return None
        sys.meta_path[:] = [one for one in sys.meta_path if not isinstance(one, _QuietImport)]
        spec = importlib.util.find_spec(fullname)
        if spec is None or spec.loader is None:
            return spec
        load = spec.loader.exec_module

        def load_quietly(module: types.ModuleType) -> None:
            with without_log_lines():
                load(module)

        spec.loader.exec_module = load_quietly
        return spec


@contextlib.contextmanager
def without_log_lines() -> Iterator[None]:
    """Take TensorFlow's log lines out of standard error, that of C++ and of new processes too."""
    try:
        original = os.dup(2)
    except OSError:  # there is no standard error
        yield
        return
    try:
        filtering = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _FILTER], stdin=subprocess.PIPE, stdout=original
        )
    except OSError:  # no further process may be started: then with the lines
        os.close(original)
        yield
        return
    assert filtering.stdin is not None
    _flush()
    os.dup2(filtering.stdin.fileno(), 2)
    filtering.stdin.close()
    try:
        yield
    finally:
        _flush()
        os.dup2(original, 2)
        os.close(original)
        with contextlib.suppress(subprocess.TimeoutExpired):
            filtering.wait(_PATIENCE)


def _flush() -> None:
    if sys.stderr is not None:
        sys.stderr.flush()
