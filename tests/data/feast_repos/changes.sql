-- What SQL changes in the registry of `rides`: every statement that defines, on what Feast made and beside it.

-- What a service uses stays, so the services first.
ALTER FEATURE SERVICE driver_model DROP (driver_profile, driver_customer), ADD (driver_profile (badges));
DROP FEATURE SERVICE customer_model;
DROP FEATURE SERVICE IF EXISTS customer_model;

ALTER FEATURE VIEW driver_stats SET TTL INTERVAL '1 day', SET TAGS (tier 'gold'), UNSET TAGS (team),
  ALTER FEATURE conv_rate COMMENT 'Accepted of offered rides';
ALTER FEATURE VIEW driver_profile DROP FEATURE hired, UNSET TTL, SET ONLINE, SET OWNER 'hr@example.com';
ALTER FEATURE VIEW customer_profile SET TTL INTERVAL '3 days', SET COMMENT 'Who rides';
ALTER ENTITY customer SET COMMENT 'Who pays', SET TAGS (pii 'yes');

-- An entity under another name of the same column, its key mapped.
CREATE ENTITY courier JOIN KEY (courier_id BIGINT) COMMENT 'A driver who brings parcels' TAGS (team 'parcels');
CREATE ENTITY place JOIN KEY (place_id INT);

CREATE FEATURE VIEW courier_stats ENTITIES (courier) FEATURES (offers INT, conv_rate DOUBLE, active BOOLEAN)
FROM lake.features.driver_stats TIMESTAMP event_timestamp CREATED TIMESTAMP created
FIELD MAPPING (driver_id AS courier_id, trips AS offers) TTL INTERVAL '2 days'
COMMENT 'Figures of a courier' OWNER 'parcels@example.com' TAGS (team 'parcels', "größe" 'ü');

-- Keys, times and features are found out.
CREATE FEATURE VIEW customer_orders ENTITIES (customer) FROM lake.features.customer_profile;

CREATE FEATURE VIEW fares ENTITIES (driver, customer) FEATURES (rides BIGINT, last_fare DOUBLE)
FROM 'data/driver_customer.parquet' TIMESTAMP event_timestamp CREATED TIMESTAMP created TTL INTERVAL '23 hours';

CREATE FEATURE VIEW place_demand ENTITIES (place) FEATURES (wanted BIGINT, surge DOUBLE)
FROM 'data/zone_demand/*.parquet' TIMESTAMP event_timestamp
CREATED TIMESTAMP created FIELD MAPPING (zone_id AS place_id, demand AS wanted) TTL INTERVAL '20 hours' OFFLINE ONLY;

CREATE FEATURE VIEW sky FEATURES (rain BOOLEAN, temperature DOUBLE) FROM 'data/weather-*.parquet'
TIMESTAMP event_timestamp CREATED TIMESTAMP created;

-- Feast's own definitions, replaced.
CREATE OR REPLACE FEATURE VIEW weather FEATURES (rain BOOLEAN, temperature DOUBLE)
FROM 'data/weather-2026a.parquet'
TIMESTAMP event_timestamp CREATED TIMESTAMP created TTL INTERVAL '15 hours';
CREATE OR REPLACE FEATURE VIEW zone_demand ENTITIES (zone) FEATURES (surge DOUBLE, demand BIGINT)
FROM 'data/zone_demand/*.parquet' TIMESTAMP event_timestamp CREATED TIMESTAMP created TTL INTERVAL '18 hours';

-- Functions write the same file.
SELECT count(*) FROM feast_register('badges', 'lake.features.driver_stats', ['driver'], ['active', 'trips']);
SELECT count(*) FROM feast_apply('{
  "entities": [{"name": "area", "join_key": "area_id", "type": "INT", "tags": {"team": "maps"}}],
  "feature_views": [{"name": "area_surge", "entities": ["area"], "path": "data/zone_demand/*.parquet",
    "timestamp": "event_timestamp", "created_timestamp": "created",
    "field_mapping": {"zone_id": "area_id"}, "features": [{"name": "surge", "type": "DOUBLE"}], "ttl": "6 hours"}]}');

CREATE FEATURE SERVICE parcels AS (
  courier_stats (offers, active), sky (rain) AS outside,
  place_demand AS here ON (place_id = origin_id),
  place_demand (wanted) AS there ON (place_id = destination_id),
  driver_stats (conv_rate)
) COMMENT 'How many parcels' OWNER 'parcels@example.com' TAGS (stage 'test');
CREATE FEATURE SERVICE both AS (fares, customer_orders (orders), driver_stats AS by_courier ON (driver_id = courier_id));
ALTER FEATURE SERVICE trip_model DROP (destination), ADD (courier_stats (offers), zone_demand (surge) AS goal ON (zone_id = destination_id)),
  SET TAGS (stage 'old');
DROP FEATURE VIEW driver_customer;
