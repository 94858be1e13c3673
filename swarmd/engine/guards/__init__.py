"""Pure statistical tests of a candidate: returns in, figures and a verdict out.

One statistic a file, its formula and source in its docstring. No bars, no files, no opinion on what follows from a
verdict.
"""
