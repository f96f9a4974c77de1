"""From a float network to integers: binary points, equalisation, rounding, budgets of bits."""
