"""What the executor needs: something to run tasks in, a place to keep them, and a runservice."""
