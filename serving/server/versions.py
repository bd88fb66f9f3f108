"""The models and their versions: find, load, lend to requests, unload.

Everything runs in the event loop, except loading and freeing, which run in threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import enum
import functools
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ..errors import ServingError
from .configs import ModelSettings
from .errors import as_serving_error, fault, invalid
from .options import ServerOptions
from .predict import Predictor

_T = TypeVar("_T")
_log = logging.getLogger(__name__)
_LARGEST_VERSION = 2**63 - 1


class State(enum.IntEnum):
    """The states of a version, numbered as in GetModelStatus."""

    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


@dataclasses.dataclass(eq=False)
class Version:
    """A version of a model; `error` is the reason if it could not be loaded."""

    number: int
    directory: str
    state: State = State.START
    error: ServingError | None = None
    wanted: bool = True
    tried: bool = False  # a first attempt to load it has ended
    predictor: Predictor | None = None
    users: int = 0


@dataclasses.dataclass(eq=False)
class _Model:
    """A model: its settings, the wanted versions and the present ones."""

    settings: ModelSettings
    wanted: Mapping[int, str] = dataclasses.field(default_factory=dict)
    # `present`: loaded, loading or failed. `history`: all that ever were.
    present: dict[int, Version] = dataclasses.field(default_factory=dict)
    history: dict[int, Version] = dataclasses.field(default_factory=dict)

    def available(self) -> list[int]:
        """The numbers of available versions, highest first."""
        found = [n for n, each in self.present.items() if each.state is State.AVAILABLE]
        return sorted(found, reverse=True)

    def is_settled(self) -> bool:
        """Whether a version is available and each wanted one was tried, or all have failed.

        TensorFlow Serving waits for the first version only, so that labels may point to versions
        that are not loaded when the ports open. Retries of a failed version are not waited for.
        """
        versions = self.present.values()
        if self.available():
            return all(version.tried for version in versions if version.wanted)
        return bool(versions) and all(version.state is State.END for version in versions)


class Models:
    """Keeps the wanted versions loaded.

    A new version is loaded beside the old one, which is unloaded when the new one is available. If
    the new one cannot be loaded, the old one stays.

    Args:
        load: loads and warms up the version in a directory, or raises.
        options: of retries, and of labels for versions that are not available.
    """

    def __init__(self, load: Callable[[str], Awaitable[Predictor]], options: ServerOptions):
        self._load = load
        self._options = options
        self._models: dict[str, _Model] = {}
        self._removed: dict[str, _Model] = {}
        self._labels: dict[str, Mapping[str, int]] = {}
        self._polling = asyncio.Lock()
        self._changed = asyncio.Event()
        self._loaded: set[Version] = set()
        self._loads: set[asyncio.Task[None]] = set()
        self._frees: set[asyncio.Task[None]] = set()
        self._configurations = 0
        self._stopping = False

    @contextlib.contextmanager
    def hold(
        self, name: str, number: int | None, label: str | None
    ) -> Iterator[tuple[int, Predictor]]:
        """The number of a version and its predictor, which stays loaded within the block.

        Without number and label it is the highest available version.

        Raises:
            ServingError: NOT_FOUND if it is not loaded; INVALID_ARGUMENT for an unknown label or an
                empty name.
        """
        _check_name(name)
        if label is not None:
            labels = self._labels.get(name, {})
            if label not in labels:
                known = ", ".join(labels) or "none"
                raise invalid(f"Model {name} has no version label {label!r}; it has {known}")
            number = labels[label]
        model = self._models.get(name)
        available = model.available() if model else []
        if number is None and available:
            number = available[0]
        if model is None or number not in available:
            asked = name if number is None else f"version {number} of {name}"
            raise fault("NOT_FOUND", f"Servable not found: {asked} is not loaded")
        version = model.present[number]
        assert version.predictor is not None
        version.users += 1
        try:
            yield number, version.predictor
        finally:
            version.users -= 1
            self._free_if_unused(version)

    def statuses(self, name: str, number: int | None = None) -> list[Version]:
        """The versions of a model, newest first, including failed and unloaded ones.

        Raises:
            ServingError: NOT_FOUND if there are none; INVALID_ARGUMENT without a name.
        """
        _check_name(name)
        model = self._models.get(name) or self._removed.get(name)
        history = model.history if model else {}
        found = [history[each] for each in sorted(history, reverse=True) if number in (None, each)]
        if not found:
            which = "" if number is None else f" {number}"
            raise fault("NOT_FOUND", f"There is no version{which} of a model {name}")
        return found

    async def configure(
        self, settings: Mapping[str, ModelSettings], timeout: float | None = None
    ) -> None:
        """Serve exactly these models, by name; return when each new one is settled.

        A model is settled when a version is available and loading the others was tried. If the wait
        ends early, after `timeout` seconds or with an error, the models are served all the same,
        with the old labels.

        Raises:
            ServingError: UNKNOWN if all versions of a new model failed; DEADLINE_EXCEEDED;
                FAILED_PRECONDITION for a label of a version that is not available; ABORTED if
                another call has removed a new model; UNAVAILABLE if the server stops.
        """
        async with self._polling:
            self._check_running()
            self._configurations += 1
            number = self._configurations
            new = sorted(settings.keys() - self._models.keys())
            for name in self._models.keys() - settings.keys():
                self._remove(name)
            for name, each in settings.items():
                known = self._models.get(name) or self._removed.pop(name, None)
                self._models[name] = model = known or _Model(each)
                model.settings = each
            self._notify()  # other calls may wait for a removed model
            await self._poll()
        await self._wait_for({name: self._models[name] for name in new}, timeout)
        if number == self._configurations:  # else a later call sets the labels
            self._set_labels({name: each.labels for name, each in settings.items()})

    async def poll(self) -> None:
        """Look for version directories: load new versions, unload removed ones."""
        async with self._polling:
            await self._poll()

    def stop_waiting(self) -> None:
        """End all present and future calls of `configure`."""
        self._stopping = True
        self._notify()

    async def close(self) -> None:
        """Unload all models; requests under way end with an error."""
        self.stop_waiting()
        for name in list(self._models):
            self._remove(name)
        for load in self._loads:
            load.cancel()
        for version in list(self._loaded):
            self._free(version)
        while self._loads or self._frees:
            await asyncio.wait([*self._loads, *self._frees])

    async def _poll(self) -> None:
        for model in list(self._models.values()):
            path = model.settings.base_path
            try:
                found = await in_thread(_list_versions, path)
            except (OSError, ValueError) as error:
                # Go on with the other models; tensorflow_model_server would not.
                _log.error("Base path of %s: %s", model.settings.name, error)
                continue
            if not found:
                _log.warning("No versions of %s found under %s", model.settings.name, path)
            model.wanted = _chosen(found, model.settings)
            self._retire_unwanted(model)
            for number in sorted(model.wanted.keys() - model.present.keys(), reverse=True):
                version = Version(number, model.wanted[number])
                model.present[number] = model.history[number] = version
                _keep(self._loads, self._load_version(model, version))

    async def _load_version(self, model: _Model, version: Version) -> None:
        name = f"{model.settings.name} version {version.number}"
        self._set(model, version, State.LOADING)
        error = None
        for attempt in range(1 + self._options.max_num_load_retries):
            if attempt:
                with contextlib.suppress(TimeoutError):
                    pause = max(0.0, self._options.load_retry_interval_micros / 1e6)
                    async with asyncio.timeout(pause):
                        await self._until(lambda: not version.wanted)
                if not version.wanted:
                    break
            try:
                version.predictor = await self._load(version.directory)
                break
            except Exception as reason:
                error = as_serving_error(reason)
                _log.warning("%s, attempt %d: %s", name, attempt + 1, error)
                version.tried = True
                self._notify()
        version.tried = True
        if version.predictor is None:
            version.error = error
            self._set(model, version, State.END)
        else:
            self._loaded.add(version)
            self._set(model, version, State.AVAILABLE)
        self._retire_unwanted(model)

    def _retire_unwanted(self, model: _Model) -> None:
        """Unload versions that are no longer wanted, as soon as a wanted one is available.

        Until then the newest available one is kept, even if it became available after it was
        replaced; so the model advances also where versions appear faster than they load. A failed
        version is dropped, so it is tried again if its directory is removed and comes back.
        """
        available = model.available()
        replaced = not model.wanted or any(number in model.wanted for number in available)
        last = None if replaced else next(iter(available), None)
        for number, version in list(model.present.items()):
            version.wanted = number in model.wanted
            if version.wanted or number == last:
                continue
            if version.state in (State.START, State.LOADING):  # checked again when its load ends
                continue
            del model.present[number]
            if version.state is State.AVAILABLE:
                self._set(model, version, State.UNLOADING)
                self._free_if_unused(version)
        self._notify()

    def _free_if_unused(self, version: Version) -> None:
        if version.state is State.UNLOADING and version.users == 0 and version.predictor:
            self._free(version)

    def _free(self, version: Version) -> None:
        async def free(close: Callable[[], None]) -> None:
            await in_thread(close)  # which would delay requests
            version.state = State.END
            self._notify()

        assert version.predictor is not None
        _keep(self._frees, free(version.predictor.session.close))
        version.predictor = None
        self._loaded.discard(version)

    def _remove(self, name: str) -> None:
        model = self._removed[name] = self._models.pop(name)
        model.wanted = {}
        self._retire_unwanted(model)

    def _set_labels(self, labels: Mapping[str, Mapping[str, int]]) -> None:
        allowed = self._options.allow_version_labels_for_unavailable_models
        for name, wanted in labels.items():
            available = self._models[name].available() if name in self._models else []
            for label, number in wanted.items():
                is_new = label not in self._labels.get(name, {})
                if number not in available and not (allowed and is_new):
                    raise fault(
                        "FAILED_PRECONDITION",
                        f"Label {label!r} cannot point to version {number} of model {name}, which "
                        "is not available",
                    )
        self._labels = dict(labels)

    async def _wait_for(self, models: Mapping[str, _Model], timeout: float | None) -> None:
        def gone() -> list[str]:
            return [name for name, each in models.items() if self._models.get(name) is not each]

        def settled() -> bool:
            return bool(gone()) or all(each.is_settled() for each in models.values())

        try:
            async with asyncio.timeout(timeout):
                await self._until(lambda: self._stopping or settled())
        except TimeoutError:
            waiting = [name for name, each in models.items() if not each.is_settled()]
            message = f"Model(s) {', '.join(waiting)} did not become available in time"
            raise fault("DEADLINE_EXCEEDED", message) from None
        if gone():
            message = f"Another configuration has removed model(s) {', '.join(gone())} meanwhile"
            raise fault("ABORTED", message)
        if not settled():
            self._check_running()
        failed = [
            f"{name} version {version.number}: {version.error}"
            for name, each in models.items()
            for version in each.present.values()
            if version.error and not each.available()
        ]
        if failed:
            raise fault("UNKNOWN", f"Model(s) did not become available: {'; '.join(failed)}")

    def _check_running(self) -> None:
        if self._stopping:
            raise fault("UNAVAILABLE", "The server is stopping")

    def _set(self, model: _Model, version: Version, state: State) -> None:
        _log.info("%s version %d: %s", model.settings.name, version.number, state.name)
        version.state = state
        self._notify()

    def _notify(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self._changed.wait()


def _keep(tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> None:
    """Start a task and keep a reference; asyncio may drop a task without one."""
    task = asyncio.create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)


async def in_thread(function: Callable[..., _T], *arguments: object) -> _T:
    """Call a function in a daemon thread, which does not delay the end of the process."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[_T] = loop.create_future()

    def work() -> None:
        try:
            finish: Callable[[], None] = functools.partial(done.set_result, function(*arguments))
        except BaseException as error:
            finish = functools.partial(done.set_exception, error)
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(lambda: done.done() or finish())

    threading.Thread(target=work, name=function.__name__, daemon=True).start()
    return await done


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


def _chosen(found: Mapping[int, str], settings: ModelSettings) -> dict[int, str]:
    """The versions that the settings select."""
    numbers = sorted(found, reverse=True)
    if settings.latest:
        numbers = numbers[: settings.latest]
    elif settings.specific:
        numbers = [number for number in numbers if number in settings.specific]
    return {number: found[number] for number in numbers}
