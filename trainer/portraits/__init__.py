"""Fakes made of photographs and clips that are free to use."""
