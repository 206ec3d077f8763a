/* The error that a callback of a transfer has raised: kept until the call that
   drives the transfer returns, and shown there. */
#include "easy.h"
#include "error.h"

/* Slots of the value table: a callback's error waits in the one, the other
   tells where the last one came from. */
#define ERROR_SLOT "error"
#define TRACEBACK_SLOT "traceback"

/* Values of the easy, the error: runs under pcall, as it may allocate. */
static int keep_in_values(lua_State *L)
{
  lua_setfield(L, 1, ERROR_SLOT);
  error_push_traceback(L);
  lua_setfield(L, 1, TRACEBACK_SLOT);
  return 0;
}

void easy_keep_error(lua_State *L, Easy *easy)
{
  easy->failed_in_lua = true;
  easy_push_values(L, easy);
  if (lua_istable(L, -1)) {
    lua_pushcfunction(L, keep_in_values);
    lua_insert(L, -2);
    lua_pushvalue(L, -3);
    if (lua_pcall(L, 2, 0, 0) == LUA_OK)
      lua_pushnil(L); /* in place of the message */
  }
  lua_pop(L, 2);
}

void easy_show_error(lua_State *L, Easy *easy, CURLcode code)
{
  if (!easy->failed_in_lua) {
    error_push_easy(L, easy, code);
    return;
  }
  easy_push_values(L, easy);
  lua_getfield(L, -1, ERROR_SLOT);
  lua_remove(L, -2);
}

void easy_drop_error(lua_State *L, Easy *easy)
{
  if (!easy->failed_in_lua)
    return;
  easy->failed_in_lua = false;
  easy_push_values(L, easy);
  lua_pushnil(L);
  lua_setfield(L, -2, ERROR_SLOT);
  lua_pop(L, 1);
}

void easy_push_error(lua_State *L, Easy *easy, CURLcode code)
{
  easy_show_error(L, easy, code);
  easy_drop_error(L, easy);
}

/*** Where the callback that raised last did so.
@return string, a traceback; nil when none has raised */
int easy_traceback(lua_State *L)
{
  (void)easy_check(L, 1);
  compat_getuservalue(L, 1);
  lua_getfield(L, -1, TRACEBACK_SLOT);
  return 1;
}
