/* What a host written in C calls, beside opening the library: multisock.h. Each
   calls a function of the Lua layer under lua_pcall, and raises nothing. */
#include "multisock.h"
#include "compat.h"

/* Calls a function of a module: (module, name, arguments). */
static int call(lua_State *L)
{
  int count = lua_gettop(L);
  lua_getglobal(L, "require");
  lua_pushvalue(L, 1);
  lua_call(L, 1, 1);
  lua_pushvalue(L, 2);
  lua_gettable(L, -2);
  lua_replace(L, 2);
  lua_settop(L, count);
  lua_call(L, count - 2, 1);
  return 1;
}

/* Pushes what is called, before its arguments. */
static bool push_call(lua_State *L, const char *module, const char *name)
{
  if (!lua_checkstack(L, LUA_MINSTACK))
    return false;
  lua_pushcfunction(L, call);
  lua_pushstring(L, module);
  lua_pushstring(L, name);
  return true;
}

EXPORT int multisock_use_loop(lua_State *L, uv_loop_t *loop)
{
  if (!push_call(L, "multisock.loop", "adopt"))
    return LUA_ERRMEM;
  lua_pushlightuserdata(L, loop);
  return lua_pcall(L, 3, 0, 0);
}

EXPORT int multisock_step(lua_State *L, double timeout)
{
  if (!push_call(L, "multisock", "step"))
    return LUA_ERRMEM;
  lua_pushnumber(L, timeout);
  return lua_pcall(L, 3, 0, 0);
}

/* The number that a function of multisock's gives; `none` for nil, `failed` when
   there was an error: the next step has it, too. */
static double get_number(lua_State *L, const char *name, double none,
                         double failed)
{
  double number = failed;
  if (!push_call(L, "multisock", name))
    return failed;
  if (lua_pcall(L, 2, 1, 0) == 0)
    number = lua_isnil(L, -1) ? none : lua_tonumber(L, -1);
  lua_pop(L, 1);
  return number;
}

EXPORT int multisock_fd(lua_State *L)
{
  return (int)get_number(L, "fd", -1, -1);
}

EXPORT double multisock_next_timeout(lua_State *L)
{
  return get_number(L, "next_timeout", -1, 0);
}
