"""The documentation, and the scripts that draw its pictures and keep its printed output true."""
