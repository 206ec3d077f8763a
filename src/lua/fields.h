/* Tables that C makes and reads. */
#pragma once

#include "compat.h"

/* ---- Fields of the table on top of the stack ---- */

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

static inline void field_boolean(lua_State *L, const char *name, bool value)
{
  lua_pushboolean(L, value);
  lua_setfield(L, -2, name);
}

/* ---- Whole ones ---- */

/* Pushes a table that does not keep its keys ("k") or values ("v") alive. */
static inline void push_weak_table(lua_State *L, const char *mode)
{
  lua_newtable(L);
  lua_newtable(L);
  field_string(L, "__mode", mode);
  lua_setmetatable(L, -2);
}

/* A name, a list of names, or nothing, which is `fallback`. Returns a bit for
   each, by its place in `names`. */
static inline unsigned int check_bits(lua_State *L, int idx,
                                      const char *fallback,
                                      const char *const names[])
{
  unsigned int bits = 0;
  lua_Integer i, count;
  if (!lua_istable(L, idx))
    return 1u << luaL_checkoption(L, idx, fallback, names);
  count = (lua_Integer)lua_rawlen(L, idx);
  for (i = 1; i <= count; i++) {
    lua_rawgeti(L, idx, i);
    bits |= 1u << luaL_checkoption(L, -1, NULL, names);
    lua_pop(L, 1);
  }
  return bits;
}
