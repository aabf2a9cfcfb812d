"""`python -m app.users FILE NAME` adds a person who may log in; see `app.login.users`."""

import sys

from app.login.users import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
