"""The HTML page: what it knows of each case (`pack`), and how the file is put together (`document`)."""
