"""TensorFlow's log lines, written by a package that only claims to be TensorFlow."""

import os
import subprocess
import sys

import pytest

from eigenfit.tensorflow_log import quiet_tensorflow

# The lines that TensorFlow 2.21 writes when it is imported and first used without CUDA.
LINES = """\
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795851382.397326   30493 cudart_stub.cc:31] Could not find cuda drivers.
E0000 00:00:1795851387.298822   30493 cuda_platform.cc:52] failed call to cuInit: INTERNAL
"""
LAST_WORDS = "F0000 00:00:1795851387.298822   30493 cpu.cc:52] This CPU lacks AVX instructions.\n"
CLAIMS_TO_BE_TENSORFLOW = """
import os
os.write(2, os.environ["LINES"].encode())
if "END" in os.environ:
    os.abort()
"""
PROGRAM = """
import os, sys
import eigenfit
eigenfit.quiet_tensorflow()
print("before", file=sys.stderr)
import tensorflow
print(tensorflow.__loader__.get_filename("tensorflow") == tensorflow.__file__)
import tensorflow
print("after", file=sys.stderr)
os.write(2, os.environ["LINES"].encode())
print(os.environ["TF_CPP_MIN_LOG_LEVEL"], file=sys.stderr)
"""


@pytest.fixture
def run(tmp_path):
    (tmp_path / "tensorflow").mkdir()
    (tmp_path / "tensorflow" / "__init__.py").write_text(CLAIMS_TO_BE_TENSORFLOW)

    def run(program=PROGRAM, **environment):
        inherited = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
        return subprocess.run(
            [sys.executable, "-c", program],
            env={**inherited, "PYTHONPATH": str(tmp_path), "LINES": LINES, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_only_log_lines_written_during_the_import_are_dropped(run):
    mixed = f"a traceback\n{LINES}W: of another program\nI0000 of no log\nno end of line"
    done = run(LINES=mixed)
    kept = "a traceback\nW: of another program\nI0000 of no log\nno end of line"
    assert done.stderr == f"before\n{kept}after\n{mixed}3\n"
    assert done.stdout == "True\n"


def test_last_words_arrive_if_the_import_ends_the_process(run):
    done = run(LINES=LINES + LAST_WORDS, END="1")
    assert done.returncode < 0
    assert done.stderr == f"before\n{LAST_WORDS}"


def test_whoever_sets_the_level_sees_the_log(run):
    done = run(TF_CPP_MIN_LOG_LEVEL="0")
    assert done.stderr == f"before\n{LINES}after\n{LINES}0\n"


def test_without_standard_error(run, tmp_path):
    (tmp_path / "tensorflow" / "__init__.py").write_text("print('imported')")
    quiet = "import eigenfit, os\neigenfit.quiet_tensorflow()\nos.close(2)\nimport tensorflow"
    done = run(quiet)
    assert (done.returncode, done.stdout) == (0, "imported\n")


def test_an_error_in_the_import_is_that_of_tensorflow(run, tmp_path):
    (tmp_path / "tensorflow" / "__init__.py").write_text("raise ImportError('no such library')")
    done = run()
    assert done.stderr.splitlines()[0] == "before"
    assert done.stderr.splitlines()[-1] == "ImportError: no such library"


def test_a_late_call_warns():
    import tensorflow as tf

    assert tf.executing_eagerly()
    with pytest.warns(UserWarning, match="TensorFlow is already imported"):
        quiet_tensorflow()
