"""The tables by noun; `models.py` is the door through which everybody else reaches them."""
