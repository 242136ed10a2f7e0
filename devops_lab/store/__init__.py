"""`Store`: a folder of Delta tables; write rows, pin a snapshot, run SQL on it.

::

    delta      the folder and its tables: opened, made, merged, tidied; the only importer of deltalake
    writing    rows in, snapshots named, one sync at a time
    watching   which handles somebody opened meanwhile, and what they are held to
    handle     the handle itself: reads a snapshot, runs SQL, writes

Writing goes through ``deltalake`` (merge by key, atomic), reading through DuckDB over the active Parquet files, so
readers hold no lock: any number of notebooks and reports read the last complete snapshot while a sync writes.
The store is an archive, not a cache: nothing is deleted because a server forgot it.
"""

from devops_lab.store.handle import LazyTable, Store
from devops_lab.store.watching import watched
from devops_lab.store.writing import NOBODY, Written

__all__ = ["NOBODY", "LazyTable", "Store", "Written", "watched"]
