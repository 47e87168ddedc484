"""Who buys: the billing details of a customer, their rules and numbers by country. Pure: no Flask."""
