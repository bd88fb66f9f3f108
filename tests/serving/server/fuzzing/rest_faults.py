"""Bodies of REST requests that are spoiled: as text, or as documents."""

import copy
import json
from random import Random
from typing import Any

import hypothesis.strategies as st

from .drawing import edited

# Any JSON, and more: NaN and infinities, and text that has no UTF-8.
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["\ud800", "\udcff", "\x00", "b64", "inputs"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["b64", "x", "a", "inputs", "\ud800"]), inner, max_size=3)
    ),
    max_leaves=10,
)
_MARK = "@here@"
# What stands where a value should be.
_TOKENS = [
    "1e999", "-1e400", "1" * 400, "1" * 5000, "0." + "1" * 5000, "NaN", "-Infinity", "Inf", "-Inf",
    "nan", "tru", "+1", "01", ".5", "1.", "1e", "0x10", "--1", "", ",", "]", "}", "'x'", "\x00",
    "[1,]", '{"a":1,}', '{"a":1,"a":[2]}', '{"b64":"*"}', '{"b64":"eHl6", "x":1}', '{"b64":1}',
    '"\\ud800"', '"\\ud800\\u0041"', '"\\udc00"', '"\\u12"', '"\\x"', '"open', '"line\nbreak"',
    "[" * 40 + "1.0" + "]" * 40, "[" * 40 + '"x"' + "]" * 40, "[" * 900 + "]" * 900,
    "[" * 100_000, '{"a":' * 5000, "[" * 100_000 + "]" * 100_000, 'Inf"' + '\\"' * 20_000,
    "[[1.0,2.0],[1.0]]", "[1.0,[1.0]]", "[[],[1]]", "[]", "{}", "[[]]", "null", '"\\u0000"',
]  # fmt: skip
_BYTES = [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\x00", b"\xf8\x88\x80\x80\x80"]
_NAMES = ["instances", "inputs", "signature_name", "examples", "context", "x", "a", "é", ""]
Right = tuple[str, dict[str, Any]]


def spoiled_body(right: tuple[Right, Any], random: Random) -> tuple[str, bytes]:
    """A path and a body with a fault: of the text, or of the document."""
    (path, document), junk = right
    kind = random.randrange(10)
    if kind < 3:
        return path, edited(json.dumps(document).encode(), random)
    if kind < 6:
        text = json.dumps(_with(document, _MARK, random))
        return path, text.replace(f'"{_MARK}"', random.choice(_TOKENS), 1).encode()
    if kind == 6:
        data = json.dumps(document).encode()
        at = random.randrange(len(data))
        return path, data[:at] + random.choice(_BYTES) + data[at:]
    return path, json.dumps(_changed(document, junk, random)).encode()


def _with(document: dict[str, Any], value: Any, random: Random) -> Any:
    """The document with this value somewhere."""
    changed = copy.deepcopy(document)
    place: Any = changed
    while True:
        key: Any = (
            random.choice(list(place)) if isinstance(place, dict) else random.randrange(len(place))
        )
        inner = place[key]
        if not isinstance(inner, (dict, list)) or not inner or random.random() < 0.3:
            place[key] = value
            return changed
        place = inner


def _changed(document: dict[str, Any], junk: Any, random: Random) -> Any:
    """The document with a member less, more, renamed or repeated, or junk somewhere."""
    kind = random.randrange(6)
    changed = copy.deepcopy(document)
    if kind == 0:
        changed.pop(random.choice(list(changed)))
    elif kind == 1:
        changed[random.choice(_NAMES)] = random.choice(
            [junk, [1.0], {"x": [1.0]}, "s", random.getrandbits(90)]
        )
    elif kind == 2:
        changed[random.choice(_NAMES)] = changed.pop(random.choice(list(changed)))
    elif kind == 3:
        rows = changed.get("instances", changed.get("examples"))
        if isinstance(rows, list):
            rows.insert(random.randrange(2), random.choice([junk, 1.0, [1.0, 2.0], {"x": "y"}]))
    else:
        changed = _with(
            document, random.choice([junk, random.getrandbits(70), str(random.random())]), random
        )
    return changed
