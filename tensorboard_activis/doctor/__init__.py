"""Says whether the installation and the logs are well, for `tensorboard-activis doctor`."""
