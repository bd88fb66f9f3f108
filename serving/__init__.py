"""Serving exported models: clients, the embedded server, deployment of TensorFlow Serving.

Importing this imports neither TensorFlow nor the server.
"""

from .clients import AsyncGrpcClient, AsyncRestClient, GrpcClient, RestClient, ServingError

__all__ = ["AsyncGrpcClient", "AsyncRestClient", "GrpcClient", "RestClient", "ServingError"]
