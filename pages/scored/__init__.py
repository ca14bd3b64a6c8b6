"""Scored pictures: what a table of ``score`` says, of any number of faces."""
