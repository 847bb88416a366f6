"""Actions: each changes something, says how much it can break, and names what undoes it."""
