/* What the hosts of the specs and examples use and Lua 5.1 lacks: included
   before them there, see spec/support/embedding.lua. */
#include <lauxlib.h>

#if LUA_VERSION_NUM < 502
#ifndef LUA_OK
#define LUA_OK 0
#endif
#define lua_rawlen lua_objlen
#define luaL_requiref(L, name, open, global)                                  \
  (lua_pushcfunction(L, open), lua_pushstring(L, name), lua_call(L, 1, 1))
/* The index is counted from the bottom of the stack, or is -1. */
#define luaL_tolstring(L, idx, size)                                          \
  (lua_getglobal(L, "tostring"), lua_pushvalue(L, (idx) < 0 ? -2 : (idx)),    \
   lua_call(L, 1, 1), lua_tolstring(L, -1, size))
#endif
