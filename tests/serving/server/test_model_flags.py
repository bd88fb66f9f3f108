"""Flags that say how a model is loaded and how it answers."""

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.serving.server import Code, ServerOptions, ServingError, loading, start_server
from eigenfit.serving.server.protos import ClassificationRequest, RegressionRequest

from .clients import predict_request, refusal
from .models import save_changed
from .rest_bodies import MANY, instances, kinds
from .test_batching import ints, together
from .test_grpc_other import CLASSIFY, REGRESS, tasks, with_examples

ONE = np.array([1.0], np.float32)
PREDICT = "tensorflow/serving/predict"


@pytest.mark.parametrize(
    ("flags", "threads"),
    [
        ({}, (0, 0)),
        ({"session": 3}, (3, 3)),
        ({"intra_op": 1, "inter_op": 2}, (1, 2)),
        ({"session": 3, "inter_op": 2}, (0, 2)),
        ({"session": 3, "intra_op": 1}, (1, 0)),
    ],
)
def test_threads(serve, many_path, monkeypatch, flags, threads):
    given = []
    real = loading.SessionModel

    def record(directory, *rest):
        given.append(rest[:2])
        return real(directory, *rest)

    monkeypatch.setattr(loading, "SessionModel", record)
    options = {f"tensorflow_{name}_parallelism": number for name, number in flags.items()}
    serve(model_base_path=str(many_path), **options)
    assert given == [threads]


def test_all_three_numbers_of_threads(many_path):
    options = ServerOptions(
        model_base_path=str(many_path),
        port=0,
        tensorflow_session_parallelism=1,
        tensorflow_intra_op_parallelism=1,
        tensorflow_inter_op_parallelism=1,
    )
    with pytest.raises(ServingError, match="You cannot configure all") as caught:
        start_server(options)
    assert caught.value.code is Code.INVALID_ARGUMENT


def test_saved_model_tags(serve, many_path, tmp_path):
    def change(graph):
        graph.meta_info_def.tags[:] = ["serve", "other"]

    save_changed(many_path / "1", tmp_path / "1", change)
    options = {"model_base_path": str(tmp_path), "model_name": "many"}
    client = serve(**options, saved_model_tags="serve,other")
    assert client.predict(predict_request("many", x=ONE))["y"] == 2.5
    for tags, told in (("serve", "{ serve }"), ("gpu,serve", "{ gpu serve }")):
        with pytest.raises(ServingError, match=f"matching supplied tags: {told}. To inspect"):
            serve(**options, saved_model_tags=tags)


def test_parameters_of_a_model(serve, many_path, tmp_path):
    """One model has a file; the other is not batched, so it takes scalars."""
    parameters = "max_batch_size { value: 4 } batch_timeout_micros { value: 300000 }"
    for name in ("own", "none"):
        save_changed(many_path / "1", tmp_path / name / "1", lambda graph: None)
    (tmp_path / "own" / "1" / "batching_params.pbtxt").write_text(parameters)
    (tmp_path / "all").write_text("max_batch_size { value: 2 } num_batch_threads { value: 2 }")
    config = " ".join(
        f'config {{ name: "{name}" base_path: "{tmp_path}/{name}" model_platform: "tensorflow" }}'
        for name in ("own", "none")
    )
    (tmp_path / "config").write_text(f"model_config_list {{ {config} }}")
    client = serve(
        model_config_file=str(tmp_path / "config"),
        enable_batching=True,
        batching_parameters_file=str(tmp_path / "all"),
        enable_per_model_batching_parameters=True,
    )
    request = predict_request("own", "batch_size", x=ints(1, 2))
    for answer in together(client, [request, request]):
        np.testing.assert_array_equal(answer["rows"], [4, 4])
    assert refusal(client.predict, predict_request("own", x=np.ones([5], np.float32))) == (
        "INVALID_ARGUMENT",
        "Task size 5 is larger than maximum input batch size 4",
    )
    scalar = np.array(1.0, np.float32)
    assert refusal(client.predict, predict_request("own", x=scalar))[1].startswith("Batching Run()")
    assert client.predict(predict_request("none", x=scalar))["y"] == 2.5
    assert len(client.predict(predict_request("none", x=np.ones([5], np.float32)))["y"]) == 5


def test_wrong_parameters_of_a_model(serve, many_path, tmp_path):
    save_changed(many_path / "1", tmp_path / "1", lambda graph: None)
    (tmp_path / "1" / "batching_params.pbtxt").write_text("x")
    options = {"model_base_path": str(tmp_path), "enable_per_model_batching_parameters": True}
    with pytest.raises(ServingError, match="Error parsing text-format"):
        serve(**options, enable_batching=True)
    serve(**options, model_name="many")  # says nothing without batching


@pytest.fixture
def checking(serve, many_path, tmp_path):
    """Method names are looked at, and `classify` and `regress` have theirs; `two` has another."""

    def change(graph):
        for name, method in (("classify", CLASSIFY), ("regress", REGRESS), ("two", "other")):
            graph.signature_def[name].method_name = method

    save_changed(many_path / "1", tmp_path / "1", change)
    return serve(
        model_base_path=str(tmp_path),
        model_name="many",
        rest_api_port=0,
        enable_signature_method_name_check=True,
    )


def test_method_names(checking):
    rows = np.ones([1, 3])
    assert checking.predict(predict_request("many", x=ONE))["y"] == 2.5
    told = (
        f"Expected prediction signature method_name to be one of {{{PREDICT}, {CLASSIFY}, "
        f"{REGRESS}}}. Was: other"
    )
    request = predict_request("many", "two", a=rows, b=rows)
    assert refusal(checking.predict, request) == ("INTERNAL", told)
    row = {"a": [1.0, 2.0, 3.0], "b": [1.0, 2.0, 3.0]}
    status, answer = checking.post(MANY + ":predict", instances([row], "two"))
    assert (status, answer) == (500, {"error": told})
    call = checking.predictions.Classify
    assert call(with_examples(ClassificationRequest(), "classify")).result.classifications
    assert refusal(call, with_examples(ClassificationRequest(), "regress")) == (
        "INVALID_ARGUMENT",
        f"Expected classification signature method_name to be {CLASSIFY}. Was: {REGRESS}",
    )
    call = checking.predictions.Regress
    assert call(with_examples(RegressionRequest(), "regress")).result.regressions
    assert refusal(call, with_examples(RegressionRequest(), "")) == (
        "INVALID_ARGUMENT",
        f"Expected regression signature method_name to be {REGRESS}. Was: {PREDICT}",
    )


def test_method_names_of_tasks(checking):
    call = checking.predictions.MultiInference
    assert len(call(tasks(("many", "regress", REGRESS))).results) == 1
    message = refusal(call, tasks(("many", "classify", REGRESS)))[1]
    assert message.endswith(f"method_name to be {REGRESS}. Was: {CLASSIFY}")


def test_method_names_are_not_looked_at_otherwise(client):
    assert client.predictions.Regress(with_examples(RegressionRequest(), "regress")).result


def test_tensor_content(serve, many_path):
    client = serve(
        model_base_path=str(many_path),
        model_name="many",
        rest_api_port=0,
        enable_serialization_as_tensor_content=True,
    )
    sent = {
        "int32": np.array([-1, 2], np.int32),
        "int64": np.array([-(2**63), 2**63 - 1]),
        "uint8": np.array([0, 255], np.uint8),
        "bool": np.array([True, False]),
        "text": np.array([b"a\xff" * 300, b""], object),
    }
    answer = client.predictions.Predict(predict_request("many", "kinds", **sent), timeout=20)
    for name, array in sent.items():
        tensor = answer.outputs[name]
        assert tensor.tensor_content
        filled = {field.name for field, _ in tensor.ListFields()}
        assert filled == {"dtype", "tensor_shape", "tensor_content"}
        # C++ reads it, as it reads requests.
        decoded = tf.io.parse_tensor(tensor.SerializeToString(), tensor.dtype)
        np.testing.assert_array_equal(decoded, array)
    z = np.array([[1 + 2j, np.nan - 1j]])
    answer = client.predict(predict_request("many", "complex", z=z))
    np.testing.assert_array_equal(answer["z"], z.conj())
    status, told = client.post(MANY + ":predict", instances([kinds_row()], "kinds"))
    assert status == 200
    assert told["predictions"][0]["int32"] == 1


def kinds_row():
    return {name: value for name, (value,) in kinds().items()}
