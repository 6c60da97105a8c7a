"""The closed list of fault types, one module per family, and the pure decider of what they do.

Counterpart: `lab.proxy`, which carries out the actions decided here.
Knows no socket, no clock and no ambient randomness.
"""
