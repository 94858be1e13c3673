"""What every bar strategy obeys, ours and a user's own: each law a function from a strategy to a finding.

Run by `swarmd strategies check`, by the contract tests, and by the test that `swarmd strategies new` writes. Looks at
strategies from outside, through the front door of the engine; ranks nothing, writes nothing, and knows no strategy by
name.
"""
