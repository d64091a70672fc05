"""The log kept for years, as Parquet: written from the log, asked by SQL, and read again in the order of the log.

A folder holds `catalogue.json`, which says what there is and is put in place whole, and the files
`TABLE/day=YYYY-MM-DD/class=SLUG/NUMBER.parquet` of four tables: readings, ticks, alerts and incidents. Only what is in
the catalogue counts. So a row is there once, whenever who writes is killed and whatever is put together meanwhile.

* tables: the columns, and what is a row of which day and class
* draft: what was read from the log and is not written yet
* catalogue, folder: what there is; how it is put in place
* worker: the log into the folder
* standing: incidents, from the store
* keeping: small files into large ones, old ones away
* replay: a shard's readings and ticks as they stood in the log
* asking: the tables by SQL
"""
