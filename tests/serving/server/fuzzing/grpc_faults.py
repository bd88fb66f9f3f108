"""gRPC requests that are spoiled: as bytes, or as messages with faults."""

from collections.abc import Callable
from random import Random
from typing import Any

from . import tensor_faults
from .drawing import edited
from .grpc_requests import CLASSIFY, MESSAGES, PATHS, REGRESS
from .tensor_faults import NAMES

_SIGNATURES = ["s", "fit", "two", "classify", "regress", "kinds", "__saved_model_init_op", "é\x00"]


def spoiled_bytes(right: tuple[str, bytes], random: Random) -> tuple[str, bytes]:
    """A method and bytes: its message edited, that of another method, or anything."""
    method, sent = right
    kind = random.randrange(20)
    if kind == 0:
        return random.choice(list(PATHS)), sent + random.randbytes(random.randrange(2))
    if kind == 1:
        return method, random.randbytes(random.randrange(100))
    return method, edited(sent, random)


def spoiled_message(right: tuple[str, bytes], random: Random) -> tuple[str, bytes]:
    """A method and its message with one to three faults."""
    method, sent = right
    request = MESSAGES[method].FromString(sent)
    for _ in range(random.randint(1, 3)):
        random.choice(_FAULTS[method])(request, random)
    return method, request.SerializeToString(deterministic=True)


def _spec(request: Any) -> Any:
    if not hasattr(request, "tasks"):
        return request.model_spec
    return request.tasks[0].model_spec if request.tasks else request.tasks.add().model_spec


def _model(request: Any, random: Random) -> None:
    _spec(request).name = random.choice([*NAMES, str(random.getrandbits(64))])


def _version(request: Any, random: Random) -> None:
    _spec(request).version.value = random.choice([0, 2, -1, random.randint(-(2**63), 2**63 - 1)])


def _label(request: Any, random: Random) -> None:
    _spec(request).version_label = random.choice([*NAMES, str(random.getrandbits(64))])


def _signature(request: Any, random: Random) -> None:
    names = [*_SIGNATURES, *NAMES, str(random.getrandbits(64))]
    _spec(request).signature_name = random.choice(names)


def _nothing(request: Any, random: Random) -> None:
    request.ClearField(random.choice([field.name for field in request.DESCRIPTOR.fields]))


def _feature(request: Any, random: Random) -> None:
    """Examples without `x`."""
    for _ in range(random.randrange(3)):
        example = request.input.example_list.examples.add()
        example.features.feature[random.choice(NAMES)].bytes_list.value.append(random.randbytes(5))


def _whole_numbers(request: Any, random: Random) -> None:
    """An example whose `x` has a wrong type."""
    feature = request.input.example_list.examples.add().features.feature["x"]
    feature.int64_list.value.extend([random.getrandbits(63)] * random.randrange(4))


def _context(request: Any, random: Random) -> None:
    """A context without examples."""
    context = request.input.example_list_with_context.context
    context.features.feature["x"].float_list.value.extend([random.random()] * random.randrange(3))


def _task(request: Any, random: Random) -> None:
    """A task more, which is wrong or there already."""
    task = request.tasks.add(method_name=random.choice([CLASSIFY, REGRESS, "", "x"]))
    task.model_spec.name = random.choice(["many", "many", "toeplitz", ""])
    task.model_spec.signature_name = random.choice(_SIGNATURES)


def _metadata_field(request: Any, random: Random) -> None:
    request.metadata_field.append(random.choice([*NAMES, str(random.getrandbits(64))]))


def _configured(request: Any, random: Random) -> None:
    """A model more, beside those that are asked for twice."""
    request.config.model_config_list.config.add(
        name=random.choice([*NAMES, str(random.getrandbits(64))]),
        base_path=random.choice(["", "relative", "/nowhere", "\x00"]),
        model_platform=random.choice(["", "x", "tensorflow"]),
    )


def _custom(request: Any, random: Random) -> None:
    request.config.custom_model_config.type_url = random.choice(NAMES)
    request.metric_names.append(str(random.getrandbits(64)))


_ABOUT_SPEC = [_model, _version, _label, _signature, _nothing]
_ABOUT_EXAMPLES = [_feature, _whole_numbers, _context]
_FAULTS: dict[str, list[Callable[[Any, Random], None]]] = {
    "Predict": [*_ABOUT_SPEC, *tensor_faults.FAULTS],
    "Classify": [*_ABOUT_SPEC, *_ABOUT_EXAMPLES],
    "Regress": [*_ABOUT_SPEC, *_ABOUT_EXAMPLES],
    "MultiInference": [*_ABOUT_SPEC, *_ABOUT_EXAMPLES, _task],
    "GetModelMetadata": [*_ABOUT_SPEC, _metadata_field],
    "GetModelStatus": _ABOUT_SPEC,
    "HandleReloadConfigRequest": [_configured, _custom],
}
