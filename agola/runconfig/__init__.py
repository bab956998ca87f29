""".agola/config.* to RunConfig: load, evaluate, validate, expand.  Pure."""
