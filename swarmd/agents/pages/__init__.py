"""View in, Markdown out: the pages the swarm keeps for people. They are rendered, never edited, and decide nothing."""
