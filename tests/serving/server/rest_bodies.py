"""Bodies of REST requests."""

import json

MANY = "/v1/models/many"


def instances(rows, signature="", **more):
    return json.dumps({"signature_name": signature, "instances": rows, **more})


def columns(inputs, signature=""):
    return json.dumps({"signature_name": signature, "inputs": inputs})


def narrow(**given):
    plain = {"int8": 1, "int16": 1, "uint32": 1, "uint64": 1}
    return {name: [value] for name, value in {**plain, **given}.items()}


def kinds(**given):
    plain = {"int32": 1, "int64": 1, "uint8": 1, "bool": True, "text": "t"}
    return {name: [value] for name, value in {**plain, **given}.items()}
