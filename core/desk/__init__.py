"""What people see and do: cards, lists, search, figures, and every deed besides the stages themselves.

The desk stands above the other rooms of the core, because a card shows a little of each of them.
"""
