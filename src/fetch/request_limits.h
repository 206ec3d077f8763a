/* What a request may take at most, in time and in bytes: a part of its message. */
#pragma once

#include "multi.h"

typedef struct Limits {
  const char *type;                          /* see compat_checkmarked */
  uint64_t total_ms, first_byte_ms, idle_ms; /* 0: none */
  long connect_ms;
  size_t high_water, max_headers;
  curl_off_t max_body; /* 0: none */
} Limits;

/* So many seconds, and more, are no limit. */
#define LIMITS_FOR_EVER 1e9

/* Seconds in ms, 1 at least; 0: no limit. */
uint64_t limits_ms(lua_Number seconds);

/* Raises unless it is one. */
const Limits *limits_check(lua_State *L, int idx);

/* Sets those on a handle. */
CURLcode limits_set(Easy *easy, const Limits *limits);

void limits_open(lua_State *L);
