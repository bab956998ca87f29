"""The server's own configuration: one YAML file, every key optional."""
