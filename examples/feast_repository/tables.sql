-- The tables that the definitions read: an Iceberg table in two commits, the second with late and corrected rows, and a Parquet file.
CREATE SCHEMA lake.rides;
CREATE TABLE lake.rides.driver_stats AS
SELECT driver_id, CAST(event_timestamp AS TIMESTAMP(6)) AS event_timestamp, CAST(created AS TIMESTAMPTZ(6)) AS created,
  conv_rate, trips
FROM 'data/driver_stats.csv' WHERE created < '2026-03-04T00:00:00Z';
INSERT INTO lake.rides.driver_stats
SELECT driver_id, CAST(event_timestamp AS TIMESTAMP(6)), CAST(created AS TIMESTAMPTZ(6)), conv_rate, trips
FROM 'data/driver_stats.csv' WHERE created >= '2026-03-04T00:00:00Z';
COPY (SELECT customer_id, CAST(event_timestamp AS TIMESTAMP(6)) AS event_timestamp, segment, orders FROM 'data/customer_profile.csv')
TO 'data/customer_profile.parquet';
