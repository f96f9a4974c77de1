"""How fast a design is before it is placed: static timing of what Yosys maps; place and route where it is installed."""
