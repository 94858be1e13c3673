"""Actions to world: each effect carries out what is already in the journal, and returns records of what came of it."""
