/*
 * A bulk request: operations lie within the body, documents are whole objects in one line, and the answer to each is
 * JSON.
 */
#include <stdint.h>
#include <stdlib.h>

#include <jansson.h>

#include "proto/bulk_request.h"

static void check_document(struct bytes document)
{
	if (memchr(document.data, '\n', document.size))
		abort();
}

static void check_answer(const struct bulk_operation *op)
{
	struct buffer b;
	json_t *answer;

	buffer_init(&b, 1 << 20);
	if (bulk_item_write(&b, op, bytes_of("logs"), 7) < 0)
		abort();
	answer = json_loadb(b.data, b.size, JSON_ALLOW_NUL, NULL);
	if (!answer && !memmem(b.data, b.size, "\\u", 2)) /* jansson takes no lone surrogates */
		abort();
	json_decref(answer);
	buffer_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *body = calloc(1, size + JSON_LINE_PADDING);
	struct bulk_request r;
	struct bulk_operation op;

	memcpy(body, data, size);
	bulk_request_init(&r, json_scan_best(), (struct bytes){ body, size });
	while (bulk_request_next(&r, &op)) {
		if (op.document.size)
			check_document(op.document);
		check_answer(&op);
	}
	free(body);
	return 0;
}
