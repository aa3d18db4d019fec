"""The tab alone, without TensorBoard's page around it: `tensorboard-activis serve`."""
