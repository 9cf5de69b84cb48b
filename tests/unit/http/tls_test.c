/*
 * TLS at a server: who is let in and who is not, and why; certificates that are replaced; handshakes that stand still,
 * or that want every seat; what is spoken over it, byte by byte.
 */
#include "http/server.h"

#include "hostile/rows.h"
#include "http/greet.h"
#include "loop/lane.h"
#include "unit/http/bridge.h"

enum { SEATS = 16, BODY_MAX = 2 << 20, BIG = 3 << 20 };

static const char *const let_in[] = { "shop.test", "spiffe://test/shop" };

struct fixture {
	struct world world;
	struct scratch scratch;
	struct authority ours, theirs;
	struct lane *disk;
	struct tls_keys *keys;
	struct http_server *server;
	uint16_t port;
	char cert[128], key[128], client_ca[128];
	struct buffer body;
	struct http_request *waiting;
	unsigned ends[TLS_FAULTS], told;
	char why[TLS_WHY_MAX];
};

/* What is served. */

static void hello(void *context, struct http_request *r)
{
	(void)context;
	http_respond_text(r, 200, "text/plain", "hello\n");
}

static enum http_take collect(void *context, struct http_request *r, struct bytes piece)
{
	struct fixture *f = context;

	(void)r;
	assert_int_equal(buffer_append(&f->body, piece.data, piece.size), 0);
	return HTTP_TAKEN;
}

static void echo(void *context, struct http_request *r)
{
	struct fixture *f = context;
	struct buffer body = f->body;

	buffer_init(&f->body, BODY_MAX);
	http_respond(r, &(struct http_answer){ .status = 200, .body = &body });
	buffer_done(&body);
}

static void later(void *context, struct http_request *r)
{
	((struct fixture *)context)->waiting = r;
}

static void big(void *context, struct http_request *r)
{
	struct buffer body;

	(void)context;
	buffer_init(&body, BIG);
	for (size_t i = 0; i < BIG; i++)
		buffer_reserve(&body, BIG)[i] = (char)('a' + i % 23);
	body.size = BIG;
	http_respond(r, &(struct http_answer){ .status = 200, .body = &body });
}

static struct http_route routes[] = {
	{ HTTP_GET, "/hello", .complete = hello },
	{ HTTP_GET, "/big", .complete = big },
	{ HTTP_POST, "/take", .body = collect, .complete = echo },
	{ HTTP_POST, "/later", .body = collect, .complete = later },
	{ .path = NULL },
};

/* The fixture. */

static void greeted(void *context, const char *peer, enum tls_fault fault, const char *why)
{
	struct fixture *f = context;

	assert_string_equal(peer, "127.0.0.1");
	assert_true((fault == TLS_NONE) == !why);
	f->ends[fault]++;
	if (why)
		snprintf(f->why, sizeof f->why, "%s", why);
}

static void tell(void *context, enum log_level level, const char *text)
{
	struct fixture *f = context;

	assert_true(level <= LOG_LEVEL_DEBUG && *text);
	f->told++;
}

static struct http_server_options options(struct fixture *f)
{
	return (struct http_server_options){ .name = "test",
		.body_max = BODY_MAX,
		.connections_max = SEATS,
		.idle = DURATION_S(1),
		.priority = LOOP_NORMAL,
		.engine = HTTP_DIRECT,
		.secure = { .keys = f->keys, .greeted = greeted, .context = f } };
}

static void path_of(const struct fixture *f, const char *name, char to[128])
{
	snprintf(to, 128, "%s/%s", f->scratch.path, name);
}

static int new_keys(struct fixture *f, struct tls_options files)
{
	struct tls_keys_options o = { .files = files, .disk = f->disk, .tell = tell, .context = f };

	o.files.cert = f->cert;
	o.files.key = f->key;
	return tls_keys_new(f->world.loop, &o, &f->keys);
}

static void serve(struct fixture *f, struct tls_options files)
{
	struct http_server_options o;

	assert_int_equal(new_keys(f, files), 0);
	o = options(f);
	routes[2].context = routes[3].context = f;
	assert_int_equal(http_server_new(f->world.loop, &o, routes, &f->server), 0);
	assert_int_equal(http_server_listen(f->server, "127.0.0.1:0", &f->port), 0);
}

static int setup_bare(void **state)
{
	struct fixture *f = oxp_new(sizeof *f);
	const struct says server = { .common_name = "server", .server = true };

	world_init(&f->world);
	scratch_init(&f->scratch, "tls");
	assert_int_equal(lane_new(f->world.loop, "disk", 8, &f->disk), 0);
	authority_init(&f->ours, "ours");
	authority_init(&f->theirs, "theirs");
	buffer_init(&f->body, BODY_MAX);
	write_crt(&f->scratch, "ca.pem", f->ours.crt);
	authority_sign(&f->ours, &f->scratch, "server", &server);
	path_of(f, "server.pem", f->cert);
	path_of(f, "server.key", f->key);
	path_of(f, "ca.pem", f->client_ca);
	*state = f;
	return 0;
}

static int setup(void **state)
{
	setup_bare(state);
	serve(*state, (struct tls_options){ .cert = NULL });
	return 0;
}

static int setup_for_clients(void **state)
{
	struct fixture *f;

	setup_bare(state);
	f = *state;
	serve(f, (struct tls_options){ .client_ca = f->client_ca, .names = let_in, .names_count = COUNT_OF(let_in) });
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	http_server_free(f->server);
	tls_keys_free(f->keys);
	lane_free(f->disk);
	loop_free(f->world.loop);
	authority_done(&f->ours);
	authority_done(&f->theirs);
	buffer_done(&f->body);
	scratch_done(&f->scratch);
	free(f);
	return 0;
}

/* A client that speaks plain text into a bridge. */
static void open_raw(struct fixture *f, struct bridge *b, struct raw *raw, const struct manner *m)
{
	bridge_init(b, &f->world, &f->scratch, f->port, m);
	raw_init(raw, &f->world, b->test);
}

static void close_raw(struct bridge *b, struct raw *raw)
{
	raw_done(raw);
	bridge_done(b);
}

static const struct manner usual = { .protocol = "http/1.1" };

static void expect_hello(struct fixture *f, const struct manner *m)
{
	struct bridge b;
	struct raw raw;

	open_raw(f, &b, &raw, m);
	raw_send(&raw, "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	raw_expect(&raw, "hello\n");
	raw_expect_end(&raw);
	assert_false(b.broken); /* the end was told */
	close_raw(&b, &raw);
}

static unsigned failures(const struct fixture *f)
{
	unsigned sum = 0;

	for (int i = TLS_NONE + 1; i < TLS_FAULTS; i++)
		sum += f->ends[i];
	return sum;
}

/* Nothing of HTTP is answered, and the reason is counted. In TLS 1.3 a client is done before it hears that. */
static void expect_refused(struct fixture *f, const struct manner *m, enum tls_fault fault)
{
	unsigned before = f->ends[fault], all = failures(f);
	struct bridge b;
	struct raw raw;

	open_raw(f, &b, &raw, m);
	raw_send(&raw, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_expect_end(&raw);
	assert_int_equal(raw.in.size, 0);
	while (failures(f) == all)
		turn(&f->world);
	if (f->ends[fault] != before + 1)
		fail_msg("expected %s: %s", tls_faults[fault], f->why);
	assert_int_equal(failures(f), all + 1);
	close_raw(&b, &raw);
}

/* Who is let in. */

static void what_is_offered_is_agreed_on(void **state)
{
	static const char *const fine_ones[] = {
		"NORMAL:-VERS-ALL:+VERS-TLS1.3",
		"NORMAL:-VERS-ALL:+VERS-TLS1.2",
		"NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-GCM",
		"NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-256-GCM",
		"NORMAL:-CIPHER-ALL:+CHACHA20-POLY1305",
		"NORMAL:-GROUP-ALL:+GROUP-SECP384R1",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT_OF(fine_ones); i++)
		expect_hello(f, &(struct manner){ .priority = fine_ones[i], .protocol = "http/1.1" });
	expect_hello(f, &(struct manner){ .protocol = NULL });
	assert_int_equal(f->ends[TLS_NONE], COUNT_OF(fine_ones) + 1);
	assert_int_equal(failures(f), 0);
}

static void what_is_weak_is_refused(void **state)
{
	static const char *const weak[] = {
		"NORMAL:-VERS-ALL:+VERS-TLS1.1",
		"NORMAL:-VERS-ALL:+VERS-TLS1.0",
		"NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA",
		"NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+DHE-RSA",
		"NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CBC",
		"NORMAL:-VERS-ALL:+VERS-TLS1.2:-SIGN-ALL:+SIGN-ECDSA-SHA1:+SIGN-RSA-SHA1",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT_OF(weak); i++)
		expect_refused(f, &(struct manner){ .priority = weak[i] }, TLS_PROTOCOL);
	expect_refused(f, &(struct manner){ .protocol = "h2" }, TLS_PROTOCOL);
	expect_hello(f, &usual);
}

static void the_floor_may_be_higher(void **state)
{
	struct fixture *f = *state;

	serve(f, (struct tls_options){ .only_13 = true });
	expect_refused(f, &(struct manner){ .priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2" }, TLS_PROTOCOL);
	expect_hello(f, &usual);
}

/* The table of clients, with either version of TLS. */
static void only_who_may_is_let_in(void **state)
{
	static const char *const versions[] = { "NORMAL:-VERS-ALL:+VERS-TLS1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.3" };
	static const struct {
		const char *name;
		struct says says;
		bool theirs, fine;
	} rows[] = {
		{ "dns", { .dns = "shop.test" }, false, true },
		{ "upper", { .dns = "SHOP.test" }, false, true },
		{ "uri", { .uri = "spiffe://test/shop" }, false, true },
		{ "cn", { .common_name = "shop.test" }, false, true },
		{ "other", { .dns = "shop.test.evil" }, false, false },
		{ "star", { .dns = "*.test" }, false, false },
		{ "case", { .uri = "spiffe://test/SHOP" }, false, false },
		{ "over", { .dns = "shop.test", .over = true }, false, false },
		{ "strange", { .dns = "shop.test" }, true, false },
		{ "serves", { .dns = "shop.test", .server = true }, false, false },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < 2 * COUNT_OF(rows); i++) {
		const struct authority *a = rows[i / 2].theirs ? &f->theirs : &f->ours;
		struct manner m = { .priority = versions[i % 2], .cert = rows[i / 2].name };
		authority_sign(a, &f->scratch, rows[i / 2].name, &rows[i / 2].says);
		if (rows[i / 2].fine)
			expect_hello(f, &m);
		else
			expect_refused(f, &m, TLS_CLIENT);
	}
	expect_refused(f, &(struct manner){ .priority = versions[0] }, TLS_CLIENT);
	expect_refused(f, &(struct manner){ .priority = versions[1] }, TLS_CLIENT);
}

static void plain_text_is_told_so(void **state)
{
	struct fixture *f = *state;
	struct raw raw;

	raw_connect(&raw, &f->world, f->port);
	raw_send(&raw, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_expect_end(&raw);
	assert_true(raw_has(&raw, "HTTP/1.1 400 ") && raw_has(&raw, "\r\n\r\nthis port speaks TLS: use https\n"));
	assert_int_equal(f->ends[TLS_PLAIN], 1);
	raw_done(&raw);
}

/* A hello that was recorded, and then every kind of damage to it: one connection each, and no other one. */
static void garbage_costs_its_own_connection(void **state)
{
	static const char hello_head[] = { 22, 3, 1, 1, 0, 1, 0, 0, (char)0xfc, 3, 3 };
	struct fixture *f = *state;
	char bytes[600];
	unsigned before;

	for (int i = 0; i < 300; i++) {
		struct raw raw;
		unsigned seed = 1103515245u * (unsigned)(i + 1);
		size_t size = 1 + seed / 65536 % sizeof bytes;
		for (size_t k = 0; k < size; k++) {
			seed = seed * 1103515245u + 12345u;
			bytes[k] = (char)(seed >> 16);
		}
		if (i % 3)
			memcpy(bytes, hello_head, smaller(size, sizeof hello_head - (size_t)(i % 5)));
		before = failures(f);
		raw_connect(&raw, &f->world, f->port);
		raw_send_bytes(&raw, bytes, size);
		shutdown(raw.fd, SHUT_WR);
		raw_expect_end(&raw);
		while (failures(f) == before)
			turn(&f->world);
		assert_int_equal(failures(f), before + 1);
		raw_done(&raw);
	}
	assert_int_equal(f->ends[TLS_NONE], 0);
	expect_hello(f, &usual);
}

/* Who takes seats. */

static void who_is_silent_gives_up_its_seat(void **state)
{
	struct fixture *f = *state;
	struct raw raws[2 * SEATS];

	for (int i = 0; i < 2 * SEATS; i++) {
		raw_connect(&raws[i], &f->world, f->port);
		raw_send_bytes(&raws[i], "\x16\x03\x01", i % 2 ? 3 : 0);
	}
	turns(&f->world, 20);
	assert_true(http_server_totals(f->server).connections <= SEATS);
	expect_hello(f, &usual);
	raw_receive(&raws[0]);
	assert_true(raws[0].ended); /* the oldest went first */
	raw_receive(&raws[2 * SEATS - 1]);
	assert_false(raws[2 * SEATS - 1].ended);
	for (int i = 0; i < 2 * SEATS; i++)
		raw_done(&raws[i]);
}

/* Half of the seats are silent handshakes, and the other half younger connections, of which none gives way. */
static void the_oldest_handshake_goes_before_younger_connections(void **state)
{
	enum { HALF = SEATS / 2 };
	struct fixture *f = *state;
	struct raw silent[HALF], kept[HALF];
	struct bridge bridges[HALF];

	for (int i = 0; i < HALF; i++) {
		raw_connect(&silent[i], &f->world, f->port);
		while (http_server_totals(f->server).connections <= (size_t)i)
			turn(&f->world);
		f->world.ahead += 1000000;
	}
	for (int i = 0; i < HALF; i++) {
		open_raw(f, &bridges[i], &kept[i], &usual);
		raw_send(&kept[i], "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
		raw_expect(&kept[i], "hello\n");
	}
	raw_receive(&silent[0]);
	assert_true(silent[0].ended); /* handshakes have half of the seats */
	raw_done(&silent[0]);
	raw_connect(&silent[0], &f->world, f->port);
	while (http_server_totals(f->server).connections < SEATS)
		turn(&f->world);
	expect_hello(f, &usual);
	for (int i = 0; i < HALF; i++) {
		raw_receive(&kept[i]);
		assert_false(kept[i].ended);
		raw_done(&silent[i]);
		close_raw(&bridges[i], &kept[i]);
	}
}

static void who_takes_too_long_is_let_go(void **state)
{
	struct fixture *f = *state;
	struct raw raw;

	raw_connect(&raw, &f->world, f->port);
	raw_send_bytes(&raw, "\x16\x03\x01\x01", 4);
	while (http_server_totals(f->server).connections == 0)
		turn(&f->world);
	f->world.ahead += (int64_t)GREET_MS * 1000000 + 1000000000;
	raw_expect_end(&raw);
	assert_int_equal(f->ends[TLS_LATE], 1);
	raw_done(&raw);
}

static void a_server_may_end_in_the_middle_of_a_handshake(void **state)
{
	struct fixture *f = *state;
	struct raw raws[3];

	for (int i = 0; i < 3; i++)
		raw_connect(&raws[i], &f->world, f->port);
	turns(&f->world, 3);
	http_server_free(f->server);
	f->server = NULL;
	for (int i = 0; i < 3; i++)
		raw_done(&raws[i]);
}

/* Certificates that are replaced. */

static bool shows(struct fixture *f, const char *name)
{
	struct bridge b;
	char shown[256];
	size_t size = sizeof shown;
	unsigned count;
	gnutls_x509_crt_t crt;

	bridge_init(&b, &f->world, &f->scratch, f->port, &usual);
	assert_true(bridge_greets(&b));
	fine(gnutls_x509_crt_init(&crt));
	fine(gnutls_x509_crt_import(crt, gnutls_certificate_get_peers(b.session, &count), GNUTLS_X509_FMT_DER));
	fine(gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, shown, &size));
	gnutls_x509_crt_deinit(crt);
	close(b.test);
	bridge_done(&b);
	return strcmp(shown, name) == 0;
}

static void replace(struct fixture *f, const char *from, const char *to)
{
	assert_int_equal(renameat(f->scratch.fd, from, f->scratch.fd, to), 0);
}

/* The next handshake shows what the files have: no time passes, and whoever is connected goes on. */
static void a_new_pair_is_shown_at_once(void **state)
{
	const struct says second = { .common_name = "second", .server = true };
	struct fixture *f = *state;
	struct bridge b;
	struct raw raw;

	open_raw(f, &b, &raw, &usual);
	assert_true(bridge_greets(&b));
	assert_true(shows(f, "server"));
	authority_sign(&f->ours, &f->scratch, "next", &second);
	replace(f, "next.pem", "server.pem");
	assert_true(shows(f, "server")); /* its key has not come */
	assert_non_null(tls_keys_wrong(f->keys));
	assert_true(shows(f, "server"));
	assert_int_equal(f->told, 1);
	replace(f, "next.key", "server.key");
	assert_true(shows(f, "second"));
	assert_null(tls_keys_wrong(f->keys));
	assert_int_equal(f->told, 2);
	raw_send(&raw, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_expect(&raw, "hello\n");
	close_raw(&b, &raw);
}

static void files_that_are_gone_or_garbage_change_nothing(void **state)
{
	struct fixture *f = *state;
	gnutls_datum_t garbage = { (unsigned char *)"garbage", 7 };

	write_pem(&f->scratch, "server.pem", &garbage);
	assert_true(shows(f, "server"));
	assert_int_equal(unlinkat(f->scratch.fd, "server.key", 0), 0);
	assert_true(shows(f, "server"));
	assert_true(strstr(tls_keys_wrong(f->keys), "server."));
	assert_int_equal(mkfifoat(f->scratch.fd, "server.key", 0600), 0); /* whom reading would hold up for ever */
	assert_true(shows(f, "server"));
}

static void a_link_of_kubernetes_is_followed(void **state)
{
	const struct says first = { .common_name = "first", .server = true };
	const struct says second = { .common_name = "second", .server = true };
	struct fixture *f = *state;

	assert_int_equal(mkdirat(f->scratch.fd, "a", 0700), 0);
	assert_int_equal(mkdirat(f->scratch.fd, "b", 0700), 0);
	authority_sign(&f->ours, &f->scratch, "x", &first);
	replace(f, "x.pem", "a/x.pem");
	replace(f, "x.key", "a/x.key");
	authority_sign(&f->ours, &f->scratch, "x", &second);
	replace(f, "x.pem", "b/x.pem");
	replace(f, "x.key", "b/x.key");
	assert_int_equal(symlinkat("a", f->scratch.fd, "..data"), 0);
	path_of(f, "..data/x.pem", f->cert);
	path_of(f, "..data/x.key", f->key);
	serve(f, (struct tls_options){ .cert = NULL });
	assert_true(shows(f, "first"));
	assert_int_equal(symlinkat("b", f->scratch.fd, "..data_tmp"), 0);
	replace(f, "..data_tmp", "..data");
	assert_true(shows(f, "second"));
}

static void what_cannot_be_read_at_the_start_is_named(void **state)
{
	struct fixture *f = *state;
	struct tls_options files = { .client_ca = f->key };

	assert_int_equal(new_keys(f, files), -EINVAL); /* no certificate is in it */
	path_of(f, "ca.pem", f->cert);
	assert_int_equal(new_keys(f, (struct tls_options){ .cert = NULL }), -EINVAL); /* another's key */
	path_of(f, "none.pem", f->cert);
	assert_int_equal(new_keys(f, (struct tls_options){ .cert = NULL }), -EINVAL);
	assert_int_equal(f->told, 3);
}

/* What goes over it. */

static void a_body_comes_back_byte_by_byte(void **state)
{
	enum { SIZE = 1 << 20 };
	struct fixture *f = *state;
	struct bridge b;
	struct raw raw;
	char *body = malloc(SIZE), head[128];

	assert_non_null(body);
	for (size_t i = 0; i < SIZE; i++)
		body[i] = (char)('a' + (i ^ (i >> 7)) % 26);
	open_raw(f, &b, &raw, &usual);
	for (int i = 0; i < 2; i++) {
		snprintf(head, sizeof head, "POST /take HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", SIZE - i);
		raw_clear(&raw);
		raw_send(&raw, head);
		raw_send_bytes(&raw, body, SIZE - (size_t)i);
		while (!raw.ended && raw.in.size < SIZE - (size_t)i)
			raw_turn(&raw);
		while (!raw.ended && !memmem(raw.in.data, raw.in.size, body, SIZE - (size_t)i))
			raw_turn(&raw);
		assert_false(raw.ended);
	}
	close_raw(&b, &raw);
	free(body);
}

static void requests_of_one_record_are_all_answered(void **state)
{
	static const char one[] = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
	enum { MANY = 200 };
	struct fixture *f = *state;
	char text[MANY * sizeof one];
	struct bridge b;
	struct raw raw;
	size_t size = 0;

	for (int i = 0; i < MANY; i++, size += sizeof one - 1)
		memcpy(text + size, one, sizeof one - 1);
	open_raw(f, &b, &raw, &usual);
	raw_send_bytes(&raw, text, size);
	for (size_t answers = 0; answers < MANY;) {
		const char *p = raw.in.data;
		raw_turn(&raw);
		assert_false(raw.ended);
		p = raw.in.data;
		for (answers = 0; p && (p = memmem(p, (size_t)(raw.in.data + raw.in.size - p), "\nhello\n", 7)); p++)
			answers++;
	}
	close_raw(&b, &raw);
}

/* The end of a body and the next request come in one record. No watch tells of the latter when the answer is out. */
static void what_stands_behind_a_body_in_its_record_is_read(void **state)
{
	struct fixture *f = *state;
	struct bridge b;
	struct raw raw;

	open_raw(f, &b, &raw, &usual);
	raw_send(&raw, "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
	while (f->body.size < 3)
		turn(&f->world);
	raw_send(&raw, "defghijGET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	while (!f->waiting)
		turn(&f->world);
	turns(&f->world, 20);
	http_respond_text(f->waiting, 200, "text/plain", "later\n");
	raw_expect(&raw, "\r\n\r\nlater\n");
	raw_expect(&raw, "\r\n\r\nhello\n");
	close_raw(&b, &raw);
}

/* Each record is work, however little is in it: others get their turn between a few of them. */
static void tiny_records_let_others_by(void **state)
{
	enum { RECORDS = 4000, FEW = 64 };
	struct fixture *f = *state;
	size_t before = 0, most = 0;
	struct bridge b;
	struct raw raw;

	open_raw(f, &b, &raw, &usual);
	raw_send(&raw, "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 4001\r\n\r\na");
	while (f->body.size < 1)
		turn(&f->world);
	for (int i = 0; i < RECORDS; i++)
		assert_int_equal(gnutls_record_send(b.session, "b", 1), 1);
	while (f->body.size < RECORDS + 1) {
		before = f->body.size;
		turn(&f->world);
		if (f->body.size - before > most)
			most = f->body.size - before;
	}
	assert_true(most <= FEW);
	while (!f->waiting)
		turn(&f->world);
	http_respond_text(f->waiting, 200, "text/plain", "later\n");
	raw_expect(&raw, "\r\n\r\nlater\n");
	close_raw(&b, &raw);
}

static void a_large_answer_waits_for_its_reader(void **state)
{
	struct fixture *f = *state;
	struct bridge b;
	struct raw raw;
	size_t at;

	open_raw(f, &b, &raw, &usual);
	raw_send(&raw, "GET /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	turns(&f->world, 50); /* it is stuck: nobody reads */
	raw_expect_end(&raw);
	assert_false(b.broken);
	at = (size_t)((char *)memmem(raw.in.data, raw.in.size, "\r\n\r\n", 4) - raw.in.data) + 4;
	assert_int_equal(raw.in.size - at, BIG);
	for (size_t i = 0; i < BIG; i++)
		if (raw.in.data[at + i] != (char)('a' + i % 23))
			fail_msg("byte %zu", i);
	close_raw(&b, &raw);
}

/* As unit.http.hostile, over TLS. */

static void check_row(struct fixture *f, const struct hostile_row *row, struct bytes bytes, size_t piece)
{
	struct bridge b;
	struct raw raw;

	open_raw(f, &b, &raw, &usual);
	for (size_t at = 0; at < bytes.size && !raw.ended; at += piece) {
		raw_send_bytes(&raw, bytes.data + at, piece < bytes.size - at ? piece : bytes.size - at);
		raw_receive(&raw);
	}
	raw_expect_end(&raw);
	if (raw.in.size < 12 || strtoul(raw.in.data + 9, NULL, 10) != row->status ||
		!raw_has(&raw, "onnection: close\r\n"))
		fail_msg("%s, in pieces of %zu: %.*s", row->name, piece, (int)raw.in.size, raw.in.data);
	close_raw(&b, &raw);
}

static void every_malformed_request_is_refused(void **state)
{
	static const struct hostile_targets targets = { "/hello", "/take" };
	struct fixture *f = *state;
	FILE *file = fopen(unit_file("hostile/requests.txt"), "r");
	struct hostile_row row;
	struct buffer bytes;
	unsigned rows = 0;

	assert_non_null(file);
	buffer_init(&bytes, HOSTILE_MAX);
	while (hostile_next(file, &row)) {
		if (row.kind == 'o')
			continue;
		buffer_clear(&bytes);
		hostile_bytes(&row, &targets, &bytes);
		check_row(f, &row, buffer_bytes(&bytes), bytes.size);
		check_row(f, &row, buffer_bytes(&bytes), bytes.size < 1000 ? 7 : 1000);
		rows++;
	}
	assert_true(rows > 70);
	buffer_done(&bytes);
	fclose(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_offered_is_agreed_on, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_weak_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(the_floor_may_be_higher, setup_bare, teardown),
		cmocka_unit_test_setup_teardown(only_who_may_is_let_in, setup_for_clients, teardown),
		cmocka_unit_test_setup_teardown(plain_text_is_told_so, setup, teardown),
		cmocka_unit_test_setup_teardown(garbage_costs_its_own_connection, setup, teardown),
		cmocka_unit_test_setup_teardown(who_is_silent_gives_up_its_seat, setup, teardown),
		cmocka_unit_test_setup_teardown(the_oldest_handshake_goes_before_younger_connections, setup, teardown),
		cmocka_unit_test_setup_teardown(who_takes_too_long_is_let_go, setup, teardown),
		cmocka_unit_test_setup_teardown(a_server_may_end_in_the_middle_of_a_handshake, setup, teardown),
		cmocka_unit_test_setup_teardown(a_new_pair_is_shown_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(files_that_are_gone_or_garbage_change_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_link_of_kubernetes_is_followed, setup_bare, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_read_at_the_start_is_named, setup_bare, teardown),
		cmocka_unit_test_setup_teardown(a_body_comes_back_byte_by_byte, setup, teardown),
		cmocka_unit_test_setup_teardown(requests_of_one_record_are_all_answered, setup, teardown),
		cmocka_unit_test_setup_teardown(what_stands_behind_a_body_in_its_record_is_read, setup, teardown),
		cmocka_unit_test_setup_teardown(tiny_records_let_others_by, setup, teardown),
		cmocka_unit_test_setup_teardown(a_large_answer_waits_for_its_reader, setup, teardown),
		cmocka_unit_test_setup_teardown(every_malformed_request_is_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
