"""What the gitserver does."""
