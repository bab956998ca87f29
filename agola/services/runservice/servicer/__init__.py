"""The services that the runservice offers: messages in, messages out."""
