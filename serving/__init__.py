"""Serving exported models: clients, the embedded server, deployment of TensorFlow Serving.

Importing this package imports neither TensorFlow nor the server.
"""

from .answers import (
    Covariance,
    FitResult,
    ModelMetadata,
    SignatureInfo,
    TensorInfo,
    VersionStatus,
)
from .errors import ServingError
from .grpc_client import GrpcClient
from .rest_client import RestClient

__all__ = [
    "Covariance",
    "FitResult",
    "GrpcClient",
    "ModelMetadata",
    "RestClient",
    "ServingError",
    "SignatureInfo",
    "TensorInfo",
    "VersionStatus",
]
