"""The network as objects: float and integer layers, fixed point, golden, the float reference."""
