"""The bundled transformer: model, optimiser, training loop, checkpoints, evaluation, generation."""

import os

# torch's CPU threads wait for each other a thousand times a step, by spinning. Where the cores are shared, a waiting thread then keeps the
# one it waits for from running: 800 tokens/s became 4,000 on two busy cores once they sleep instead. OpenMP reads this when torch is first
# imported, so it stands here; a value that is already set stays.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
