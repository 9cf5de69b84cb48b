/*
 * The words in which options are written: sizes, durations, addresses, URLs; from text and back.
 *
 * A reader returns NULL and sets the value, or returns what is wrong, in words that follow the quoted text ("has no
 * unit"), and leaves the value alone. Printed values read back to the same value.
 */
#ifndef OXP_CONFIG_VALUE_H
#define OXP_CONFIG_VALUE_H

#include "base/bytes.h"
#include "base/clock.h"

enum { VALUE_TEXT_SIZE = 32 };

const char *value_bool(const char *text, bool *ret); /* true false yes no on off */
const char *value_count(const char *text, uint64_t *ret);
const char *value_size(const char *text, uint64_t *ret); /* B KiB MiB GiB TiB, or Ki Mi Gi Ti */
const char *value_duration(const char *text, struct duration *ret); /* ms s m h */
/* What a text that the readers above refuse probably means: 64MB, 1.5GiB, 1048576; 10min, 1h30m, 25. It may be shown,
 * but not used. False if it cannot be guessed. */
bool value_size_guess(const char *text, uint64_t *ret);
bool value_duration_guess(const char *text, struct duration *ret);
/* host:port, [v6]:port, :port with a port up to 65535, or unix:/path that fits a socket address. */
const char *value_address(const char *text);
/* The same, to listen on: the host is a numeric address or localhost, because names are not resolved then. */
const char *value_own_address(const char *text);
/* Whether two valid addresses to listen on collide. */
bool value_addresses_meet(const char *, const char *);
/* Whether only this machine (or container, or pod) can connect if we listen on that address. */
bool value_address_is_local(const char *);
/* scheme://host…, or unix:/path; the scheme one of `schemes` unless that is NULL. */
const char *value_url(const char *text, const char *const *schemes);
/* What stands before the first colon, if it can be a scheme; empty otherwise. */
struct bytes value_scheme(const char *text);
bool value_is_one_of(struct bytes word, const char *const *words);

/* With the largest unit that divides it. */
void value_size_print(uint64_t, char to[VALUE_TEXT_SIZE]);
void value_duration_print(struct duration, char to[VALUE_TEXT_SIZE]);

#endif
