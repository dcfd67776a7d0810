"""pyhier beside a live R: the session, the comparisons, the report and its record."""
