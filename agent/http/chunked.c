#include "http/chunked.h"

#include "base/text.h"

enum { DIGITS_MAX = 15 };

static bool visible(char c)
{
	return (unsigned char)c >= ' ' ? c != 0x7f : c == '\t';
}

static enum http_chunked_verdict go(struct http_chunked *c, enum http_chunked_state state)
{
	c->state = state;
	return CHUNKED_MORE;
}

static enum http_chunked_verdict go_if(struct http_chunked *c, bool fine, enum http_chunked_state state)
{
	return fine ? go(c, state) : CHUNKED_BAD;
}

static enum http_chunked_verdict space_byte(struct http_chunked *c, char byte)
{
	if (byte_is_blank(byte))
		return go(c, CHUNK_SPACE);
	return byte == '\r' ? go(c, CHUNK_SIZE_END) : go_if(c, byte == ';', CHUNK_EXTENSION);
}

static enum http_chunked_verdict size_byte(struct http_chunked *c, char byte)
{
	int digit = hex_digit(byte);

	if (digit >= 0 && c->digits < DIGITS_MAX) {
		c->digits++;
		c->left = 16 * c->left + (unsigned)digit;
		return CHUNKED_MORE;
	}
	if (c->digits == 0 || digit >= 0)
		return CHUNKED_BAD;
	return space_byte(c, byte);
}

static enum http_chunked_verdict size_end(struct http_chunked *c, char byte)
{
	c->line = 0;
	return go_if(c, byte == '\n', c->left > 0 ? CHUNK_DATA : CHUNK_TRAILER);
}

static enum http_chunked_verdict data_lf(struct http_chunked *c, char byte)
{
	c->digits = 0;
	return go_if(c, byte == '\n', CHUNK_SIZE);
}

static enum http_chunked_verdict line_byte(struct http_chunked *c, char byte)
{
	if (++c->line > HTTP_CHUNK_LINE_MAX)
		return CHUNKED_BAD;
	switch (c->state) {
	case CHUNK_SIZE:
		return size_byte(c, byte);
	case CHUNK_SPACE:
		return space_byte(c, byte);
	case CHUNK_EXTENSION:
		return byte == '\r' ? go(c, CHUNK_SIZE_END) : go_if(c, visible(byte), CHUNK_EXTENSION);
	case CHUNK_SIZE_END:
		return size_end(c, byte);
	case CHUNK_DATA_END:
		return go_if(c, byte == '\r', CHUNK_DATA_LF);
	case CHUNK_DATA_LF:
		return data_lf(c, byte);
	case CHUNK_TRAILER:
		return byte == '\r' ? go(c, CHUNK_LAST_LF) : go_if(c, visible(byte), CHUNK_TRAILER_LINE);
	case CHUNK_TRAILER_LINE:
		return byte == '\r' ? go(c, CHUNK_TRAILER_LF) : go_if(c, visible(byte), CHUNK_TRAILER_LINE);
	case CHUNK_TRAILER_LF:
		return go_if(c, byte == '\n', CHUNK_TRAILER);
	case CHUNK_LAST_LF:
		return byte == '\n' ? CHUNKED_END : CHUNKED_BAD;
	case CHUNK_DATA:
		break;
	}
	return CHUNKED_BAD;
}

static void take_piece(struct http_chunked *c, struct bytes *in, struct bytes *ret)
{
	size_t size = c->left < in->size ? (size_t)c->left : in->size;

	*ret = (struct bytes){ in->data, size };
	*in = (struct bytes){ in->data + size, in->size - size };
	c->left -= size;
	if (c->left == 0)
		c->state = CHUNK_DATA_END;
}

enum http_chunked_verdict http_chunked_next(struct http_chunked *c, struct bytes *in, struct bytes *ret_piece)
{
	enum http_chunked_verdict verdict = CHUNKED_MORE;

	while (in->size > 0 && verdict == CHUNKED_MORE) {
		if (c->state == CHUNK_DATA) {
			take_piece(c, in, ret_piece);
			return CHUNKED_PIECE;
		}
		verdict = line_byte(c, in->data[0]);
		*in = (struct bytes){ in->data + 1, in->size - 1 };
	}
	return verdict;
}
