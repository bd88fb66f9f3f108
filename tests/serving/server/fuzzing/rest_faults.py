"""Right REST requests, and how they are spoiled: bodies, paths, and the HTTP that carries them."""

import copy
import json
from random import Random
from typing import Any

import hypothesis.strategies as st

from ..clients import MANY
from .drawing import edited

_LEVELS = [1.0, 2.0, 4.0]
_KINDS = {
    **dict.fromkeys(("int8", "int16", "int32", "int64", "uint8", "uint32", "uint64"), 1),
    "bool": True,
}
RIGHT: list[tuple[str, dict[str, Any]]] = [
    (MANY + ":predict", {"instances": [1.0, 2.5, 3]}),
    (MANY + ":predict", {"inputs": {"x": [[1.0], [2.0]]}}),
    (
        MANY + "/labels/stable:predict",
        {
            "signature_name": "two",
            "instances": [{"a": _LEVELS, "b": _LEVELS}, {"a": _LEVELS, "b": [0, 0, 0]}],
        },
    ),
    (MANY + ":predict", {"signature_name": "kinds", "instances": [_KINDS, _KINDS]}),
    (
        MANY + ":predict",
        {"signature_name": "kinds", "inputs": {key: [value] for key, value in _KINDS.items()}},
    ),
    (MANY + "/versions/1:predict", {"signature_name": "checked", "inputs": [_LEVELS]}),
    (MANY + ":predict", {"signature_name": "complex", "inputs": [1.0]}),
    (MANY + ":predict", {"signature_name": "positive", "instances": [1.0, -1.0]}),
]
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
_NAMES = ["instances", "inputs", "signature_name", "x", "a", "é", ""]
Right = tuple[str, dict[str, Any]]


def spoiled_body(right: tuple[Right, Any], random: Random) -> tuple[str, bytes, bool]:
    """A path and a body with a fault, of the text or the document; and whether it is no JSON."""
    (path, document), junk = right
    kind = random.randrange(10)
    body = json.dumps(document).encode()
    if kind < 3:
        body = edited(body, random)
    elif kind < 6:
        text = json.dumps(_with(document, _MARK, random))
        body = text.replace(f'"{_MARK}"', random.choice(_TOKENS), 1).encode()
    elif kind == 6:
        at = random.randrange(len(body))
        body = body[:at] + random.choice(_BYTES) + body[at:]
    else:
        body = json.dumps(_changed(document, junk, random)).encode()
    try:
        found, _ = json.JSONDecoder().raw_decode(body.decode("utf-8-sig").lstrip())
    except (ValueError, RecursionError):
        return path, body, True
    sure = not isinstance(found, dict) or ("inputs" in found) == ("instances" in found)
    return path, body, sure


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
        junk = random.choice([junk, [1.0], {"x": [1.0]}, "s", random.getrandbits(90)])
        changed[random.choice(_NAMES)] = junk
    elif kind == 2:
        changed[random.choice(_NAMES)] = changed.pop(random.choice(list(changed)))
    elif kind == 3 and isinstance(changed.get("instances"), list):
        row = random.choice([junk, 1.0, [1.0, 2.0], {"x": "y"}])
        changed["instances"].insert(random.randrange(2), row)
    else:
        junk = random.choice([junk, random.getrandbits(70), str(random.random())])
        changed = _with(document, junk, random)
    return changed


_PATHS = [
    MANY,
    MANY + "/versions/1",
    MANY + "/labels/stable",
    MANY + "/versions/" + "9" * 5000,
]
_ENDS = ["", "/metadata", ":predict", ":classify", ":regress"]
_PIECES = [
    "/", "//", ":", "?", "?x=1", "%", "%00", "%2F", "%zz", "..", "~", "é", "a" * 300, "1" * 25,
    "9" * 5000, "-1", "/versions/", "/labels/", "x", "V1", ";", "#", "@", "\\", '"', "[", "|",
]  # fmt: skip
_METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "TRACE", "OPTIONS"]


def spoiled_path(right: Any, random: Random) -> tuple[bytes, bool]:
    """A request without a body and with something wrong in most paths; and whether it is sure."""
    del right
    path = random.choice(_PATHS) + random.choice(_ENDS)
    for _ in range(random.randrange(3)):
        at = random.randint(1, len(path))
        path = path[:at] + random.choice(_PIECES) + path[at + random.choice([0, 0, 1, 4]) :]
    method = random.choice(_METHODS)
    sent = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode()
    return sent, method != "GET"


_LENGTHS = [
    b"Content-Length: " + each for each in (b"-1", b"x", b"1e3", b"9" * 30, b"0x10", b"3, 4")
]
_HEADERS = [
    b"Transfer-Encoding: chunked", b"Content-Length: 1", b"Expect: x", b"x", b": x", b"a: b\x00",
]  # fmt: skip


def spoiled_http(right: Right, random: Random) -> tuple[bytes, bool]:
    """What comes over the wire with HTTP itself wrong, and whether it is wrong for sure."""
    path, document = right
    body = json.dumps(document).encode()
    line, host, length = f"POST {path} HTTP/1.1".encode(), b"Host: x", _length(len(body))
    kind = random.randrange(8)
    if kind == 0:
        line = edited(line, random)
    elif kind == 1:
        host = edited(host, random)
    elif kind == 2:
        length = b"Transfer-Encoding: chunked"
        body = edited(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body), random)
    elif kind == 3:
        length = random.choice([*_LENGTHS, _length(random.randrange(len(body)))])
    elif kind == 4:
        length += b"\r\n" + random.choice(_HEADERS)
    elif kind == 5:
        body = edited(body, random)
        length = _length(len(body)) + b"\r\nContent-Encoding: "
        length += random.choice([b"gzip", b"deflate", b"br", b"zstd"])
    elif kind == 6:
        length += b"".join(b"\r\nA%d: x" % each for each in range(random.choice([130, 500])))
    else:
        return random.randbytes(random.randint(1, 200)) + b"\r\n\r\n", True
    return b"\r\n".join([line, host, length, b"", body]), kind >= 3


def _length(number: int) -> bytes:
    return b"Content-Length: %d" % number
