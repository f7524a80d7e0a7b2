"""Token shards: the format, its writer and reader, packing, sampling, loading. numpy and pyarrow only; torch in `tokenshards.torch`.

With `shards = TokenShards(path, "train")` and `batches = PackedBatches(shards, plan(shards.lengths, 2048), batch_rows=32, seed=0)`,
`batches.batch(1000)` is what step 1000 sees, computed and not replayed. `plan(..., repeats=repeats(shards.weights, seed))` serves documents
as often as their weights in documents.parquet say.
"""

from tokenshards.format import Manifest, ShardEntry, token_dtype
from tokenshards.loader import Batch, PackedBatches
from tokenshards.packing import PackPlan, plan
from tokenshards.reader import TokenShards, verify
from tokenshards.sampler import Sampler, repeats
from tokenshards.writer import DOCUMENTS, write_documents, write_manifest, write_shard

__all__ = [
    "DOCUMENTS",
    "Batch",
    "Manifest",
    "PackPlan",
    "PackedBatches",
    "Sampler",
    "ShardEntry",
    "TokenShards",
    "plan",
    "repeats",
    "token_dtype",
    "verify",
    "write_documents",
    "write_manifest",
    "write_shard",
]
