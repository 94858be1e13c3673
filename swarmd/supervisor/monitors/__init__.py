"""What a person looks at while the swarm works: four small screens, each a program of its own in a tmux window.

Each reads the world or the journal by itself and outlives the daemon. Nothing here decides or writes anything.
"""
