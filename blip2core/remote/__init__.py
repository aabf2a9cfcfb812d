"""Other storages, and the Hugging Face Hub: their addresses, and what went wrong there in words.

Credentials are those of the libraries that speak with them, in their own places. None is taken from
an address, and no error or log shows one.
"""
