"""What the server can be told."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class ServerOptions:
    """The flags, under the names that `tensorflow_model_server` gives them.

    `start_server` refuses numbers that are out of range.

    Attributes:
        model_base_path: the directory whose numbered directories are versions of the one model.
            Not used with `model_config_file`.
        model_name: the name of that model.
        model_config_file: a ModelServerConfig in text form, for several models.
        model_config_file_poll_wait_seconds: how often to read that file again; 0 or less: never.
        port: gRPC; 0: any free port.
        rest_api_port: REST; None: no REST. On the command line 0 means no REST, as
            `tensorflow_model_server` has it; here 0 means any free port.
        rest_api_timeout_in_ms: what a REST request may take, and before that its body to arrive.
        grpc_socket_path: also listen on this Unix socket.
        grpc_channel_arguments: `key=value,key=value`.
        grpc_max_threads: how many gRPC requests run at a time; 0: chosen by the number of cores.
        rest_api_num_threads: the same for REST.
        enable_batching: join requests that come at the same time into one run.
        batching_parameters_file: BatchingParameters in text form.
        enable_per_model_batching_parameters: read them from `batching_params.pbtxt` in the version
            directory instead; a version without this file is not batched. The threads are shared
            and stay as `batching_parameters_file` has them.
        file_system_poll_wait_seconds: how often to look for new versions; 0 or less: only at the
            start.
        monitoring_config_file: a MonitoringConfig in text form; switches on the Prometheus page.
        ssl_config_file: an SSLConfig in text form; gRPC then speaks TLS only.
        enable_grpc_healthcheck_service: answer grpc.health.v1.
        max_num_load_retries: how often to try again to load a version; 0: one attempt.
        load_retry_interval_micros: how long to wait before that; 0 or less: not at all.
        tensorflow_intra_op_parallelism: threads within an operation; 0: chosen by TensorFlow.
            As in TensorFlow, the first session of a process decides for all.
        tensorflow_inter_op_parallelism: operations at a time; the same holds. Less than 0: one, in
            the thread of the request.
        tensorflow_session_parallelism: both, if neither of the two is given. All three are an
            error.
        saved_model_tags: of the graph to load, separated by commas.
        enable_model_warmup: replay the warm-up requests of a version before serving it.
        enable_signature_method_name_check: refuse signatures whose method name is not that of
            Predict, Classify or Regress; and those of another one for Classify and Regress.
        enable_serialization_as_tensor_content: answer Predict with `tensor_content` instead of
            typed fields such as `double_val`, which is faster. REST stays as it is.
        allow_version_labels_for_unavailable_models: accept a new label before its version is
            available.
        xla_cpu_compilation_enabled: run functions with `jit_compile=True`. Only the program obeys
            this; `start_server` leaves XLA as it is, for the switch holds for the whole process.
        host: the address to listen on. Ours; `tensorflow_model_server` listens on all of them.
        max_message_bytes: the largest request. Ours; `tensorflow_model_server` has no such flag
            and takes 2 GiB.
        max_batch_rows: the most rows in one tensor of a request; 0: any number. Ours.
        start_timeout_seconds: how long the start may wait for the models; None: for ever. Ours.
        stop_grace_seconds: how long requests under way may take after SIGTERM. Ours.
    """

    model_base_path: str = ""
    model_name: str = "default"
    model_config_file: str = ""
    model_config_file_poll_wait_seconds: float = 0.0
    port: int = 8500
    rest_api_port: int | None = None
    rest_api_timeout_in_ms: int = 30000
    grpc_socket_path: str = ""
    grpc_channel_arguments: str = ""
    grpc_max_threads: int = 0
    rest_api_num_threads: int = 0
    enable_batching: bool = False
    batching_parameters_file: str = ""
    enable_per_model_batching_parameters: bool = False
    file_system_poll_wait_seconds: float = 1.0
    monitoring_config_file: str = ""
    ssl_config_file: str = ""
    enable_grpc_healthcheck_service: bool = False
    max_num_load_retries: int = 5
    load_retry_interval_micros: int = 60_000_000
    tensorflow_intra_op_parallelism: int = 0
    tensorflow_inter_op_parallelism: int = 0
    tensorflow_session_parallelism: int = 0
    saved_model_tags: str = "serve"
    enable_model_warmup: bool = True
    enable_signature_method_name_check: bool = False
    enable_serialization_as_tensor_content: bool = False
    allow_version_labels_for_unavailable_models: bool = False
    xla_cpu_compilation_enabled: bool = False
    host: str = "127.0.0.1"
    max_message_bytes: int = 2**31 - 1
    max_batch_rows: int = 0
    start_timeout_seconds: float | None = None
    stop_grace_seconds: float = 30.0
