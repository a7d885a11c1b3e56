-- What every session of the writer begins with.

SET TimeZone = 'UTC';
