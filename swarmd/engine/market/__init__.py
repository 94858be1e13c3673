"""Bars: how they are read, refused, put on the grid, resampled, and made up where the truth must be known.

Everything downstream is handed checked `Bars` and nothing else. No strategy, no indicator, no kernel, no record and
no daemon may be known here; findings about data are values, and a refusal is a `DataError` of one line.
"""
