"""Lanes on the nodes of a Ray cluster: which command carries a run, who starts a node, and how the nodes are watched.

Ray itself is imported by processes of their own and never by the daemon.
"""
