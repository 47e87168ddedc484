"""The demo shop: a fictional French T-shirt printer, its customers and what they bought. Pure, the same every time."""
