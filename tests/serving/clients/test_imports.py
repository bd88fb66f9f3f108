"""What importing and using the clients imports, in a process of its own."""

import subprocess
import sys

from .fake_model import pretended
from .harness import serve

HEAVY = ("tensorflow", "tensorflow_serving", "aiohttp", "eigenfit.solver", "eigenfit.export")

PROGRAM = f"""
import sys
from eigenfit.serving import GrpcClient, RestClient, ServingError
with RestClient(sys.argv[1], "levels") as client:
    assert client.fit([[1.0, 2.0, 3.0]]).status.tolist() == [1]
    assert client.status()[1].state == "AVAILABLE"
found = [name for name in {HEAVY} if name in sys.modules]
assert not found, found
"""


def test_rest_never_imports_tensorflow():
    with serve("rest", pretended()) as port:
        command = [sys.executable, "-c", PROGRAM, f"http://127.0.0.1:{port}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
