"""Published weights of the presets, fetched and cached by timm from the Hugging Face hub."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from chansearch.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor, nn

# The presets whose weights timm has.
PUBLISHED = (
    *("rexnet_100", "rexnet_130", "rexnet_150", "rexnet_200", "rexnet_300"),
    *("rexnetr_200", "rexnetr_300", "mobilenetv2_100"),
)
# timm looks for them in this order.
_FILES = ("model.safetensors", "pytorch_model.bin")
_SECONDS = 5  # for the hub's first answer


def check_published(name: str) -> None:
    """Raises ``UserError``, listing those that have, where a network has no published weights."""
    if name not in PUBLISHED:
        raise UserError(f"--pretrained: no weights are published for {name}; there are for {', '.join(PUBLISHED)}")


def pretrained_weights(name: str) -> dict[str, Tensor]:
    """The published weights of a preset, in this builder's names: from the hub's cache, or else from the hub.

    Raises ``UserError`` where timm is not installed, where none are published, or where they are not cached and the hub
    does not answer.
    """
    check_published(name)
    try:
        from timm.models import get_pretrained_cfg
    except ImportError:
        raise UserError('--pretrained: weights come through timm: pip install "chansearch[train]"') from None
    from chansearch.nets.weights import read_weights, rename_weights

    repository = get_pretrained_cfg(name).hf_hub_id
    cached = _cached(repository)
    return read_weights(cached) if cached else rename_weights(_fetched(name, repository))


def pretrained_timm_network(name: str) -> nn.Module:
    """A network of timm's with its published weights, timm being installed; raises ``UserError`` as above."""
    import timm
    from timm.models import get_pretrained_cfg

    repository = getattr(get_pretrained_cfg(name), "hf_hub_id", None)
    if repository is None:
        raise UserError(f"--pretrained: timm has no published weights of {name}")
    with contextlib.nullcontext() if _cached(repository) else _answering(name, repository):
        return timm.create_model(name, pretrained=True)


def _cached(repository: str) -> str | None:
    from huggingface_hub import try_to_load_from_cache

    found = [try_to_load_from_cache(repository, file) for file in _FILES]
    return next((path for path in found if isinstance(path, str)), None)


def _fetched(name: str, repository: str) -> dict[str, Tensor]:
    from timm.models import load_state_dict_from_hf

    with _answering(name, repository):
        return load_state_dict_from_hf(repository)


@contextlib.contextmanager
def _answering(name: str, repository: str) -> Iterator[None]:
    """Asks the hub once beforehand, for its client tries again for minutes where there is no network."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    try:
        get_hf_file_metadata(hf_hub_url(repository, _FILES[0]), timeout=_SECONDS)
        yield
    except Exception as error:  # the hub's client, HTTP, TLS and sockets have their own, with no common ancestor
        raise UserError(
            f"--pretrained: the weights of {name} come from the Hugging Face hub ({repository}) through timm, and it "
            f"does not answer ({type(error).__name__}); --weights FILE takes a file instead"
        ) from None
