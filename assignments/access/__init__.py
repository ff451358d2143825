"""Whether a person may work in a warehouse now, and why not: the decision, and how programs ask for it (AuthZEN)."""
