"""The shell: processes, clock, files and screens.

Decides nothing but order: what to do comes from the agents, what is true from the journal.
"""
