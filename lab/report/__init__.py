"""What a reader sees: pure functions from histories, plans and judgements to lines of text.

Counterpart: lab/cli and lab/pytest_plugin.py write the lines. Nothing here knows a terminal, a
file or a clock.
"""
