"""The files that shop systems give of their orders, which say less than their webhooks do."""
