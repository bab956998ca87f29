"""agola.runservice.v1 messages to model, and back: a module per noun, pure functions only."""
