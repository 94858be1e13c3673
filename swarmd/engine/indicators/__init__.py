"""Values drawn from prices: arrays in, arrays of the same time axis out, every value from the past only.

No bars, no parameters objects, no signals: what to do with a value is a strategy's business.
"""
