/* A Lua module: the uv_loop_t * of luv, which has to be loaded. */
#include <lauxlib.h>
#include <lua.h>

int luaopen_luv_pointer(lua_State *L);
int luaopen_luv_pointer(lua_State *L)
{
  void **context;
  lua_getfield(L, LUA_REGISTRYINDEX, "luv_context");
  context = lua_touserdata(L, -1);
  lua_pushlightuserdata(L, context[0]);
  return 1;
}
