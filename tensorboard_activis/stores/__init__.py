"""Object stores: the files of a run at an address such as s3://bucket/run1, through fsspec, with a cache on disk for reading."""
