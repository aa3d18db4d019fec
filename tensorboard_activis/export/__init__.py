"""A run as a folder of static files, which a browser shows without a server: `tensorboard-activis export`."""
