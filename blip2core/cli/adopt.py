"""The command that makes a folder the image store of a database: db adopt."""

from blip2core.cli.options import AsJson, Url
from blip2core.cli.output import write_row


def adopt(url: Url = None, as_json: AsJson = False) -> None:
    """Make the folder `images` of BLIP2_DATA the image store of this database, whatever is in it.

    For a store that was lost, or put together by hand; `blip2 db check` then says what is missing.
    Every studio of the database must use this folder.
    """
    from blip2core.storage import open_database

    database = open_database(url, adopt=True)
    shown, folder = database.url.render_as_string(), str(database.images.root)
    database.close()
    row = {"database": shown, "images": folder}
    write_row(row, as_json, f"{folder} is the image store of {shown}.")
