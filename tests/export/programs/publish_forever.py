"""Publishes versions of several files as fast as it can, until it is killed.

It loads the one module that publishes, by its file: `import eigenfit.export` would bring TensorFlow
with it, which takes seconds.
"""

import importlib.util
import sys
from pathlib import Path

package = importlib.util.find_spec("eigenfit.export")
assert package is not None
assert package.submodule_search_locations is not None
path = Path(package.submodule_search_locations[0]) / "publishing.py"
specification = importlib.util.spec_from_file_location("publishing", path)
assert specification is not None
assert specification.loader is not None
publishing = importlib.util.module_from_spec(specification)
specification.loader.exec_module(publishing)
assert "tensorflow" not in sys.modules

base_dir = Path(sys.argv[1])
FILES = 20

while True:
    with publishing.staging_directory(base_dir) as staged:
        (staged / "saved_model.pb").write_text("what makes it a model")
        for number in range(FILES):
            (staged / f"part{number}").write_text("x" * 2000)
        published = publishing.publish(staged, base_dir, None)
    publishing.remove_old_versions(base_dir, keep=3, newest=int(published.name))
