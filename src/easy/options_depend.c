/* stream_depends and stream_depends_e: a stream of HTTP/2 that comes after
   another handle's. libcurl keeps pointers in both directions and undoes them
   when a handle is cleaned up, but not when it is reset or duplicated: so both
   handles are marked, and the values know who depends on whom. */
#include "fields.h"
#include "options_private.h"

/* Field of the values of one that others depend on: {[userdata] = true},
   with weak keys. */
#define DEPENDANTS "dependants"

static void push_dependants(lua_State *L, int values)
{
  lua_getfield(L, values, DEPENDANTS);
  if (lua_istable(L, -1))
    return;
  lua_pop(L, 1);
  push_weak_table(L, "k");
  lua_pushvalue(L, -1);
  lua_setfield(L, values, DEPENDANTS);
}

/* What libcurl makes of exclusive: all others, from the table at `from`, come
   after the new one at `self`. */
static void move_dependants(lua_State *L, int from, int to, int self)
{
  lua_pushnil(L);
  while (lua_next(L, from) != 0) {
    Easy **box = lua_touserdata(L, -2);
    int other = lua_gettop(L) - 1;
    if (*box != NULL && !lua_rawequal(L, other, self)) {
      options_anchor(L, other, CURLOPT_STREAM_DEPENDS, self);
      lua_pushvalue(L, other);
      lua_pushboolean(L, 1);
      lua_rawset(L, to);
    }
    lua_pop(L, 1);
  }
}

/* Raises when the handle at `value` depends, at last, on `self`. */
static void check_cycle(lua_State *L, int self, const char *name, int value)
{
  lua_pushvalue(L, value);
  while (lua_isuserdata(L, -1)) {
    if (lua_rawequal(L, -1, self))
      luaL_error(L, "option '%s': the handle would depend on itself", name);
    compat_getuservalue(L, -1);
    lua_rawgeti(L, -1, CURLOPT_STREAM_DEPENDS);
    lua_replace(L, -3);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

CURLcode options_set_depends(lua_State *L, Easy *easy, int self, CURLoption id,
                             const char *name, int value)
{
  Easy *parent = easy_check(L, value);
  int top = lua_gettop(L);
  CURLcode code;
  check_cycle(L, self, name, value);
  compat_getuservalue(L, value);
  push_dependants(L, top + 1);
  if (id == CURLOPT_STREAM_DEPENDS_E) {
    compat_getuservalue(L, self);
    push_dependants(L, top + 3);
    move_dependants(L, top + 2, top + 4, self);
  }
  lua_pushvalue(L, self);
  lua_pushboolean(L, 1);
  lua_rawset(L, top + 2);
  options_anchor(L, self, CURLOPT_STREAM_DEPENDS, value);
  lua_settop(L, top);
  code = curl_easy_setopt(easy->handle, id, parent->handle);
  easy->related = parent->related = true;
  return code;
}

CURLcode options_unset_depends(lua_State *L, Easy *easy, int self)
{
  CURLcode code = curl_easy_setopt(easy->handle, CURLOPT_STREAM_DEPENDS, NULL);
  options_release(L, self, CURLOPT_STREAM_DEPENDS);
  return code;
}

void options_unrelate(lua_State *L, int self)
{
  int top = lua_gettop(L);
  Easy *easy = easy_check(L, self);
  (void)options_unset_depends(L, easy, self);
  compat_getuservalue(L, self);
  push_dependants(L, top + 1);
  lua_pushnil(L);
  while (lua_next(L, top + 2) != 0) {
    Easy **box = lua_touserdata(L, -2);
    if (*box != NULL)
      (void)options_unset_depends(L, *box, lua_gettop(L) - 1);
    lua_pop(L, 1);
  }
  lua_settop(L, top);
}
