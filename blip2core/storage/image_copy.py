"""Copy images from one store to another, each checked against its hash."""

from blip2core.errors import StorageError
from blip2core.storage.images import ImageStore
from blip2core.storage.missing_images import WantedImage


def copy_image(
    source: ImageStore, image: WantedImage, target: ImageStore, *, failed: str = "was not copied"
) -> str:
    """Copy an image, which is on disk when this returns -> nothing; or, where it cannot be read, a
    sentence that says which image `failed`, and why.

    Raises StorageError where it cannot be written.
    """
    try:
        data = source.read(image.sha256, format=image.format)
    except StorageError as error:
        return f"the image {source.path(image.sha256, format=image.format)} {failed}: {error}"
    target.put(data, format=image.format)
    return ""
