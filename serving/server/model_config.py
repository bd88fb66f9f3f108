"""Which models to serve: the ModelServerConfig of TensorFlow Serving, checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from google.protobuf import text_format

from .codes import ServingError, invalid_argument
from .protos import ModelServerConfig
from .versions import VersionPolicy

_PLATFORM = "tensorflow"


@dataclasses.dataclass(frozen=True)
class ModelSettings:
    """One model to serve.

    Attributes:
        name: what requests call it.
        base_path: its versions are directories in it.
        policy: chooses among them.
        labels: version numbers by label.
    """

    name: str
    base_path: str
    policy: VersionPolicy = dataclasses.field(default_factory=VersionPolicy)
    labels: Mapping[str, int] = dataclasses.field(default_factory=dict)


def parse_config(text: str) -> Any:
    """A ModelServerConfig from its text form.

    Raises:
        ServingError: INVALID_ARGUMENT if it is not one.
    """
    try:
        return text_format.Parse(text, ModelServerConfig())
    except text_format.ParseError as error:
        raise invalid_argument(
            f"Error parsing text-format tensorflow.serving.ModelServerConfig: {error}"
        ) from None


def settings_of(config: Any) -> dict[str, ModelSettings]:
    """The models of a ModelServerConfig, by name.

    Raises:
        ServingError: INVALID_ARGUMENT, for the first thing that is wrong.
    """
    if config.WhichOneof("config") != "model_config_list":
        raise invalid_argument(
            "ServerModelConfig type not supported by HandleReloadConfigRequest. Only "
            "ModelConfigList is currently supported"
        )
    models: dict[str, ModelSettings] = {}
    for model in config.model_config_list.config:
        if model.name in models:
            raise invalid_argument(
                f"Illegal to list model {model.name} multiple times in config list"
            )
        _check(model)
        models[model.name] = ModelSettings(
            model.name,
            model.base_path,
            _policy(model.model_version_policy),
            dict(model.version_labels),
        )
    return models


def _check(model: Any) -> None:
    if not PurePosixPath(model.base_path).is_absolute():
        raise invalid_argument(
            f"Expected model {model.name} to have an absolute path or URI; got "
            f"base_path()={model.base_path}"
        )
    if not model.model_platform and not model.model_type:
        raise invalid_argument(
            "Illegal setting neither ModelServerConfig::model_type nor "
            "ModelServerConfig::model_platform."
        )
    if model.model_platform and model.model_platform != _PLATFORM:
        raise _unknown_platform(model)


def _unknown_platform(model: Any) -> ServingError:
    return invalid_argument(
        f"Model {model.name} has model_platform {model.model_platform!r}; this server has "
        f"{_PLATFORM!r} only"
    )


def _policy(policy: Any) -> VersionPolicy:
    kind = policy.WhichOneof("policy_choice")
    if kind == "all":
        return VersionPolicy(latest=0)
    if kind == "specific":
        if not policy.specific.versions:
            raise invalid_argument("A specific version policy must name at least one version")
        return VersionPolicy(latest=0, specific=tuple(policy.specific.versions))
    return VersionPolicy(latest=int(policy.latest.num_versions) or 1)
