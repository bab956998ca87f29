"""Setting a service aside for work on its data, and taking the data out and in."""
