"""Whether this Space lends its GPU by the call, as in the package this one stands for."""

import os


class Settings:
    def __init__(self) -> None:
        self.zero_gpu = os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


Config = Settings()
