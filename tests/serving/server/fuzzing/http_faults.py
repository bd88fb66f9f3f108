"""REST requests whose path is wrong, or the HTTP that carries them."""

import json
from random import Random
from typing import Any

from .drawing import edited
from .rest_faults import Right

_PATHS = [
    "/v1/models/many",
    "/v1/models/toeplitz/versions/1",
    "/v1/models/many/labels/stable",
    "/v1/models/many/versions/" + "9" * 5000,
]
_ENDS = ["", "/metadata", ":predict", ":classify", ":regress"]
_PIECES = [
    "/", "//", ":", "?", "?x=1", "%", "%00", "%2F", "%zz", "..", "~", "é", "a" * 300, "1" * 25,
    "9" * 5000, "-1", "/versions/", "/labels/", "x", "V1", ";", "#", "@", "\\", '"', "[", "|",
]  # fmt: skip
_METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "TRACE", "OPTIONS"]


def spoiled_path(right: Any, random: Random) -> tuple[str, str]:
    """A method and a path, with something wrong in most."""
    del right
    path = random.choice(_PATHS) + random.choice(_ENDS)
    for _ in range(random.randrange(3)):
        at = random.randint(1, len(path))
        path = path[:at] + random.choice(_PIECES) + path[at + random.choice([0, 0, 1, 4]) :]
    return random.choice(_METHODS), path


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
        length += b"\r\nContent-Encoding: " + random.choice([b"gzip", b"deflate", b"br", b"zstd"])
        body = edited(body, random)
        length = length.replace(length.split(b"\r\n")[0], _length(len(body)))
    elif kind == 6:
        length += b"".join(b"\r\nA%d: x" % each for each in range(random.choice([130, 500])))
    else:
        return random.randbytes(random.randint(1, 200)) + b"\r\n\r\n", True
    return b"\r\n".join([line, host, length, b"", body]), kind >= 3


def _length(number: int) -> bytes:
    return b"Content-Length: %d" % number
