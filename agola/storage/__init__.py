"""State: key-value, objects, SQL; one port each, a contract suite in tests/contracts, drivers."""
