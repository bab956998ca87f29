"""The keys that secrets are sealed with: those that somebody gives, or a directory of our own."""

from agola.storage.keyring.opening import opening

__all__ = ["opening"]
