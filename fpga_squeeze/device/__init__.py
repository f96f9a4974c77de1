"""What devices hold and how they hold it: catalogue, block RAM, LUT RAM, products per DSP slice."""
