"""The search of the design space: studies that resume, samplers, fronts, pictures, and what a trial is.

:mod:`.study` has the frame that any search shares, and says how to use it for another one.
"""
