"""PCA of 100,000 x 2,048, and t-SNE of 10,000 x 2,048 beside openTSNE itself on the same 50 components.

Peer of PCA: scikit-learn's, randomised, on the whole as float32.

Usage: python benchmarks/queries_projections.py
"""

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._synthetic import LAYER, runs
from benchmarks._timing import line, seconds
from tensorboard_activis.query.projection.pca import components, pca
from tensorboard_activis.query.projection.tsne import DIMENSIONS, available, tsne
from tensorboard_activis.read.run import open_run

#: Openly the same work: what openTSNE's own defaults are, with the same start.
SLOWER = 1.1


def main() -> None:
    with runs(10_000, 100_000) as directories:
        small, large = (open_run(directory).latest.activations(LAYER) for directory in directories)
        line("PCA of 100,000 x 2,048", seconds({"pca": lambda: pca(large)}, repeats=3)["pca"], 3_000)
        try:
            from sklearn.decomposition import PCA
        except ImportError:
            print('scikit-learn is not installed: pip install -e ".[demo]"')
        else:
            reference = PCA(2, svd_solver="randomized", random_state=0)
            started = time.perf_counter()
            places = reference.fit_transform(large.astype(np.float32))
            line("  scikit-learn: randomised, of the whole as float32", time.perf_counter() - started)
            projection = pca(large)
            shares = np.array(projection.explained) / reference.explained_variance_ratio_
            alike = [abs(np.corrcoef(projection.xy[:, axis], places[:, axis])[0, 1]) for axis in range(2)]
            print(
                f"  shares of the variance against its: {shares.round(4)}; correlation of the axes: {np.round(alike, 4)}"
            )
        if not available():
            print('openTSNE is not installed: pip install -e ".[tsne]"')
            return
        import openTSNE

        points = components(small, DIMENSIONS)
        start = points[:, :2]
        works = {
            "ours": lambda: tsne(small, start),
            "openTSNE": lambda: openTSNE.TSNE(
                n_jobs=1, random_state=0, initialization=openTSNE.initialization.rescale(start)
            ).fit(points),
        }
        taken = seconds(works, repeats=1)
        line("t-SNE of 10,000: openTSNE itself, from 50 components", taken["openTSNE"])
        line("  ours, from the activations", taken["ours"], SLOWER, "times", taken["openTSNE"])


if __name__ == "__main__":
    main()
