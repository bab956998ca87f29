"""The key-value store: live state."""
