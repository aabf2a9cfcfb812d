"""The address of the page: what is open stands in it, so that a reload and a link find it again."""
