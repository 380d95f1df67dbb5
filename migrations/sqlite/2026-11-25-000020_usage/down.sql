DROP TABLE IF EXISTS usage_batches;
DROP TABLE IF EXISTS usage_rollups;
