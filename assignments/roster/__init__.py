"""The roster of any moment, from the history of assignments."""
