"""One model: which of its versions are wanted, and which are there."""

from __future__ import annotations

from .model_config import ModelSettings
from .served_version import ServedVersion, State


class Model:
    """A model and its versions. Whoever calls holds the lock of the manager.

    Attributes:
        settings: what to serve.
        wanted: the directories of the versions to serve.
        present: the versions that are in memory, on their way there, or could not be loaded.
        history: every version ever tried.
    """

    def __init__(self, settings: ModelSettings):
        self.settings = settings
        self.wanted: dict[int, str] = {}
        self.present: dict[int, ServedVersion] = {}
        self.history: dict[int, ServedVersion] = {}

    def unload_unwanted(self) -> None:
        """Retire versions that are no longer wanted, as soon as a wanted one can take over.

        Until then the newest of them that is available goes on, also one that became available
        after it was replaced: where versions come faster than they load, the model still moves on.
        A version that could not be loaded is forgotten, so it is tried again if its directory goes
        and comes back.
        """
        available = [v for v, served in self.present.items() if served.state is State.AVAILABLE]
        replaced = not self.wanted or any(version in self.wanted for version in available)
        last = None if replaced else max(available, default=None)
        for version, served in list(self.present.items()):
            served.wanted = version in self.wanted
            if served.wanted or version == last:
                continue
            served.retire()
            if served.state not in (State.START, State.LOADING):  # its load will end, then again
                del self.present[version]

    def is_settled(self) -> bool:
        """Whether one version is available and each wanted one was tried; or all were in vain.

        TensorFlow Serving is content with the first version. But then the labels of the others
        would point to nothing when the ports open. Further attempts at one that failed are not
        waited for: they are a minute apart.
        """
        versions = self.present.values()
        if any(served.state is State.AVAILABLE for served in versions):
            return all(served.tried for served in versions if served.wanted)
        return bool(versions) and all(served.state is State.END for served in versions)

    def failures(self) -> list[str]:
        """Why no version is available; empty if one is."""
        present = self.present.values()
        if any(served.state is State.AVAILABLE for served in present):
            return []
        return [
            f"{{name: {self.settings.name} version: {served.version}}} due to error: {served.error}"
            for served in present
            if served.error
        ]
