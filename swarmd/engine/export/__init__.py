"""What leaves the engine for other eyes: scripts, alert templates, plans, and the figures of how they agree with us.

Texts are made by pure functions from a champion and its terms; the commands and the crown phase write them. Nothing
here searches, judges or decides, and no program that is not ours is part of it: an executor of scripts is started as a
process of its own, from where the user has installed it.
"""
