"""Recipes and programs of the bundled example software release. Standard library only."""
