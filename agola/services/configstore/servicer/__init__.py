"""The services that the configstore offers: messages in, messages out."""
