"""Object storage: the truth at rest."""
