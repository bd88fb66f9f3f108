"""Addresses, versions, labels, headers, message sizes, encryption."""

import concurrent.futures
import ssl

import grpc
import numpy as np
import pytest

from eigenfit.serving import RestClient, ServingError
from eigenfit.serving.messages import write_tensor
from tests.serving.certificate import CERTIFICATE, KEY

from .fake_model import pretended, wait_until
from .harness import client_of, serve

ROW = np.ones((1, 3))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Files with a key and its certificate."""
    folder = tmp_path_factory.mktemp("certificate")
    key, chain = folder / "key.pem", folder / "certificate.pem"
    key.write_text(KEY)
    chain.write_text(CERTIFICATE)
    return key, chain


@pytest.mark.parametrize("mutual", [False, True])
def test_encrypted_rest(mutual, certificate):
    key, chain = certificate
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain, key)
    own = {}
    if mutual:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(chain)
        own = {"client_key": key, "client_certificate": chain}
    with serve("rest", pretended(), tls=context) as port:
        url = f"https://127.0.0.1:{port}"
        with RestClient(url, "levels", root_certificates=chain, **own) as client:
            assert client.fit(ROW).status.tolist() == [1]
        with (
            RestClient(url, "levels") as client,
            pytest.raises(ServingError, match="CERTIFICATE_VERIFY_FAILED") as caught,
        ):
            client.fit(ROW)
        assert caught.value.code is grpc.StatusCode.UNAVAILABLE


def test_closing_closes_every_connection():
    """Those that are idle, and that of a request under way when it is done."""
    model = pretended()
    model.delay = 0.1
    with client_of("rest", model, max_batch_rows=1, max_concurrency=4) as client:
        client.fit(np.ones((4, 3)))  # four at a time
        assert len(model.connections) > 1
        model.delay = 60.0  # or until it is stopped
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            last = pool.submit(client.fit, ROW)
            assert wait_until(lambda: model.at_a_time == 1, 30.0)
            client.close()
            assert wait_until(lambda: len(model.connections) == 1, 30.0)
            model.stopped.set()
            assert last.result().status.tolist() == [1]
        # The client itself is still there: nothing was left to the garbage collector.
        assert wait_until(lambda: not model.connections, 30.0)


SMALL = [("grpc.max_receive_message_length", 10_000)]
HEADERS = {"Authorization": "Bearer 1"}


@pytest.mark.parametrize(
    ("settings", "chosen"), [({"version": 1}, "/versions/1"), ({"label": "st/1"}, "/labels/st%2F1")]
)
def test_rest_paths_and_headers(settings, chosen):
    model = pretended()
    model.name = "a model/of mine"
    model.check_spec = lambda name, version: None
    quoted = "/v1/models/a%20model%2Fof%20mine"
    with client_of("rest", model, headers=HEADERS, **settings) as client:
        client.fit(ROW)
        client.status()
    asked_status = quoted + ("/versions/1" if "version" in settings else "")
    assert [what for what, _ in model.asked] == [
        f"GET {quoted}{chosen}/metadata",
        f"POST {quoted}{chosen}:predict",
        f"GET {asked_status}",
    ]
    assert all(sent["Authorization"] == "Bearer 1" for _, sent in model.asked)


@pytest.mark.parametrize(
    ("settings", "choice"),
    [({}, None), ({"version": 1}, "version"), ({"label": "stable"}, "version_label")],
)
def test_grpc_model_spec_and_headers(settings, choice):
    model = pretended()
    with client_of("grpc", model, headers=HEADERS, **settings) as client:
        client.fit(ROW)
        client.status()
    of_status = "version" if choice == "version" else None  # labels are not looked up there
    assert [what for what, _ in model.asked] == [
        f"GetModelMetadata {choice}",
        f"Predict {choice}",
        f"GetModelStatus {of_status}",
    ]
    assert all(sent["authorization"] == "Bearer 1" for _, sent in model.asked)


@pytest.mark.parametrize("given", [[], [1.0]])
def test_a_tensor_that_says_it_is_larger_than_its_message(given):
    """TensorFlow would fill it up with its last value: 8 TB here."""
    model = pretended()

    def write(array, proto):
        write_tensor(array, proto)
        proto.double_val[:] = given
        proto.tensor_shape.dim[0].size = 2**40

    model.write_tensor = write
    with (
        client_of("grpc", model) as client,
        pytest.raises(ServingError, match="cannot be read") as caught,
    ):
        client.spectrum(ROW)
    assert caught.value.code is grpc.StatusCode.INTERNAL


def test_message_size():
    targets = np.ones((400_000, 3))  # an answer of about 40 MB, ten times gRPC's own limit
    with client_of("grpc", pretended(), max_batch_rows=None) as client:
        np.testing.assert_array_equal(client.spectrum(targets), 3 * targets)
    with (
        client_of("grpc", pretended(), channel_options=SMALL) as client,
        pytest.raises(ServingError) as caught,
    ):
        client.spectrum(targets[:1000])
    assert caught.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_answers_may_be_written_to(kind):
    with client_of(kind, pretended()) as client:
        fit = client.fit(np.ones((5, 3)))
    for array in fit:
        array[...] = 0
