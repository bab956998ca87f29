"""What the public API does, and who may do it.  Raises AgolaError."""
