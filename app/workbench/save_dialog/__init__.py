"""One dialog that saves what is on the page to a dataset of the curator."""
