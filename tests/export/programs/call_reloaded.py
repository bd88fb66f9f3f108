"""Load SavedModels without eigenfit, call them, and write the answers.

Arguments: a pickle of `[(version directory, signature, inputs, differentiated output), ...]`, and
where to write the pickle of `[outputs, ...]`.
"""

import functools
import pickle
import sys
from pathlib import Path

import tensorflow as tf

# Where it is installed, it would be found. The import system takes None for "not to be imported".
sys.modules["eigenfit"] = None  # pyright: ignore[reportArgumentType]  # None is documented
try:
    import eigenfit
except ImportError:
    pass
else:
    sys.exit(f"eigenfit can be imported here: {eigenfit}")

load = functools.cache(tf.saved_model.load)
calls_file, answers_file = map(Path, sys.argv[1:])
answers = []
for version_dir, name, inputs, differentiated in pickle.loads(calls_file.read_bytes()):
    inputs = {key: tf.constant(value) for key, value in inputs.items()}
    with tf.GradientTape() as tape:
        tape.watch([value for value in inputs.values() if value.dtype.is_floating])
        outputs = dict(load(version_dir).signatures[name](**inputs))
    if differentiated:
        outputs["gradient by targets"] = tape.gradient(outputs[differentiated], inputs["targets"])
    answers.append({key: value.numpy() for key, value in outputs.items()})
answers_file.write_bytes(pickle.dumps(answers))
