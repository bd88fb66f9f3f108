"""Faults of the inputs and outputs of a PredictRequest."""

from random import Random
from typing import Any

from eigenfit.serving.server.protos import TensorProto

NAMES = [
    "",
    "m",
    "many",
    "toeplitz",
    "x" * 3000,
    "😀" * 2000,
    "é\x00\n%",
    "targets",
    "a",
    "b",
    "zz",
    "inputs",
]
_SIZES = [0, 1, 2, 3, 4, 7, -1, -(2**63), 2**21, 2**31 - 1, 2**32, 2**40, 2**62, 2**63 - 1]
# All that DataType has, some types of references (from 101), and numbers that it does not have.
_DTYPES = [*range(36), 101, 103, 107, 120, 121, 1000, -1, 2**31 - 1, -(2**31)]
_LISTS = ["float_val", "double_val", "int_val", "int64_val", "half_val", "uint64_val", "bool_val"]
_VARIANTS = ["tensorflow::Tensor", "tensorflow::TensorList", "int", "x", ""]


def _tensor(request: Any, random: Random) -> Any:
    """One of the inputs; a new one if there is none."""
    return request.inputs[random.choice(sorted(request.inputs) or ["x"])]


def without(request: Any, random: Random) -> None:
    _tensor(request, random)
    del request.inputs[random.choice(sorted(request.inputs))]


def more(request: Any, random: Random) -> None:
    for name in random.sample(NAMES, random.randint(1, 4)):
        request.inputs[name].CopyFrom(_tensor(request, random))


def renamed(request: Any, random: Random) -> None:
    more(request, random)
    without(request, random)


def dtype(request: Any, random: Random) -> None:
    _tensor(request, random).dtype = random.choice(_DTYPES)


def size(request: Any, random: Random) -> None:
    for dim in _tensor(request, random).tensor_shape.dim:
        if random.random() < 0.7:
            dim.size = random.choice([*_SIZES, random.randint(-(2**63), 2**63 - 1)])


def shape(request: Any, random: Random) -> None:
    found = _tensor(request, random).tensor_shape
    del found.dim[:]
    for _ in range(random.randrange(4)):
        found.dim.add(size=random.choice(_SIZES))


def rank(request: Any, random: Random) -> None:
    found = _tensor(request, random).tensor_shape
    for _ in range(random.choice([1, 2, 29, 31, 32, 63, 253, 300])):
        found.dim.add(size=1)


def unknown_rank(request: Any, random: Random) -> None:
    found = _tensor(request, random).tensor_shape
    found.unknown_rank = True
    del found.dim[random.randrange(3) :]


def terabytes(request: Any, random: Random) -> None:
    """A few bytes that claim to be a very large tensor."""
    tensor = _tensor(request, random)
    huge = TensorProto(dtype=random.choice([tensor.dtype, tensor.dtype, *_DTYPES]))
    for _ in range(random.randint(1, 3)):
        huge.tensor_shape.dim.add(size=2 ** random.randint(21, 40))
    getattr(huge, random.choice(_LISTS)).extend([1] * random.randrange(3))
    tensor.CopyFrom(huge)


def content(request: Any, random: Random) -> None:
    _tensor(request, random).tensor_content = random.randbytes(random.randrange(100))


def values(request: Any, random: Random) -> None:
    """Values of any type, too many or too few, in place of the content."""
    tensor = _tensor(request, random)
    tensor.tensor_content = b""
    getattr(tensor, random.choice(_LISTS)).extend([1] * random.randrange(16))


def text(request: Any, random: Random) -> None:
    tensor = _tensor(request, random)
    tensor.dtype = 7
    tensor.string_val.extend([random.randbytes(5)] * random.randrange(8))


def resource(request: Any, random: Random) -> None:
    tensor = _tensor(request, random)
    tensor.dtype = 20
    tensor.tensor_content = b""
    tensor.resource_handle_val.add(name="x", container="y", hash_code=random.getrandbits(64))


def variant(request: Any, random: Random) -> None:
    """Tensors in tensors, more or less deep."""
    tensor = _tensor(request, random)
    for _ in range(random.choice([1, 2, 10, 40])):
        tensor.dtype = 21
        tensor.tensor_content = b""
        inner = tensor.variant_val.add(metadata=random.randbytes(3))
        inner.type_name = random.choice(_VARIANTS)
        tensor = inner.tensors.add(dtype=1)


def output_filter(request: Any, random: Random) -> None:
    request.output_filter.extend(random.choices([*NAMES, "loss", "y"], k=random.randint(1, 3)))


FAULTS = [
    without,
    more,
    renamed,
    dtype,
    size,
    shape,
    rank,
    unknown_rank,
    terabytes,
    content,
    values,
    text,
    resource,
    variant,
    output_filter,
]
