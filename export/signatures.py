"""The signatures of the SavedModel: inputs, outputs and graphs."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import tensorflow as tf

from ..solver import SpectralSolver

# These call back into the Python process that traced them and run nowhere else.
_PYTHON_OPS = frozenset({"PyFunc", "PyFuncStateless", "EagerPyFunc"})
_JIT_COMPILED = "_XlaMustCompile"
# These read or write files on the machine where the model runs.
_FILE_OPS = re.compile(
    r"File|^(Save|Restore|MergeV2Checkpoints|LoadAndRemap|Reader)|SummaryWriter|^Write\w*Summary"
    r"|^(TFRecord|TextLine|FixedLength|LMDB|Sql|CSV|Snapshot|Load)\w*(Dataset|Reader)"
)
# These give another result at each call, or change the result of other operations.
_CHANGING_OPS = re.compile(
    r"^(Random|Multinomial|TruncatedNormal|ParameterizedTruncated|Stateful\w*(Random|Normal|Uniform)"
    r"|Rng|Timestamp|Assign\w*Variable|Resource(Scatter|Apply|Strided))|CandidateSampler"
)


@dataclasses.dataclass(frozen=True)
class Signature:
    """A signature of the SavedModel; all inputs and outputs have the shape `[rows, ...]`.

    Attributes:
        inputs: name, shape and dtype of each input.
        compute: takes the inputs in this order and returns the outputs by name. It is traced for
            the export, and called eagerly for the live answers of the validation.
    """

    inputs: tuple[tf.TensorSpec, ...]
    compute: Callable[..., dict[str, tf.Tensor]]


def signatures_of(solver: SpectralSolver) -> dict[str, Signature]:
    """The signatures for a solver, by name.

    Signatures have no default values over REST and in Python, so every input must be given: NaN,
    or 0 for `max_steps`, stands for the default. Every signature uses the default weights of the
    solver, also where weights are no input.

    Args:
        solver: with `p` parameters, `n` levels and `m` targets.

    Returns:
        The signatures; reals have the dtype of the solver:

        - `serving_default`: targets `[rows, m]` to the fields of a `FitResult`.
        - `fit`: targets, initial `[rows, p]`, weights `[rows, m]`, tolerance `[rows]` and
          max_steps `[rows]` (int32) to the same. `max_steps` is limited to `solver.max_steps`, so
          that no request can occupy a server.
        - `spectrum`: parameters `[rows, p]` to eigenvalues `[rows, n]`.
        - `matrix`: parameters to matrix `[rows, n, n]`, real symmetric or complex Hermitian. The
          REST interface of TensorFlow Serving cannot write complex numbers; gRPC and Python can.
        - `loss_and_gradient`: parameters and targets to loss `[rows]`, its gradient `[rows, p]` by
          the parameters, and eigenvalues.
        - `covariance`: parameters and weights 1 / sigma (0 where no level was observed) to the
          fields of a `Covariance`: covariance and correlation `[rows, p, p]`, standard_errors
          `[rows, p]`, rank (int32) and condition_number `[rows]`. With `Matched` or a robust loss
          also targets, on which the effective weights then depend; see
          `SpectralSolver.covariance`.
        - `predict`: parameters, targets and weights of a fit to values `[rows, m]`, what would be
          measured for every target, observed or not, and their standard_errors `[rows, m]`, inf
          where the data do not determine a value; see `SpectralSolver.predict`.
        - `assignment`, with `Matched` only: parameters, targets and weights to assignment
          `[rows, m]` (int32).

        If the solver has bounds, `fit` has the further inputs lower and upper `[rows, p]`; with
        priors, prior_mean and prior_sigma `[rows, p]`; with sides, sides `[rows, m]`. NaN stands
        for the solver's own, which `covariance` and `predict` always use. With `solutions` S > 1
        the outputs of a fit are `[rows, S, ...]`. If the structure takes conditions (`Sweep`), the
        last input of every signature is conditions `[rows, K, d]`, NaN where a row has fewer than
        K, and matrix is `[rows, K, n, n]`.

    Example:
        >>> from eigenfit.solver import SpectralSolver, Toeplitz
        >>> list(signatures_of(SpectralSolver(Toeplitz(2))))[2:]
        ['spectrum', 'matrix', 'loss_and_gradient', 'covariance', 'predict']
    """
    count = solver.parameterization.num_parameters
    targets = tf.TensorSpec([None, solver.num_targets], solver.dtype, "targets")
    weights = tf.TensorSpec([None, solver.num_targets], solver.dtype, "weights")
    parameters = tf.TensorSpec([None, count], solver.dtype, "parameters")
    initial = tf.TensorSpec([None, count], solver.dtype, "initial")
    tolerance = tf.TensorSpec([None], solver.dtype, "tolerance")
    max_steps = tf.TensorSpec([None], tf.int32, "max_steps")
    names = [name for names in _knowledge(solver).values() for name in names]
    known = tuple(tf.TensorSpec([None, count], solver.dtype, name) for name in names)
    sides = tf.TensorSpec([None, solver.num_targets], solver.dtype, "sides")
    known += (sides,) if solver.one_sided else ()
    shape = solver.parameterization.conditions_shape
    at = () if shape is None else (tf.TensorSpec([None, *shape], solver.dtype, "conditions"),)

    def paired(parts: tuple[tf.Tensor, ...]) -> dict[str, Any]:
        """Pair the bound and prior inputs, and name all by their argument of `fit`."""
        pairs = [parts[place : place + 2] for place in range(0, len(names), 2)]
        found: dict[str, Any] = dict(zip(_knowledge(solver), pairs, strict=True))
        return found | ({"sides": parts[-1]} if solver.one_sided else {})

    def conditioned(inputs: tuple[tf.Tensor, ...]) -> dict[str, tf.Tensor]:
        """The conditions, the last of the inputs if there are any, by name."""
        return {"conditions": inputs[-1]} if at else {}

    def fit_targets(targets: tf.Tensor, *others: tf.Tensor) -> dict[str, tf.Tensor]:
        # Without a wish of the caller's, but with all inputs of `fit`: both then call one graph,
        # which is traced, saved and prepared once.
        rows = tf.shape(targets)[:1]
        own = [_default(spec, rows) for spec in known]
        return solver.fit(targets, **paired((*own,)), **conditioned(others))._asdict()

    def fit(
        targets: tf.Tensor,
        initial: tf.Tensor,
        weights: tf.Tensor,
        tolerance: tf.Tensor,
        max_steps: tf.Tensor,
        *others: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        capped = tf.minimum(max_steps, solver.max_steps)
        named = {**paired(others[: len(known)]), **conditioned(others)}
        return solver.fit(targets, initial, weights, tolerance, capped, **named)._asdict()

    def spectrum(parameters: tf.Tensor, *others: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"eigenvalues": solver.spectrum(parameters, **conditioned(others))}

    def matrix(parameters: tf.Tensor, *others: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"matrix": solver.matrix(parameters, **conditioned(others))}

    def loss_and_gradient(
        parameters: tf.Tensor, targets: tf.Tensor, *others: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(parameters)
            loss = solver.loss(parameters, targets, **conditioned(others))
        return {
            "loss": loss,
            "gradient": tape.gradient(
                loss, parameters, unconnected_gradients=tf.UnconnectedGradients.ZERO
            ),
            "eigenvalues": solver.spectrum(parameters, **conditioned(others)),
        }

    def covariance(
        parameters: tf.Tensor, weights: tf.Tensor, *others: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        data = others[: len(about_data)]
        return solver.covariance(parameters, weights, *data, **conditioned(others))._asdict()

    def predict(
        parameters: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor, *others: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        return solver.predict(parameters, targets, weights, **conditioned(others))._asdict()

    def assignment(
        parameters: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor, *others: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        named = conditioned(others)
        return {"assignment": solver.assignment(parameters, targets, weights, **named)}

    about_data = (targets,) if solver.covariance_needs_targets else ()
    signatures = {
        "serving_default": Signature((targets, *at), fit_targets),
        "fit": Signature((targets, initial, weights, tolerance, max_steps, *known, *at), fit),
        "spectrum": Signature((parameters, *at), spectrum),
        "matrix": Signature((parameters, *at), matrix),
        "loss_and_gradient": Signature((parameters, targets, *at), loss_and_gradient),
        "covariance": Signature((parameters, weights, *about_data, *at), covariance),
        "predict": Signature((parameters, targets, weights, *at), predict),
    }
    if solver.comparison.assigned:
        signatures["assignment"] = Signature((parameters, targets, weights, *at), assignment)
    return signatures


def _default(spec: tf.TensorSpec, rows: tf.Tensor) -> tf.Tensor:
    """NaN in the shape of an input: what the solver itself has."""
    shape = tf.concat([rows, spec.shape[1:]], axis=0)
    return tf.ensure_shape(tf.fill(shape, tf.constant(float("nan"), spec.dtype)), spec.shape)


def _knowledge(solver: SpectralSolver) -> dict[str, tuple[str, str]]:
    """The input names of bounds and priors, by the argument of `SpectralSolver.fit`."""
    offered = {"bounds": solver.bounded, "priors": solver.has_priors}
    names = {"bounds": ("lower", "upper"), "priors": ("prior_mean", "prior_sigma")}
    return {argument: names[argument] for argument, there in offered.items() if there}


def trace(signature: Signature) -> Any:
    """Trace a signature, with checks of its input shapes in the graph.

    TensorFlow Serving does not check shapes. Without these checks, inputs of a wrong shape would
    give plausible numbers.

    Args:
        signature: to trace.

    Returns:
        A `tf.types.experimental.ConcreteFunction`. It raises `tf.errors.InvalidArgumentError` for a
        wrong shape or unequal numbers of rows.
    """

    def checked(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        shaped = [
            tf.ensure_shape(tensor, spec.shape)
            for tensor, spec in zip(inputs, signature.inputs, strict=True)
        ]
        with tf.control_dependencies(_assert_same_rows(signature.inputs, shaped)):
            return signature.compute(*[tf.identity(tensor) for tensor in shaped])

    function = tf.function(checked, input_signature=signature.inputs, autograph=False)
    return function.get_concrete_function()


def check_runs_anywhere(name: str, traced: Any) -> None:
    """Refuse a graph that would fail in another process or in TensorFlow Serving.

    Args:
        name: of the signature, for the error message.
        traced: a result of `trace`.

    Raises:
        ValueError: if the graph calls Python; holds a function that must be compiled by XLA
            (`jit_compile=True`), which TensorFlow Serving refuses by default; reads a resource that
            is not a variable, which would not be saved; or reads or writes files. All of these can
            only come from the user's matrix function.
    """
    functions = traced.graph.as_graph_def().library.function
    nodes = list(_nodes(traced))
    python_ops = sorted({node.op for node in nodes} & _PYTHON_OPS)
    if python_ops:
        raise ValueError(
            f"export_saved_model: the graph of signature {name!r} calls Python "
            f"({', '.join(python_ops)}), so it cannot run outside this process. Write the matrix "
            "function of the solver with TensorFlow operations, without tf.py_function and "
            "tf.numpy_function."
        )
    if any(holder.attr[_JIT_COMPILED].b for holder in (*nodes, *functions)):
        raise ValueError(
            f"export_saved_model: the graph of signature {name!r} holds a function with "
            "jit_compile=True, which TensorFlow Serving does not run by default. Remove "
            "jit_compile=True from the matrix function of the solver."
        )
    file_ops = sorted({node.op for node in nodes if _touches_files(node)})
    if file_ops:
        raise ValueError(
            f"export_saved_model: the graph of signature {name!r} reads or writes files "
            f"({', '.join(file_ops)}) at every call, on the machine where it runs. Read the file "
            "once, outside of the matrix function of the solver, and use its contents as a "
            "constant."
        )
    variables = [variable.handle for variable in traced.variables]
    resources = [tensor for tensor in traced.captured_inputs if tensor.dtype == tf.resource]
    if any(all(tensor is not handle for handle in variables) for tensor in resources):
        raise ValueError(
            f"export_saved_model: the graph of signature {name!r} reads a resource that is no "
            "variable, such as a lookup table, and only variables are saved with it. In the matrix "
            "function of the solver, use tf.gather on a constant or a tf.Variable instead."
        )


def check_repeats(name: str, traced: Any) -> None:
    """Refuse a graph whose result may differ between calls, even if the validation saw none.

    Args:
        name: of the signature, for the error message.
        traced: a result of `trace`.

    Raises:
        ValueError: if the graph draws random numbers, reads the clock or assigns to a variable.
            All of these can only come from the user's matrix function.
    """
    changing = sorted({node.op for node in _nodes(traced) if _CHANGING_OPS.search(node.op)})
    if changing:
        raise ValueError(
            f"export_saved_model: the graph of signature {name!r} holds operations whose result "
            f"changes from call to call ({', '.join(changing)}), so the same spectrum would not "
            "always get the same answer. In the matrix function of the solver, use neither random "
            "numbers (but tf.random.stateless_normal and the like) nor assignments to variables."
        )


def _nodes(traced: Any) -> Iterator[Any]:
    """All nodes of a graph and of its function library."""
    graph = traced.graph.as_graph_def()
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def


def _touches_files(node: Any) -> bool:
    prints_to_file = node.op == "PrintV2" and node.attr["output_stream"].s.startswith(b"file:")
    return prints_to_file or bool(_FILE_OPS.search(node.op))


def _assert_same_rows(
    specs: Sequence[tf.TensorSpec], tensors: Sequence[tf.Tensor]
) -> list[tf.Operation]:
    first, *others = zip(specs, tensors, strict=True)
    rows = tf.shape(first[1])[0]
    return [
        tf.debugging.assert_equal(
            tf.shape(tensor)[0], rows, f"{spec.name} must have as many rows as {first[0].name}"
        )
        for spec, tensor in others
    ]
