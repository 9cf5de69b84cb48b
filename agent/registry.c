#include "registry.h"

extern const struct collector_type collector_bulk, collector_otlp, collector_scrape, collector_tail;
extern const struct exporter_type exporter_elasticsearch, exporter_file, exporter_otlp, exporter_store;
extern const struct check_type check_http, check_tcp, check_unix;

const struct collector_type *const registry_collectors[] = { &collector_bulk, &collector_otlp, &collector_scrape,
	&collector_tail, NULL };
const struct exporter_type *const registry_exporters[] = { &exporter_elasticsearch, &exporter_file, &exporter_otlp,
	&exporter_store, NULL };
const struct check_type *const registry_checks[] = { &check_http, &check_tcp, &check_unix, NULL };
