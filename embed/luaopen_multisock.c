/* require "multisock" without files: the Lua layer is in this object. Part of
   libmultisock, and of the module that is one file. */
#include "compat.h"
#include "multisock.h"

typedef struct LuaFile {
  const char *module;
  const char *chunk;
  const unsigned char *bytes;
  size_t size;
} LuaFile;

#include "lua_files.h"

#define FILES (sizeof lua_files / sizeof *lua_files)

/* Runs the file at upvalue 1 as require would. */
static int load_file(lua_State *L)
{
  const LuaFile *file = lua_touserdata(L, lua_upvalueindex(1));
  lua_settop(L, 1);
  if (luaL_loadbuffer(L, (const char *)file->bytes, file->size, file->chunk) !=
      0)
    return lua_error(L);
  lua_pushvalue(L, 1);
  lua_pushstring(L, file->chunk + 1);
  lua_call(L, 2, 1);
  return 1;
}

/* Pushes package.loaded and package.preload. */
static void push_tables(lua_State *L)
{
  lua_getfield(L, LUA_REGISTRYINDEX, "_LOADED");
  if (lua_istable(L, -1))
    lua_getfield(L, -1, "package");
  if (!lua_istable(L, -1) || lua_gettop(L) < 2)
    luaL_error(L, "multisock needs require: open the standard libraries "
                  "(luaL_openlibs) before it");
  lua_getfield(L, -1, "preload");
  lua_remove(L, -2);
}

/* Registers every file; returns with that of "multisock" on top. */
static void preload(lua_State *L, int table)
{
  size_t i, main = 0;
  lua_pushcfunction(L, luaopen_multisock_core);
  lua_setfield(L, table, "multisock.core");
  for (i = 0; i < FILES; i++) {
    lua_pushlightuserdata(L, (void *)&lua_files[i]);
    lua_pushcclosure(L, load_file, 1);
    lua_setfield(L, table, lua_files[i].module);
    if (lua_files[i].module[sizeof "multisock" - 1] == '\0')
      main = i;
  }
  lua_getfield(L, table, lua_files[main].module);
}

/*** For luaL_requiref, package.preload or a plain call. What the program has
loaded already stays.
@return the module multisock */
EXPORT int luaopen_multisock(lua_State *L)
{
  lua_settop(L, 0);
  push_tables(L);
  lua_getfield(L, 1, "multisock");
  if (lua_istable(L, 3))
    return 1;
  lua_pop(L, 1);
  preload(L, 2);
  lua_pushstring(L, "multisock");
  lua_call(L, 1, 1);
  lua_pushvalue(L, -1);
  lua_setfield(L, 1, "multisock");
  return 1;
}
