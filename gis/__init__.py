"""One Map (一张图): the spatio-temporal GIS service of a city."""

__version__ = "0.1.0"
