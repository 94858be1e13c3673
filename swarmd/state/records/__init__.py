"""One noun, one file: the immutable lines of the journal. Shapes only; no reading, writing or deciding."""
