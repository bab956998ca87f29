"""The verbs of the configstore, and their rules."""
