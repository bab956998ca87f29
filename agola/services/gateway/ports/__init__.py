"""What the gateway needs of other services: a Protocol per noun, met by `agola.clients`."""
