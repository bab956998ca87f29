"""One module per service: model in and out, typed errors raised."""
