"""How runs that go on are shown: drawn, as lines, or as JSON."""
