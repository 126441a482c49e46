"""The plans of every shipped playbook on the lab's shape, as text and as JSON, kept so that a change of them is seen.

`python -m tests.golden` writes them anew; look at the difference before it is committed.
"""
