"""Where tasks run: one package per driver, each under the contract suite of the port."""
