"""A gRPC server that speaks as TensorFlow Serving does, as far as a client can see."""

from __future__ import annotations

import concurrent.futures
from typing import Any

import grpc
import tensorflow as tf

from .fake_model import Fault, metadata_response, module, status_response


def answer_predict(model, request):
    signature = request.model_spec.signature_name or "serving_default"
    inputs = {name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}
    version = model.version  # before the request is computed, during which it may change
    outputs = model.predict(signature, inputs)
    response = module("predict_pb2").PredictResponse()
    response.model_spec.name = model.name
    response.model_spec.version.value = version
    for name, array in outputs.items():
        model.write_tensor(array, response.outputs[name])
    return response


METHODS = {
    "Predict": (module("predict_pb2").PredictRequest, answer_predict),
    "GetModelMetadata": (
        module("get_model_metadata_pb2").GetModelMetadataRequest,
        lambda model, _: metadata_response(model),
    ),
    "GetModelStatus": (
        module("get_model_status_pb2").GetModelStatusRequest,
        lambda model, _: status_response(model),
    ),
}


def start_fake_grpc(model, port=0):
    """Starts; returns (server, port)."""

    class Handler(grpc.GenericRpcHandler):
        def service(self, handler_call_details):
            name = handler_call_details.method.rpartition("/")[2]
            request_class, answer = METHODS[name]

            def method(request, context):
                spec = request.model_spec
                choice = spec.WhichOneof("version_choice")
                model.asked.append((f"{name} {choice}", dict(context.invocation_metadata())))
                try:
                    model.check_spec(spec.name, spec.version.value if choice == "version" else None)
                    return answer(model, request)
                except Fault as fault:
                    context.abort(fault.code, fault.message)

            def write(message: Any) -> bytes:
                return message.SerializeToString()

            return grpc.unary_unary_rpc_method_handler(method, request_class.FromString, write)

    limits = [("grpc.max_receive_message_length", -1)]  # as TensorFlow Serving
    pool = concurrent.futures.ThreadPoolExecutor(8)
    server = grpc.server(pool, [Handler()], options=limits)
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    return server, port
