"""How fast a design is before it is placed: static timing of what Yosys maps, and place and route where it is installed."""
