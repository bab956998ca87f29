"""Where code comes from: git itself, and the forges."""
