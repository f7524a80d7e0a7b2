"""A worker process of a local run: `python -m pipeline.worker`, started by Beam. Quiet, and gone within a second of its driver's death."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time

DRIVER = "CURATE_DRIVER_PID"


def main() -> None:
    """Serve bundles until the runner closes the channel."""
    threading.Thread(target=_exit_with, args=(int(os.environ[DRIVER]),), daemon=True).start()
    # Errors reach the user through the runner, as one line; what a worker logs itself would repeat them with tracebacks.
    logging.disable(logging.CRITICAL)
    from apache_beam.runners.worker import sdk_worker_main

    sdk_worker_main.main(sys.argv)


def _exit_with(driver: int) -> None:
    """Beam's own workers would go on to the end of their bundle, beside the run that follows a killed one."""
    while True:
        try:
            os.kill(driver, 0)
        except ProcessLookupError:
            os._exit(1)
        time.sleep(0.5)


if __name__ == "__main__":
    main()
