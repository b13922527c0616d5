"""Looking at runs, those that go on among them: which there are, and what each does at this moment.

Reads run directories and writes nothing. Knows nothing of Ray, torch or Optuna: a second terminal is to have its answer
at once, and the search is not to notice.
"""
