-- Which version of the lifecycle projection the read model holds.
SELECT "version"
FROM projections
WHERE projection = 'lifecycle';
