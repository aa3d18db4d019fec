"""The command `tensorboard-activis report`: the findings of logged runs, for people and for CI."""
