"""The model's graph, recorded in a symbolic run or a trace."""
