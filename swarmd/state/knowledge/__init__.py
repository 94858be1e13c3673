"""What the swarm knows and can be asked: entries, how they are searched and kept, how documents become some.

SQLite with FTS5 by default, Postgres for a team, behind one contract. Commands and the daemon's effects call it; agents
never do: they state records, and what is worth keeping is written here by the shell. No decision lives here.
"""
