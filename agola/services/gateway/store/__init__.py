"""The ports of the gateway that need more than a client."""
