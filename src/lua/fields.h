/* Fields of the table on top of the stack. */
#ifndef MULTISOCK_FIELDS_H
#define MULTISOCK_FIELDS_H

#include "compat.h"

/* NULL: the field is nil. */
static inline void field_string(lua_State *L, const char *name,
                                const char *value)
{
  lua_pushstring(L, value);
  lua_setfield(L, -2, name);
}

static inline void field_integer(lua_State *L, const char *name,
                                 lua_Integer value)
{
  lua_pushinteger(L, value);
  lua_setfield(L, -2, name);
}

#endif
