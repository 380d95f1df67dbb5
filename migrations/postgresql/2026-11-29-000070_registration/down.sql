DROP TABLE open_registrations;
DROP TABLE quotas;
