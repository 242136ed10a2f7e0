"""Serve the greeter: ``python greeter-1.0.0.pyz PORT``."""

import logging
import sys

import uvicorn
from greeter.service import application  # type: ignore[import-not-found]

if __name__ == "__main__":
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    uvicorn.run(application(), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", lifespan="off")
