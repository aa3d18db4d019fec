"""Ray Data: a data set is evaluated by actors that each hold the model, part by part."""
