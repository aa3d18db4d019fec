"""What heads of attention are recorded by, computed of their shares as the definitions read; for tests of all frameworks."""

import numpy as np


def shares_of_heads(
    weights: np.ndarray, rows: np.ndarray | None, columns: np.ndarray | None, cross: bool
) -> dict[str, np.ndarray]:
    """By figure float64 [instances, heads], one instance and position after another, as their definition reads."""
    instances, heads = weights.shape[:2]
    result: dict[str, np.ndarray] = {}
    for index in range(instances):
        real_rows = np.flatnonzero(rows[index]) if rows is not None else np.arange(weights.shape[2])
        real_columns = np.flatnonzero(columns[index]) if columns is not None else np.arange(weights.shape[3])
        for head in range(heads):
            seen = weights[index, head].astype(np.float64)
            figures: dict[str, list[float]] = {"entropy": [], "first": [], "previous": [], "self": []}
            for place, row in enumerate(real_rows):
                shares = seen[row]
                figures["entropy"].append(-sum(p * np.log2(p) for p in shares if p > 0))
                figures["first"].append(shares[real_columns[0]])
                figures["previous"].append(shares[real_rows[place - 1]] if place and not cross else 0.0)
                figures["self"].append(shares[row] if not cross else 0.0)
            for name, values in figures.items():
                result.setdefault(name, np.zeros((instances, heads)))[index, head] = np.mean(values)
    return {name: values for name, values in result.items() if not cross or name in ("entropy", "first")}
