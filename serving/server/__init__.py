"""The embedded server: answers as `tensorflow_model_server` does, from Python.

It needs the extra `serve`. Requests run the graph of the SavedModel in a C++ session; no Python of
the model's author runs.

Where it differs from `tensorflow_model_server`, on purpose:

- It listens on 127.0.0.1 unless told otherwise, and has limits on the size of messages and batches,
  on dimensions, and on the values that a short request leaves to be filled in.
- Requests without rows are answered, with batching too.
- Loading and its retries run in a thread for each version, so one broken version holds up no other;
  a missing base path holds up no other model.
- A model config file is applied again only when it has changed.
- SIGTERM finishes what is under way. `--port=0` takes any free port.
- Numbers in JSON are read exactly.
- Batching parameters that do not fit together, and `pad_variable_length_inputs`, stop the start.

What it does not have: `enable_per_model_batching_parameters`, `tensorflow_session_parallelism`,
`enable_serialization_as_tensor_content`, `enable_signature_method_name_check`, CORS headers,
reflection, the profiler, TensorFlow Lite, other metrics than three, remote file systems, SessionRun
and streamed requests.

Not compared with the real server, word for word: the messages for models that cannot be loaded,
for bad warm-up records, for most JSON that does not parse, for dtypes mixed in a batch, and the
errors of model configs.
"""

from .codes import Code, ServingError
from .options import ServerOptions
from .running import RunningServer, start_server

__all__ = ["Code", "RunningServer", "ServerOptions", "ServingError", "start_server"]
