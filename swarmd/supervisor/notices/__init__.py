"""Messages to people: what of the records is worth one, to which channel, when; and what became of each.

What is due is a pure function of the View and of what was delivered before (``due``); it is delivered by a process of
its own (``delivery``), which no cycle waits for. Addresses hold secrets and are kept apart from everything else.
"""
