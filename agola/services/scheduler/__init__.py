"""Which queued run starts next."""
