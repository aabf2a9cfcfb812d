"""Work in the background: imports, exports, captioning and filtering, one job after the other."""

from app.jobs.imports import Import, keep_upload
from app.jobs.thread import ExportJob, Jobs

__all__ = ["ExportJob", "Import", "Jobs", "keep_upload"]
