/* Header fields of a request: a list of {name, value} in Lua, or core.Fields, which
   is one piece of memory: what most requests have is a name or two, and is only
   looked at to make header lines of it. */
#pragma once

#include <string.h>
#include <strings.h>

#include "compat.h"

typedef struct Field {
  const char *name, *value;
  size_t name_size, value_size;
} Field;

/* How many the value at the index has; raises when it is neither of both. */
lua_Integer header_count(lua_State *L, int fields);

/* Field `i`, from 1, of such a value, which keeps its strings alive. */
Field header_field(lua_State *L, int fields, lua_Integer i);

/* So many are looked at in C; more, and all that is unusual, in headers.lua. */
#define MOST_FIELDS 16

/* Fills `list` with the fields of the table at `given` in the order of their names,
   and leaves their strings on the stack. Returns how many there are; -1: it is not
   as usual, and has to be looked at closely. None of what is usual frames the body. */
int header_fields_read(lua_State *L, int given, Field *list);

/* Whether this is the name of that field, in upper or lower case. */
static inline bool header_is(const char *name, size_t size, const char *other)
{
  return size == strlen(other) && strncasecmp(name, other, size) == 0;
}

/* core.field_list and core.with_field of core.Fields: see lines.c. */
int header_fields_list(lua_State *L);
int header_fields_with(lua_State *L);

/* Adds core.fields and core.frames to the table on top. */
void header_fields_open(lua_State *L);
