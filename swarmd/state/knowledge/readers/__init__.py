"""Documents into pages and sections: one format, one file. Text goes in, a ``Page`` comes out; nothing is opened here.

What a reader is given is a stranger's: nothing in it is run, fetched, included or imported, and what cannot be
understood as its format is told by ValueError, upon which ``files.py`` reads it as plain text. Parsers are imported
inside the functions that need them.
"""
