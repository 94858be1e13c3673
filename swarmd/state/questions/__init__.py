"""The questions agents ask of the picture, a subject a file, each answered from the tables alone.

``View`` is all of them together. What is asked in every cycle is answered once a picture, or lent by ``state/index``,
which follows the records as they come; both give the same answer, and the laws of the simulation hold them to it.
"""
