"""An HTTP server that speaks the REST forms of TensorFlow Serving, as far as a client can see."""

from __future__ import annotations

import http.server
import json
import re
import threading

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import json_format

from eigenfit.serving.errors import HTTP_STATUS

from .fake_model import Fault, metadata_response, status_response

ROUTE = re.compile(r"/v1/models/([^/:]+)(?:/(versions|labels)/([^/:]+))?(:predict|/metadata)?")


class _Server(http.server.ThreadingHTTPServer):
    # Connections that clients keep open do not hold up the end of a test.
    daemon_threads = True
    block_on_close = False

    def __init__(self, model, *args):
        super().__init__(*args)
        self.connections = model.connections

    def process_request(self, request, client_address):
        self.connections.add(id(request))
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self.connections.discard(id(request))
        super().shutdown_request(request)


def start_fake_rest(model, tls=None, port=0):
    """Starts; returns (server, port)."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # or each answer takes 40 ms

        def log_message(self, format, *args):
            pass

        def do_GET(self):
            self._do(b"")

        def do_POST(self):
            self._do(self.rfile.read(int(self.headers["Content-Length"])))

        def _do(self, body):
            model.asked.append((f"{self.command} {self.path}", dict(self.headers)))
            try:
                status, text = 200, self._answer(body)
            except Fault as fault:
                status = HTTP_STATUS.get(fault.code, 500)
                text = json.dumps({"error": fault.message})
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def _answer(self, body):
            found = ROUTE.fullmatch(self.path)
            if not found:
                message = f"Malformed request: {self.command} {self.path}"
                raise Fault(grpc.StatusCode.INVALID_ARGUMENT, message)
            name, choice, value, verb = found.groups()
            model.check_spec(name, int(value) if choice == "versions" else None)
            if verb == ":predict":
                return json.dumps(predict(model, json.loads(body)))
            answer = metadata_response(model) if verb == "/metadata" else status_response(model)
            return json_format.MessageToJson(
                answer, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
            )

    server = _Server(model, ("127.0.0.1", port), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server, server.server_address[1]


def predict(model, request):
    signature = request.get("signature_name", "serving_default")
    if signature not in model.definitions:
        message = f'Serving signature name: "{signature}" not found in signature def'
        raise Fault(grpc.StatusCode.INVALID_ARGUMENT, message)
    definition = model.definitions[signature]
    given = request["inputs"]
    inputs = {}
    for name, info in definition.inputs.items():
        if name not in given:
            message = f"Missing named input: {name} in 'inputs' object."
            raise Fault(grpc.StatusCode.INVALID_ARGUMENT, message)
        dtype = tf.as_dtype(info.dtype).as_numpy_dtype
        values = np.asarray(given[name])
        if np.issubdtype(dtype, np.integer) and values.dtype.kind != "i":  # 1.0 is refused
            raise Fault(grpc.StatusCode.INVALID_ARGUMENT, "Number is not of expected type: int32")
        inputs[name] = values.astype(dtype)
    outputs = model.predict(signature, inputs)
    if any(np.iscomplexobj(array) for array in outputs.values()):
        message = "JSON formatting unsupported for type complex"
        raise Fault(grpc.StatusCode.UNIMPLEMENTED, message)
    if len(outputs) == 1:
        return {"outputs": next(iter(outputs.values())).tolist()}
    return {"outputs": {name: array.tolist() for name, array in outputs.items()}}
