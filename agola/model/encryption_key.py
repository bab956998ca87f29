"""The keys of what is encrypted at rest, as administrators see them."""

from msgspec import Struct

from agola.model.maintenance import MaintainedService


class EncryptionKey(Struct, frozen=True, kw_only=True):
    """A key, without what it is made of."""

    id: str
    current: bool = False
    """Whether it encrypts what is written now."""
    missing: bool = False
    """Whether it is lost, so that what it encrypts cannot be read."""
    records: int = 0
    """How many records it encrypts, where they were counted."""


class Keyring(Struct, frozen=True, kw_only=True):
    """The keys of a service."""

    keys: tuple[EncryptionKey, ...] = ()
    """By id."""
    managed: bool = False
    """Whether Agola makes them, rather than somebody who configures them."""
    clear_records: int = 0
    """How many records hold secrets that are not encrypted, where they were counted: they were
    written before there was encryption, and a rotation encrypts them."""

    @property
    def current(self) -> str:
        """The id of the current key; empty if there is none."""
        return next((key.id for key in self.keys if key.current), "")


class RotationProgress(Struct, frozen=True, kw_only=True):
    """How far a rotation is."""

    records: int
    """How many records it has looked at."""
    encrypted: int
    """How many of them it has encrypted anew."""
    complete: bool = False
    """Whether it has looked at all of them."""


class ServiceRotation(Struct, frozen=True, kw_only=True):
    """How far the rotation of an installation is: in this service, which it does now."""

    service: MaintainedService
    key_id: str
    """The key that it encrypts with there."""
    progress: RotationProgress
