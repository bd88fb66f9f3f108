"""The options that the flags in serving/deploy mean."""

from collections.abc import Sequence

from eigenfit.serving.server import ServerOptions
from eigenfit.serving.server.options import parse_options

# Flags of tensorflow_model_server in serving/deploy that the embedded server does not have.
NOT_HERE = (
    "--allow_version_labels_for_unavailable_models",
    "--grpc_channel_arguments",
    "--grpc_max_threads",
    "--rest_api_num_threads",
)


def deployed_options(flags: Sequence[str]) -> ServerOptions:
    """The options of a file of serving/deploy, as far as the embedded server has them."""
    return parse_options([flag for flag in flags if flag.partition("=")[0] not in NOT_HERE])
