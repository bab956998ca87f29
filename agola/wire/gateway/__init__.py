"""agola.gateway.v1 messages to model, and back: a module per noun, pure functions only.

The public API has messages of its own, so that what services tell each other may change unseen.
"""
