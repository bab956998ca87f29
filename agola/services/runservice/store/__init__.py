"""What the runservice keeps, and where: live state, the archive, logs."""
