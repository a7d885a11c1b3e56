-- Which version of the fold made the read model.
SELECT "version"
FROM read_model;
