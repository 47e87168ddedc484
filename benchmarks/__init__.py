"""How fast it is: ratios of what is measured side by side in one run, since seconds differ from machine to machine."""
