"""Routes from what was seen to verses, and how their lists become one.

A route is a ranked list of verse ids, made on its own and testable alone (`routes`); `fusion` joins the lists,
`diversity` picks from the joined list what is worth showing together.
"""
