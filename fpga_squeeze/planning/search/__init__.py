"""Search for a plan: foldings for a budget, and plans for little memory."""
