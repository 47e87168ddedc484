"""Who buys: the billing details of a customer, their rules by country, and their numbers. Pure: no Flask, no database."""
