-- A feature store in SQL. `lake` is an Iceberg catalog with the tables of a ride service; the
-- definitions made here are kept in Feast's registry format.

-- What the lake holds.
SELECT table_schema, table_name FROM information_schema.tables
WHERE table_catalog = 'lake' AND table_schema = 'rides' ORDER BY table_name;

-- An entity is what features are about, and the column that identifies it.
CREATE OR REPLACE ENTITY driver JOIN KEY (driver_id BIGINT) COMMENT 'Someone who drives';

-- Keys may be text.
CREATE OR REPLACE ENTITY customer JOIN KEY (customer_id VARCHAR) COMMENT 'Someone who rides';

-- A feature view says where features are and when each row became true. A day after that, a
-- driver's figures count as unknown. Features that are not listed are taken from the table.
CREATE OR REPLACE FEATURE VIEW driver_stats ENTITIES (driver)
FROM lake.rides.driver_stats TIMESTAMP event_timestamp CREATED TIMESTAMP created
TTL INTERVAL '1 day' COMMENT 'Hourly figures of a driver' TAGS (team 'rides');

-- Another key, another time to live, and only these features.
CREATE OR REPLACE FEATURE VIEW customer_spend ENTITIES (customer)
FEATURES (orders_7d INT, spend_7d DOUBLE)
FROM lake.rides.customer_spend TIMESTAMP event_timestamp CREATED TIMESTAMP created
TTL INTERVAL '7 days';

-- Two keys together, and no time to live: the last meeting counts however long ago it was.
CREATE OR REPLACE FEATURE VIEW pair_history ENTITIES (driver, customer)
FROM lake.rides.pair_history TIMESTAMP event_timestamp;

-- A feature service is the list of features one model uses.
CREATE OR REPLACE FEATURE SERVICE tip_model AS
(driver_stats (conv_rate, acc_rate, rating), customer_spend, pair_history)
COMMENT 'Will this customer tip?';

-- What is defined now.
SHOW FEATURE VIEWS;

-- The history of one driver. The row of noon is there twice: two days later it was corrected.
SELECT event_timestamp, created, conv_rate, acc_rate, avg_daily_trips FROM lake.rides.driver_stats
WHERE driver_id = 1001
  AND event_timestamp BETWEEN '2026-03-10T09:00:00Z' AND '2026-03-10T15:00:00Z'
ORDER BY event_timestamp, created;

-- The trips to learn from: who, when, and the label.
SELECT * FROM 'entities.parquet' ORDER BY trip_id LIMIT 5;

-- The training set: every trip once, with the features as they were at its time. `rating` was
-- added to the table on the eleventh day; earlier trips have none.
SELECT * FROM feast_pit_join('entities.parquet', 'tip_model') ORDER BY trip_id LIMIT 10;

-- The proof on trip 1, half past twelve: the driver's rows around it, and which of them the join
-- chose. Of the two rows of noon it is the corrected one; nothing from one o'clock on.
SELECT source.event_timestamp, source.created, source.conv_rate,
       CASE WHEN source.event_timestamp > trip.event_timestamp THEN 'future, never used'
            WHEN source.conv_rate = trip.conv_rate THEN '<- chosen'
            ELSE 'past' END AS trip_1
FROM feast_pit_join((SELECT * FROM 'entities.parquet' WHERE trip_id = 1),
                    ['driver_stats:conv_rate']) AS trip
JOIN lake.rides.driver_stats AS source ON source.driver_id = trip.driver_id
WHERE source.event_timestamp BETWEEN trip.event_timestamp - INTERVAL '3 hours'
                                 AND trip.event_timestamp + INTERVAL '3 hours'
ORDER BY source.event_timestamp, source.created;

-- The correction came later than the trip. Asked for what was known at the time, the join takes
-- the row as it was first written.
SELECT trip_id, event_timestamp, conv_rate
FROM feast_pit_join((SELECT * FROM 'entities.parquet' WHERE trip_id = 1),
                    ['driver_stats:conv_rate'], filter_by_created_timestamp => true);

-- How it runs: each table is read once, the trips stay in memory, the history streams by.
EXPLAIN FORMAT TREE SELECT * FROM feast_pit_join('entities.parquet', 'tip_model');

-- Serving. The newest row of each key goes online: an Iceberg table a view, which every engine can
-- read. Said again, it reads what was appended since. Few keys need few parts.
SET feast.online.partition_count = 4;

-- All views of the model, each in one commit.
MATERIALIZE FEATURE SERVICE tip_model;

-- What the model is asked with: the newest features of these drivers and customers, in the order
-- of the request. Nobody knows driver 1099.
SELECT * FROM feast_online_lookup('tip_model',
    keys => [{'driver_id': 1001, 'customer_id': 'C005'}, {'driver_id': 1099, 'customer_id': 'C001'}]);

-- What a value is worth: when it became true, and whether it is older than its view allows. These
-- figures are of March 2026, and count for a day.
SELECT driver_id, conv_rate, conv_rate__status, conv_rate__event_timestamp
FROM feast_online_lookup(['driver_stats:conv_rate'], keys => [1001, 1099],
                         status => true, timestamps => true, max_age => true);

-- One feature as a value, wherever an expression may stand.
SELECT trip_id, driver_id, feast_online_get('driver_stats:rating', driver_id) AS newest_rating
FROM 'entities.parquet' WHERE feast_online_get('driver_stats:conv_rate', driver_id) > 0.5
ORDER BY trip_id LIMIT 5;

-- The proof that serving and training agree: the keys whose lookup is not what the training set
-- would have now. There are none.
SELECT * FROM feast_verify_parity('pair_history');

-- What is online, from the metadata of its tables. No view lacks anything that its source has.
SELECT view, online_table, parts, rows, keys, files, lag_seconds FROM feast.online.status;
