"""The swarm against a world that is made up: the real agents, arbiter, consequences, projection and codec, no process.

``play`` runs one seed: a simulated daemon (``daemon``) looks at a simulated world (``world``), on which faults are
drawn at random (``faults``), writes what it decides into a simulated journal (``ledger``), and is held to what must
always be so (``laws``). Time is a number: nothing here sleeps, and looks at which nothing can be decided are left out
(``deadlines``). No clock, no file, no thread; the same seed plays the same day, to the last record.
"""
