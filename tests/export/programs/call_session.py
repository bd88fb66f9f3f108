"""Run a SavedModel through a TF1 session, as TensorFlow Serving does, and write the answers.

Arguments: a pickle of `(version directory, [(signature, inputs), ...])`, and where to write the
pickle of `[outputs, ...]`; an error is written as its class name and message.
"""

import functools
import pickle
import sys
from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf.config_pb2 import CallableOptions

# Where it is installed, it would be found. The import system takes None for "not to be imported".
sys.modules["eigenfit"] = None  # pyright: ignore[reportArgumentType]  # None is documented
try:
    import eigenfit
except ImportError:
    pass
else:
    sys.exit(f"eigenfit can be imported here: {eigenfit}")

calls_file, answers_file = map(Path, sys.argv[1:])
version_dir, calls = pickle.loads(calls_file.read_bytes())
answers = []
with tf.compat.v1.Session(graph=tf.Graph()) as session:
    loaded = tf.compat.v1.saved_model.load(session, ["serve"], version_dir)

    @functools.cache
    def prepared(name):
        """The names of inputs and outputs, and what runs the signature as the C++ session does.

        The public Session.run would compare the shapes in Python.
        """
        inputs, outputs = loaded.signature_def[name].inputs, loaded.signature_def[name].outputs
        feed, fetch = ([info.name for info in infos.values()] for infos in (inputs, outputs))
        options = CallableOptions(feed=feed, fetch=fetch)
        return list(inputs), list(outputs), session._make_callable_from_options(options)

    for name, inputs in calls:
        input_names, output_names, run = prepared(name)
        try:
            values = run(*[inputs[key] for key in input_names])
            answers.append(dict(zip(output_names, values, strict=True)))
        except tf.errors.OpError as error:
            answers.append((type(error).__name__, error.message))
answers_file.write_bytes(pickle.dumps(answers))
