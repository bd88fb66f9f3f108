"""The models and their versions: find, load, lend to requests, unload.

Everything runs in the event loop, except loading and freeing, which run in threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import enum
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import ServingError, as_serving_error, fault, invalid
from .predict import Predictor

_log = logging.getLogger(__name__)
_LARGEST_VERSION = 2**63 - 1
# A version that could not be loaded is tried again after this time.
_RETRY_SECONDS = 60.0


class State(enum.IntEnum):
    """The states of a version, numbered as in GetModelStatus."""

    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


@dataclasses.dataclass(eq=False)
class Version:
    """A version of a model; `error` is the reason if it could not be loaded."""

    number: int
    state: State = State.LOADING
    error: ServingError | None = None
    retry_at: float = 0.0  # by `time.monotonic()`
    predictor: Predictor | None = None
    users: int = 0

    def can_load(self) -> bool:
        """Whether it may be loaded again: it was unloaded, or failed some time ago."""
        return self.state >= State.UNLOADING and time.monotonic() >= self.retry_at


@dataclasses.dataclass(eq=False)
class _Model:
    """A model: its ModelConfig, the wanted versions, all that ever were, and its labels."""

    config: Any
    wanted: Mapping[int, str] = dataclasses.field(default_factory=dict)
    versions: dict[int, Version] = dataclasses.field(default_factory=dict)
    labels: dict[str, int] = dataclasses.field(default_factory=dict)

    def available(self) -> list[int]:
        """The numbers of available versions, highest first."""
        found = [n for n, each in self.versions.items() if each.state is State.AVAILABLE]
        return sorted(found, reverse=True)

    def is_settled(self) -> bool:
        """Whether there are wanted versions, and loading each of them has ended.

        TensorFlow Serving waits for the first version only, so that labels may point to versions
        that are not loaded when the ports open.
        """
        wanted = [self.versions[number].state for number in self.wanted]
        return bool(wanted) and State.LOADING not in wanted


class Models:
    """Keeps the wanted versions loaded.

    A new version is loaded beside the old one, which is unloaded when the new one is available. If
    the new one cannot be loaded, the old one stays. `load` loads and warms up a version directory.
    """

    def __init__(self, load: Callable[[str], Awaitable[Predictor]]):
        self._load = load
        self._models: dict[str, _Model] = {}
        self._polling = asyncio.Lock()
        self._loaded: set[Version] = set()
        self._loads: set[asyncio.Task[None]] = set()
        self._frees: set[asyncio.Task[None]] = set()

    @contextlib.contextmanager
    def hold(
        self, name: str, number: int | None, label: str | None
    ) -> Iterator[tuple[int, Predictor]]:
        """The number of a version and its predictor, which stays loaded within the block.

        Without number and label it is the highest available version. NOT_FOUND if it is not loaded;
        INVALID_ARGUMENT for an unknown label or an empty name.
        """
        _check_name(name)
        model = self._models.get(name)
        available = model.available() if model else []
        if label is not None:
            labels = {**model.config.version_labels, **model.labels} if model else {}
            if label not in labels:
                known = ", ".join(labels) or "none"
                raise invalid(f"Model {name} has no version label {label!r}; it has {known}")
            number = labels[label]
        elif number is None and available:
            number = available[0]
        if model is None or number not in available:
            asked = name if number is None else f"version {number} of {name}"
            raise fault("NOT_FOUND", f"Servable not found: {asked} is not loaded")
        version = model.versions[number]
        assert version.predictor is not None
        version.users += 1
        try:
            yield number, version.predictor
        finally:
            version.users -= 1
            self._free_if_unused(version)

    def statuses(self, name: str, number: int | None = None) -> list[Version]:
        """The versions of a model, newest first, with failed and unloaded ones; or NOT_FOUND."""
        _check_name(name)
        known = self._models[name].versions if name in self._models else {}
        found = [known[each] for each in sorted(known, reverse=True) if number in (None, each)]
        if not found:
            which = "" if number is None else f" {number}"
            raise fault("NOT_FOUND", f"There is no version{which} of a model {name}")
        return found

    async def configure(self, configs: Mapping[str, Any]) -> None:
        """Serve exactly the models of these ModelConfig messages, by name."""
        async with self._polling:
            for name in self._models.keys() - configs.keys():
                self._remove(name)
            for name, config in configs.items():
                model = self._models.setdefault(name, _Model(config))
                model.config = config
                kept = model.labels.keys() & config.version_labels.keys()
                model.labels = {label: model.labels[label] for label in kept}
            await self._poll()

    async def poll(self) -> None:
        """Look for version directories: load new versions, unload removed ones."""
        async with self._polling:
            await self._poll()

    async def wait(self, seconds: float) -> None:
        """Wait until loading each version has ended; UNKNOWN if a model then has none."""
        limit = time.monotonic() + seconds
        while waiting := [name for name, each in self._models.items() if not each.is_settled()]:
            if time.monotonic() >= limit:
                message = f"Model(s) {', '.join(waiting)} did not become available in time"
                raise fault("DEADLINE_EXCEEDED", message)
            await asyncio.sleep(0.01)
        failed = [
            f"{name} version {version.number}: {version.error}"
            for name, each in self._models.items()
            for version in each.versions.values()
            if not each.available()
        ]
        if failed:
            raise fault("UNKNOWN", f"Model(s) did not become available: {'; '.join(failed)}")

    async def close(self) -> None:
        """Unload all models; requests under way end with an error."""
        for name in list(self._models):
            self._remove(name)
        for load in self._loads:
            load.cancel()
        for version in list(self._loaded):
            self._free(version)
        while self._loads or self._frees:
            await asyncio.wait([*self._loads, *self._frees])

    async def _poll(self) -> None:
        for name, model in list(self._models.items()):
            path = model.config.base_path
            try:
                found = await asyncio.to_thread(_list_versions, path)
            except (OSError, ValueError) as error:
                # Go on with the other models; tensorflow_model_server would not.
                _log.error("Base path of %s: %s", name, error)
                continue
            if not found:
                _log.warning("No versions of %s found under %s", name, path)
            model.wanted = _chosen(found, model.config.model_version_policy)
            self._update(model)
            for number, directory in sorted(model.wanted.items(), reverse=True):
                if number not in model.versions or model.versions[number].can_load():
                    version = model.versions[number] = Version(number)
                    _keep(self._loads, self._load_version(model, version, directory))

    async def _load_version(self, model: _Model, version: Version, directory: str) -> None:
        self._set(model, version, State.LOADING)
        try:
            version.predictor = await self._load(directory)
        except Exception as reason:
            version.error = as_serving_error(reason)
            version.retry_at = time.monotonic() + _RETRY_SECONDS
            _log.warning("%s cannot be loaded: %s", directory, version.error)
            self._set(model, version, State.END)
        else:
            self._loaded.add(version)
            self._set(model, version, State.AVAILABLE)
        self._update(model)

    def _update(self, model: _Model) -> None:
        """Move labels to available versions, and unload versions that are no longer wanted.

        An unwanted version is unloaded as soon as a wanted one is available. Until then the newest
        available one is kept, even if it became available after it was replaced; so the model
        advances also where versions appear faster than they load.
        """
        available = model.available()
        for label, number in model.config.version_labels.items():
            if number in available:
                model.labels[label] = number
        replaced = not model.wanted or any(number in model.wanted for number in available)
        last = None if replaced else next(iter(available), None)
        for number, version in model.versions.items():
            if number in model.wanted or number == last:
                continue
            version.retry_at = 0.0  # if it comes back, it is another one
            if version.state is State.AVAILABLE:
                self._set(model, version, State.UNLOADING)
                self._free_if_unused(version)

    def _remove(self, name: str) -> None:
        model = self._models.pop(name)
        model.wanted = {}
        self._update(model)

    def _free_if_unused(self, version: Version) -> None:
        if version.state is State.UNLOADING and version.users == 0 and version in self._loaded:
            self._free(version)

    def _free(self, version: Version) -> None:
        async def free(close: Callable[[], None]) -> None:
            await asyncio.to_thread(close)  # which would delay requests
            version.state = State.END

        assert version.predictor is not None
        self._loaded.discard(version)
        _keep(self._frees, free(version.predictor.session.close))
        version.predictor = None

    def _set(self, model: _Model, version: Version, state: State) -> None:
        _log.info("%s version %d: %s", model.config.name, version.number, state.name)
        version.state = state


def _keep(tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> None:
    """Start a task and keep a reference; asyncio may drop a task without one."""
    task = asyncio.create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)


def _check_name(name: str) -> None:
    if not name:
        raise invalid("The request names no model (model_spec.name)")


def _list_versions(base_path: str) -> dict[int, str]:
    """The paths of the versions in a base directory, by number; `00000123` is 123.

    Not `existing_versions` of eigenfit.export, which would import the solver.
    """
    found = {}
    for path in sorted(Path(base_path).iterdir()):
        if path.name.isascii() and path.name.isdecimal() and int(path.name) <= _LARGEST_VERSION:
            found[int(path.name)] = str(path)
    return found


def _chosen(found: Mapping[int, str], policy: Any) -> dict[int, str]:
    """The versions that a ServableVersionPolicy selects; without one, the latest."""
    numbers = sorted(found, reverse=True)
    if policy.HasField("specific"):
        numbers = [number for number in numbers if number in policy.specific.versions]
    elif not policy.HasField("all"):
        numbers = numbers[: policy.latest.num_versions or 1]
    return {number: found[number] for number in numbers}
