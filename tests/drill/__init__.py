"""`make drill`: what an installation on several servers survives, shown on one machine with real programs."""
