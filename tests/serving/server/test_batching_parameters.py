"""The file of batching parameters."""

import pytest

from eigenfit.serving.server import ServingError
from eigenfit.serving.server.batching_parameters import parse_batching_parameters

EIGHT = "max_batch_size { value: 8 } num_batch_threads { value: 2 }"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", "Error parsing text-format tensorflow.serving.BatchingParameters"),
        (EIGHT + " allowed_batch_sizes: 4", "Last entry in allowed_batch_sizes must match"),
        (
            EIGHT + " allowed_batch_sizes: 9 allowed_batch_sizes: 8",
            "allowed_batch_sizes entries must be monotonically increasing",
        ),
        ("max_batch_size { value: 0 }", "max_batch_size must be positive"),
        ("num_batch_threads { value: 0 }", "num_batch_threads must be positive"),
        ("pad_variable_length_inputs: true", "pad_variable_length_inputs is not supported"),
    ],
)
def test_wrong_parameters(text, message):
    with pytest.raises(ServingError, match=message):
        parse_batching_parameters(text)


def test_parameters():
    parameters = parse_batching_parameters(
        "max_batch_size { value: 8 } batch_timeout_micros { value: 500 } "
        'thread_pool_name { value: "x" } '
        "max_enqueued_batches { value: 3 } allowed_batch_sizes: 2 allowed_batch_sizes: 8"
    )
    assert parameters.batch_timeout_seconds == 500e-6
    assert [parameters.padded_size(rows) for rows in (1, 2, 3, 8)] == [2, 2, 8, 8]
    assert parse_batching_parameters("").max_batch_size == 1000
