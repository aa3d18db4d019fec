"""What the callback for Lightning knows of its trainer and of the validations that it watches."""
