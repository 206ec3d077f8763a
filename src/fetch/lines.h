/* Header lines of requests as libcurl takes them, made once for all requests that
   have the same. */
#pragma once

#include "header_fields.h"

typedef struct Line {
  struct curl_slist node;
  size_t name_size, size; /* its name's bytes, and all of its bytes */
  bool leads, follows;    /* one that leads has one that follows in its node */
} Line;

/* A list for libcurl in one piece of memory, which Lua collects: handles keep it
   among their values. The lines of default fields come first, then those of the
   request's own fields, and then what multisock adds. */
typedef struct Lines {
  const char *type; /* lines_type: see compat_checkmarked */
  const void *self; /* see Owner in owner.h; it is memory alone */
  bool expects, upgrades, closes;
  int count;
  int own, own_count; /* where those stand that lines_push_over has added */
  Line list[];
} Lines;

extern const char lines_type[];

/* Raises when the value at the index is no core.Lines of this state. */
const Lines *lines_check(lua_State *L, int idx);

/* Pushes the lines of `base` with those of these fields, whose values are not blank:
   they take the place of what has the same name. False: they say something that
   other lines depend on, and nothing is pushed. */
bool lines_push_over(lua_State *L, const Lines *base, const Field *list,
                     int count);

void lines_open(lua_State *L);
