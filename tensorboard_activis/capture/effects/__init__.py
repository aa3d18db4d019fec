"""What neurons do to the margin of errors: which instances, what is computed of them, and what is written; no framework."""
