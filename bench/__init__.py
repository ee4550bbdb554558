"""Measuring: inputs, processes, figures; and the maker of the sample logs."""
