"""A gRPC server that speaks as TensorFlow Serving does, as far as a client can see."""

from __future__ import annotations

import concurrent.futures
import importlib
from typing import Any

import grpc
import numpy as np
import tensorflow as tf

from .fake_model import Fault

_FIELDS = {"d": "double_val", "f": "float_val", "i": "int_val", "D": "dcomplex_val"}


def module(name: str) -> Any:
    return importlib.import_module(f"tensorflow_serving.apis.{name}")


def write_tensor(array: np.ndarray) -> Any:
    """Typed fields, which is what TensorFlow Serving sends; never `tensor_content`."""
    proto = tf.make_tensor_proto(np.zeros(array.shape, array.dtype))
    proto.ClearField("tensor_content")
    field = _FIELDS[array.dtype.char]
    proto.ClearField(field)
    values = array.ravel()
    if np.iscomplexobj(values):
        values = values.view(np.float64)
    getattr(proto, field).extend(values.tolist())
    return proto


def start_fake_grpc(model, credentials=None, port=0, address="127.0.0.1:{}", most=None):
    """Starts; returns (server, port). More than `most` requests at a time are refused."""
    predictions = module("prediction_service_pb2_grpc")
    models = module("model_service_pb2_grpc")
    predict = module("predict_pb2")
    metadata = module("get_model_metadata_pb2")
    status = module("get_model_status_pb2")

    def check(request):
        given = request.model_spec.WhichOneof("version_choice")
        model.check_spec(
            request.model_spec.name,
            request.model_spec.version.value if given == "version" else None,
        )

    def guarded(function):
        def method(self, request, context):
            try:
                check(request)
                return function(request)
            except Fault as fault:
                context.abort(fault.code, fault.message)

        return method

    def answer_predict(request):
        signature = request.model_spec.signature_name or "serving_default"
        inputs = {name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}
        version = model.version  # before the request is computed, during which it may change
        outputs = model.predict(signature, inputs)
        response = predict.PredictResponse()
        response.model_spec.name = model.name
        response.model_spec.signature_name = signature
        response.model_spec.version.value = version
        for name, array in outputs.items():
            response.outputs[name].CopyFrom(write_tensor(array))
        return response

    def answer_metadata(request):
        model.metadata_requests += 1
        assert list(request.metadata_field) == ["signature_def"]
        response = metadata.GetModelMetadataResponse()
        response.model_spec.name = model.name
        response.model_spec.version.value = model.version
        signatures = metadata.SignatureDefMap()
        for name, definition in model.definitions.items():
            signatures.signature_def[name].CopyFrom(definition)
        response.metadata["signature_def"].Pack(signatures)
        return response

    def answer_status(request):
        del request
        response = status.GetModelStatusResponse()
        newest = response.model_version_status.add(version=model.version + 1, state=50)
        newest.status.error_code = 5
        newest.status.error_message = "it was not there"
        response.model_version_status.add(version=model.version, state=30)
        return response

    prediction_methods = {
        "Predict": guarded(answer_predict),
        "GetModelMetadata": guarded(answer_metadata),
    }
    prediction = type("Prediction", (predictions.PredictionServiceServicer,), prediction_methods)
    model_status = type(
        "Status", (models.ModelServiceServicer,), {"GetModelStatus": guarded(answer_status)}
    )
    limits = [("grpc.max_receive_message_length", -1)]  # as TensorFlow Serving
    pool = concurrent.futures.ThreadPoolExecutor(8)
    server = grpc.server(pool, options=limits, maximum_concurrent_rpcs=most)
    predictions.add_PredictionServiceServicer_to_server(prediction(), server)
    models.add_ModelServiceServicer_to_server(model_status(), server)
    address = address.format(port)
    if credentials is None:
        port = server.add_insecure_port(address)
    else:
        port = server.add_secure_port(address, credentials)
    server.start()
    return server, port
