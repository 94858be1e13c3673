"""A lane's run: one process, one order, one phase, once.

Reads its order, writes its own outbox and its slot of the progress page, ends by exit code. Never calls the supervisor,
never reads its journal, never starts another process.
"""
