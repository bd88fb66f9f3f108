"""The server as a program: starts, waits for a signal, stops cleanly."""

from __future__ import annotations

import gc
import logging
from collections.abc import Sequence

import tensorflow as tf

from .codes import ServingError
from .flags import parse_flags
from .running import start_server
from .stop_signals import stop_signals
from .xla_switch import disable_xla

_log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT.

    Args:
        arguments: the flags; those of the process when None.

    Returns:
        The exit status: 0 after a signal, when requests under way are done; 1 if the server could
        not start.
    """
    options = parse_flags(arguments)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    # "Restoring parameters", at every load.
    tf.get_logger().setLevel(logging.WARNING)
    if not options.xla_cpu_compilation_enabled:
        disable_xla()
    # What the imports made stays. The collection after each unloaded version need not look at it,
    # which would stop all requests for a fifth of a second.
    gc.freeze()
    with stop_signals() as signals:
        try:
            with signals.ending_the_process():  # models may take long to load, or never come
                server = start_server(options)
        except ServingError as error:
            _log.error("Failed to start server. Error: %s", error)
            return 1
        _log.info("Running gRPC server at %s:%d ...", options.host, server.port)
        if server.rest_port is not None:
            _log.info("Exporting HTTP/REST API at:%s:%d ...", options.host, server.rest_port)
        _log.info("Signal %s: stopping", signals.wait().name)
        server.stop(options.stop_grace_seconds)
        _log.info("Stopped")
    return 0
