"""Clients for a model on a TensorFlow Serving server, over gRPC and REST.

Importing this does not import TensorFlow; making a gRPC client does.
"""

from .answers import Covariance, FitResult
from .async_grpc_client import AsyncGrpcClient
from .async_rest_client import AsyncRestClient
from .errors import ServingError
from .grpc_client import GrpcClient
from .metadata import ModelMetadata, SignatureInfo, TensorInfo, VersionStatus
from .rest_client import RestClient

__all__ = [
    "AsyncGrpcClient",
    "AsyncRestClient",
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
