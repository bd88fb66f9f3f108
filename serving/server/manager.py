"""All models: finds versions, loads and unloads them, and hands them out to requests."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from .codes import Code, ServingError, invalid_argument
from .model import Model
from .model_config import ModelSettings
from .served_version import Loaded, ServedVersion, State
from .versions import choose_versions, list_versions

# Seconds. A signal that came just before the main thread began to wait is seen when the wait ends.
_LONGEST_WAIT = 0.5
_log = logging.getLogger(__name__)


class ModelManager:
    """Keeps the wanted versions in memory.

    A new version is loaded beside the old one, which is unloaded when the new one is available. If
    the new one cannot be loaded, the old one stays.

    Args:
        loader: loads and warms up a version, or raises.
        attempts: how often to try to load a version.
        interval: seconds between attempts.
        labels_need_available: refuse a new label for a version that is not available; one that
            exists never moves to such a version.
    """

    def __init__(
        self,
        loader: Callable[[ServedVersion], Loaded],
        attempts: int = 1,
        interval: float = 0.0,
        labels_need_available: bool = True,
    ):
        self._loader = loader
        self._attempts = attempts
        self._interval = interval
        self._labels_need_available = labels_need_available
        self._changed = threading.Condition(threading.RLock())
        # Config changes and polls come from several threads and must not interleave.
        self._configuring = threading.Lock()
        self._models: dict[str, Model] = {}
        self._retired: dict[str, Model] = {}
        self._labels: dict[str, dict[str, int]] = {}
        self._reloads = 0
        self._stopping = False

    def reload(
        self,
        settings: Mapping[str, ModelSettings],
        timeout: float | None = None,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        """Serve these models and no others; return when each new one is there.

        That is when it has a version available and the others were tried too.

        The models are served also when the wait for them ends early. The labels are then the old
        ones.

        Args:
            settings: the models by name.
            timeout: seconds to wait; None for no limit.
            is_wanted: whether to go on waiting; asked again at each `wake`.

        Raises:
            ServingError: UNKNOWN if all versions of a new model failed; DEADLINE_EXCEEDED;
                FAILED_PRECONDITION for a label of a version that is not available; ABORTED if
                another call has removed a new model; CANCELLED if the wait is not wanted any more;
                UNAVAILABLE if the server stops.
        """
        with self._configuring:
            with self._changed:
                if self._stopping:
                    raise _stopping()
                self._reloads += 1
                number = self._reloads
                new = settings.keys() - self._models.keys()
                for name in self._models.keys() - settings.keys():
                    self._remove(name)
                for name, each in settings.items():
                    model = self._models.get(name) or self._retired.pop(name, None)
                    if model is None:
                        model = Model(each)
                    model.settings = each
                    self._models[name] = model
                self._changed.notify_all()  # others may wait for what was removed
            self._poll()
        self._wait_for(new, timeout, is_wanted)
        with self._changed:
            if number != self._reloads:  # the labels of a later call hold
                return
            labels = {name: dict(each.labels) for name, each in settings.items()}
            self._check_labels(labels)
            self._labels = labels

    def poll(self) -> None:
        """Look at the directories: load what is new, unload what is gone."""
        with self._configuring:
            self._poll()

    @contextlib.contextmanager
    def use(self, name: str, version: int | None, label: str | None) -> Iterator[ServedVersion]:
        """Hold a version for one request.

        Args:
            name: of the model.
            version: its number; the highest available when None.
            label: stands for a version; used when not None.

        Yields:
            The version, which stays in memory until the block is left.

        Raises:
            ServingError: NOT_FOUND; INVALID_ARGUMENT for an unknown label.
        """
        held = self._hold(name, version, label)
        try:
            yield held
        finally:
            held.release()

    def statuses(self, name: str, version: int | None = None) -> list[ServedVersion]:
        """The versions of a model, newest first; also those that failed or are gone.

        Raises:
            ServingError: NOT_FOUND if there are none.
        """
        with self._changed:
            model = self._models.get(name) or self._retired.get(name)
            found = dict(model.history) if model else {}
        if version is not None:
            if version not in found:
                raise ServingError(
                    Code.NOT_FOUND, f"Could not find version {version} of model {name}"
                )
            return [found[version]]
        if not found:
            raise ServingError(Code.NOT_FOUND, f"Could not find any versions of model {name}")
        return [found[number] for number in sorted(found, reverse=True)]

    def wake(self) -> None:
        """Let calls of `reload` ask whether they are still wanted."""
        with self._changed:
            self._changed.notify_all()

    def stop_waiting(self) -> None:
        """End calls of `reload`, those to come too."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def close(self) -> None:
        """Unload everything; versions in use go when their requests are done."""
        self.stop_waiting()
        with self._configuring, self._changed:
            for name in list(self._models):
                self._remove(name)

    def _hold(self, name: str, version: int | None, label: str | None) -> ServedVersion:
        with self._changed:
            model = self._models.get(name)
            if label is not None:
                version = self._labels.get(name, {}).get(label)
                if version is None:
                    raise invalid_argument(f"Unrecognized servable version label: {label}")
            present = model.present if model else {}
            wanted = sorted(present, reverse=True) if version is None else [version]
            for number in wanted:
                if number in present and present[number].hold():
                    return present[number]
        asked = f"Latest({name})" if version is None else f"Specific({name}, {version})"
        raise ServingError(Code.NOT_FOUND, f"Servable not found for request: {asked}")

    def _poll(self) -> None:
        for model in list(self._models.values()):
            base_path = model.settings.base_path
            try:
                found = list_versions(Path(base_path))
            except OSError as error:
                # tensorflow_model_server stops looking at the other models too; no reason to.
                _log.error("Could not find base path %s: %s", base_path, error)
                continue
            if not found:
                _log.warning("No versions of %s found under %s", model.settings.name, base_path)
            with self._changed:
                model.wanted = choose_versions(found, model.settings.policy)
                model.unload_unwanted()
                for version in sorted(model.wanted.keys() - model.present.keys(), reverse=True):
                    self._start_loading(model, version)

    def _start_loading(self, model: Model, version: int) -> None:
        served = ServedVersion(model.settings.name, version, model.wanted[version], self._changed)
        model.present[version] = model.history[version] = served

        def work() -> None:
            served.load(self._loader, self._attempts, self._interval)
            with self._changed:
                model.unload_unwanted()

        threading.Thread(target=work, name=f"load-{served.name}-{version}", daemon=True).start()

    def _remove(self, name: str) -> None:
        model = self._models.pop(name)
        model.wanted = {}
        model.unload_unwanted()
        self._retired[name] = model

    def _check_labels(self, labels: Mapping[str, Mapping[str, int]]) -> None:
        for name, wanted in labels.items():
            present = self._models[name].present if name in self._models else {}
            for label, version in wanted.items():
                if version in present and present[version].state is State.AVAILABLE:
                    continue
                is_new = label not in self._labels.get(name, {})
                if self._labels_need_available or not is_new:
                    raise ServingError(
                        Code.FAILED_PRECONDITION,
                        f"Request to assign label to version {version} of model {name}, which is "
                        "not currently available for inference",
                    )

    def _wait_for(
        self, names: set[str], timeout: float | None, is_wanted: Callable[[], bool]
    ) -> None:
        limit = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            models = [self._models[name] for name in sorted(names & self._models.keys())]
            for model in models:
                while not (self._is_settled(model) or self._stopping or not is_wanted()):
                    left = _LONGEST_WAIT if limit is None else limit - time.monotonic()
                    if left <= 0:
                        break
                    self._changed.wait(min(left, _LONGEST_WAIT))
                self._check_settled(model, is_wanted)
            if len(models) < len(names) or any(map(self._is_removed, models)):
                raise _removed(names - self._models.keys())
            failures = [model.failures() for model in models]
        failed = [lines for lines in failures if lines]
        if failed:
            every = ", ".join(line for lines in failed for line in lines)
            raise ServingError(
                Code.UNKNOWN, f"{len(failed)} model(s) did not become available: {{{every}}}"
            )

    def _is_settled(self, model: Model) -> bool:
        return model.is_settled() or self._is_removed(model)

    def _is_removed(self, model: Model) -> bool:
        return self._models.get(model.settings.name) is not model

    def _check_settled(self, model: Model, is_wanted: Callable[[], bool]) -> None:
        """Say why the wait for a model has ended, if it is not there."""
        if self._is_settled(model):
            return
        if self._stopping:
            raise _stopping()
        told = f"Model {model.settings.name} did not become available"
        if not is_wanted():
            raise ServingError(Code.CANCELLED, f"{told} before the wait was given up")
        raise ServingError(Code.DEADLINE_EXCEEDED, f"{told} in time")


def _stopping() -> ServingError:
    return ServingError(Code.UNAVAILABLE, "The server is stopping")


def _removed(names: Iterable[str]) -> ServingError:
    return ServingError(
        Code.ABORTED,
        f"Another configuration has removed model(s) {', '.join(sorted(names))} meanwhile",
    )
