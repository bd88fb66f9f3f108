"""Tensors over gRPC: decoded as C++ decodes them."""

import numpy as np
import pytest

from eigenfit.serving.server.protos import TensorProto

from .clients import predict_request, refusal

X = np.array([1.0, 2.0], np.float32)


def proto(dtype, shape, **fields):
    tensor = TensorProto(dtype=dtype, **fields)
    tensor.tensor_shape.SetInParent()
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    return tensor


FLOAT, DOUBLE, UINT8 = 1, 2, 4
DECODED = {
    "short list repeats the last": (proto(FLOAT, [3], float_val=[1.0, 2.0]), [1.0, 2.0, 2.0]),
    "long list is cut": (proto(FLOAT, [2], float_val=[1.0, 2.0, 3.0]), [1.0, 2.0]),
    "empty list is zeros": (proto(FLOAT, [2]), [0.0, 0.0]),
    "content": (proto(FLOAT, [2], tensor_content=X.tobytes()), [1.0, 2.0]),
}


def unknown_rank(*values):
    tensor = proto(FLOAT, [], float_val=values)
    tensor.tensor_shape.unknown_rank = True
    return tensor


@pytest.mark.parametrize("values", [(3.0,), (3.0, 4.0)])
def test_unknown_rank_is_a_scalar(client, values):
    answer = client.predict(predict_request("many", x=unknown_rank(*values)))
    assert answer["y"].shape == ()
    assert answer["y"] == 3.5


@pytest.mark.parametrize("case", DECODED)
def test_decoding(client, case):
    tensor, expected = DECODED[case]
    answer = client.predict(predict_request("many", x=tensor))
    np.testing.assert_array_equal(answer["y"], np.array(expected) / 2 + 2)


def test_wrong_field_is_silently_zero(client):
    tensor = proto(DOUBLE, [1, 3], float_val=[1.0, 2.0, 3.0])
    answer = client.predict(predict_request("many", "checked", x=tensor))
    np.testing.assert_array_equal(answer["y"], [[1.0, 1.0, 1.0]])


@pytest.mark.parametrize("size", [-1, 2**62])
def test_bad_dimensions(client, size):
    message = refusal(client.predict, predict_request("many", x=proto(FLOAT, [size, 4])))[1]
    assert message == "tensor parsing error: x"


def test_every_kind_of_tensor(client):
    sent = {
        "int32": np.array([-1, 2], np.int32),
        "int64": np.array([-(2**63), 2**63 - 1]),
        "uint8": np.array([0, 255], np.uint8),
        "bool": np.array([True, False]),
        "text": np.array([b"a\xff", b""], object),
    }
    # 300 in a list of uint8 wraps around.
    request = predict_request("many", "kinds", **sent)
    request.inputs["uint8"].CopyFrom(proto(UINT8, [2], int_val=[0, 300]))
    answer = client.predict(request)
    sent["uint8"][1] = 44
    for name, array in sent.items():
        np.testing.assert_array_equal(answer[name], array)
    z = np.array([1 + 2j, np.nan - 1j])
    np.testing.assert_array_equal(
        client.predict(predict_request("many", "complex", z=z))["z"], z.conj()
    )
