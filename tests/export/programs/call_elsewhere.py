"""Call SavedModels without eigenfit, and write the answers.

Arguments: a pickle, and where to write that of the two lists of answers. It holds
`[(version directory, signature, inputs, differentiated output), ...]`, to be loaded as in Python,
and `(version directory, [(signature, inputs), ...])`, to be run through a TF1 session, as
TensorFlow Serving does; there an error is written as its class name and message.
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

load = functools.cache(tf.saved_model.load)


def call(version_dir, name, inputs, differentiated):
    inputs = {key: tf.constant(value) for key, value in inputs.items()}
    signature = load(version_dir).signatures[name]
    if not differentiated:  # a tape would have the graphs of all derivatives built
        return {key: value.numpy() for key, value in signature(**inputs).items()}
    with tf.GradientTape() as tape:
        tape.watch(inputs["targets"])
        outputs = dict(signature(**inputs))
    outputs["gradient by targets"] = tape.gradient(outputs[differentiated], inputs["targets"])
    return {key: value.numpy() for key, value in outputs.items()}


def call_in_session(version_dir, calls):
    answers = []
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        loaded = tf.compat.v1.saved_model.load(session, ["serve"], version_dir)

        @functools.cache
        def prepared(name):
            """The names of inputs and outputs, and what runs the signature as C++ does.

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
    return answers


calls_file, answers_file = map(Path, sys.argv[1:])
reloaded, in_session = pickle.loads(calls_file.read_bytes())
answers = [call(*one) for one in reloaded], call_in_session(*in_session)
answers_file.write_bytes(pickle.dumps(answers))
