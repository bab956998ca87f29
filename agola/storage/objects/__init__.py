"""Object storage: the truth at rest."""

from agola.storage.objects.opening import opening

__all__ = ["opening"]
