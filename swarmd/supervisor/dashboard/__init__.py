"""The dashboard: a web server in a process of its own that shows a home and passes on what a person asks.

A reader like ``swarmd query``: it folds the journal as it grows and looks at result files, decides nothing, and writes
nothing but its own address and, for an action, a request into the inbox as the CLI does. So whatever its clients do,
the cycle is not touched. Nothing here imports the engine; what only that can tell is asked of it as a command.

``reader`` folds, ``answers`` keeps what follows from the fold, ``now`` / ``inbox`` / ``niche`` / ``studies`` /
``bar_files`` make the pages' documents, ``guard`` decides who may ask, ``stream`` tells many at once, ``app`` routes,
``server`` runs it, ``address`` says where it is, ``keeper`` is the daemon's side: it starts it again when it dies.
``static`` is the page itself: plain modules, no build, nothing fetched from elsewhere.
"""
