"""The page *Why?*: why somebody can or cannot sign in or work in a warehouse, since when, and by whom."""
