"""The documents: amounts, legal texts, frozen content and PDF; pure Python without Flask, database or clock."""
