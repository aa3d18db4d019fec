"""The expression language for subsets of instances: parser, compiler to `pyarrow.compute`, evaluation over tables.

`compile_expression` in `predicate.py` is the way in. Its modules import each other in one direction: `limits`, `patterns`,
`values`, `evaluation`, `context`, `functions`, `compiler`, `predicate`.
"""
