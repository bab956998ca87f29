"""What the runservice needs from the outside."""
