"""The repositories of direct runs."""
