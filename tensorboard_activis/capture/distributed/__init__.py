"""Several processes that log one snapshot together: their communication, what they send, and how they write."""
