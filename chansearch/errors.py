"""The errors a user can act on.

Everything raised on purpose for a user's mistake is a ``UserError``: the command line prints its one line and exits
with code 2, without a traceback.
"""


class UserError(ValueError):
    """One clear line: the key, the value, and what is allowed."""
