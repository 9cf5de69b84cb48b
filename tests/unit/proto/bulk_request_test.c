/*
 * A bulk request: each operation as it was written, and what ends the request.
 */
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/bulk_request.h"

enum { BODY_MAX = 1024 };

struct world {
	char body[BODY_MAX + JSON_LINE_PADDING];
	char seen[BODY_MAX];
	struct bulk_request request;
};

static const char *const action_names[] = {
	[BULK_INDEX] = "index", [BULK_CREATE] = "create", [BULK_UPDATE] = "update", [BULK_DELETE] = "delete"
};

/* Each operation as action|index|id|document|fault; then what ended the request. */
static const char *read_all(struct world *w, const char *body)
{
	struct bulk_operation op;
	size_t used = 0;

	memset(w, 0, sizeof *w);
	memcpy(w->body, body, strlen(body));
	bulk_request_init(&w->request, json_scan_best(), (struct bytes){ w->body, strlen(body) });
	while (bulk_request_next(&w->request, &op))
		used += (size_t)snprintf(w->seen + used, sizeof w->seen - used, "%s|%.*s|%.*s|%.*s|%s;",
			action_names[op.action], (int)op.index.size, op.index.data, (int)op.id.size, op.id.data,
			(int)op.document.size, op.document.data, op.fault ? "fault" : "");
	snprintf(w->seen + used, sizeof w->seen - used, "%s", w->request.fault ? w->request.fault : "");
	return w->seen;
}

static void operations(void **state)
{
	static const struct {
		const char *body, *seen;
	} rows[] = {
		{ "", "" },
		{ "{\"create\":{}}\n{\"m\":1}\n", "create|||{\"m\":1}|;" },
		{ "{\"index\":{\"_index\":\"a\\\"b\",\"_id\":\"7\",\"routing\":\"x\"}}\r\n{\"m\":1}\r\n",
			"index|\"a\\\"b\"|\"7\"|{\"m\":1}|;" },
		{ "{\"delete\":{\"_id\":\"7\"}}\n{\"create\":{}}\n{}\n", "delete||\"7\"||fault;create|||{}|;" },
		{ "{\"update\":{}}\n{\"doc\":{}}\n\n{\"create\":{}}\n{}\n", "update||||fault;create|||{}|;" },
		{ "{\"create\":{}}\nnonsense\n{\"create\":{}}\n{}\n", "create||||fault;create|||{}|;" },
		{ "{\"create\":{}}\n[1]\n", "create||||fault;" },
		{ "{\"create\":{\"_id\":7}}\n{}\n", "create||7|{}|;" },
		{ "{\"create\":{\"_id\":null}}\n{}\n", "create|||{}|;" },
		{ "{\"create\":{}}\n{}", "an action without its document, or a last line without its end" },
		{ "{\"create\":{}}", "the last line has no end" },
		{ "{\"create\":{}}\n", "an action without its document, or a last line without its end" },
		{ "{\"other\":{}}\n{}\n", "a line that should be an action is not one" },
		{ "{\"create\":{},\"attempts\":0}\n{}\n", "create|||{}|;" },
		{ "{}\n{}\n", "a line that should be an action is not one" },
		{ "{\"create\":7}\n{}\n", "a line that should be an action is not one" },
		{ "nonsense\n{}\n", "a line that should be an action is not one" },
	};
	struct world *w = oxp_new(sizeof *w);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_string_equal(read_all(w, rows[i].body), rows[i].seen);
	free(w);
}

static void answers(void **state)
{
	struct bulk_operation taken = { .action = BULK_CREATE, .id = bytes_of("\"a\\u00e9\"") };
	struct bulk_operation refused = { .action = BULK_DELETE, .index = bytes_of("\"i\""), .fault = "why" };
	struct buffer b;

	(void)state;
	buffer_init(&b, BODY_MAX);
	assert_int_equal(bulk_item_write(&b, &taken, bytes_of("logs"), 255), 0);
	assert_true(bytes_are(buffer_bytes(&b),
		"{\"create\":{\"_index\":\"logs\",\"_id\":\"a\\u00e9\",\"_version\":1,\"result\":\"created\","
		"\"_shards\":{\"total\":1,\"successful\":1,\"failed\":0},\"_seq_no\":0,\"_primary_term\":1,"
		"\"status\":201}}"));
	buffer_clear(&b);
	assert_int_equal(bulk_item_write(&b, &refused, bytes_of("logs"), 255), 0);
	assert_true(bytes_are(buffer_bytes(&b),
		"{\"delete\":{\"_index\":\"i\",\"_id\":\"ff\",\"status\":400,\"error\":{\"type\":"
		"\"illegal_argument_exception\",\"reason\":\"why\"}}}"));
	buffer_done(&b);
	buffer_init(&b, 16);
	assert_int_not_equal(bulk_item_write(&b, &taken, bytes_of("logs"), 1), 0);
	buffer_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(operations), cmocka_unit_test(answers) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
