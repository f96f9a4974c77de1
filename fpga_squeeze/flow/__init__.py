"""The verbs step by step: load, quantise, plan, evaluate, compress."""
