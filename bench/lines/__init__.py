"""One module for each line of the table, or for lines that share their preparation."""
