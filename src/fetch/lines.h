/* Header lines of requests as libcurl takes them, made once for all requests that
   have the same. */
#ifndef MULTISOCK_LINES_H
#define MULTISOCK_LINES_H

#include "compat.h"

#pragma GCC visibility push(hidden)

/* A list for libcurl in one piece of memory, which Lua collects: handles keep it
   among their values. */
typedef struct Lines {
  const char *type; /* lines_type: see compat_checkmarked */
  const void *self; /* see Owner in owner.h; it is memory alone */
  bool expects, upgrades, closes;
  int count;
  struct curl_slist nodes[];
} Lines;

extern const char lines_type[];

void lines_open(lua_State *L);

#pragma GCC visibility pop

#endif
