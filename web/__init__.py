"""What the views share: answers, access, formats, headers, error pages."""
