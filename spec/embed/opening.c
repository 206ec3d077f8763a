/* The ways to open the static library. Prints what went wrong, or OK. */
#include <lauxlib.h>
#include <lualib.h>
#include <multisock.h>
#include <stdio.h>
#include <string.h>

static int failed;

static void expect(lua_State *L, const char *what, const char *code)
{
  if (luaL_dostring(L, code) != 0) {
    printf("%s: %s\n", what, lua_tostring(L, -1));
    failed = 1;
  }
}

static const char use[] =
    "local ms = require('multisock')\n"
    "assert(ms.run(function() ms.sleep(0) return 7 end) == 7)\n"
    "assert(require('multisock.core') and require('multisock') == ms)\n"
    "assert(debug.getinfo(ms.run).source == '@multisock/tasks/init.lua')\n";

static lua_State *open_state(void)
{
  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  /* No file of ours can be found. */
  expect(L, "paths", "package.path, package.cpath = '', ''");
  return L;
}

int main(void)
{
  lua_State *L = open_state();
#if LUA_VERSION_NUM >= 502
  luaL_requiref(L, "multisock", luaopen_multisock, 0);
  expect(L, "requiref", use);
  lua_close(L);
  L = open_state();
#endif
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "preload");
  lua_pushcfunction(L, luaopen_multisock);
  lua_setfield(L, -2, "multisock");
  lua_pop(L, 2);
  expect(L, "preload", use);
  lua_close(L);

  L = open_state();
  lua_pushcfunction(L, luaopen_multisock);
  lua_call(L, 0, 1);
  lua_setglobal(L, "first");
  lua_pushcfunction(L, luaopen_multisock);
  lua_call(L, 0, 1);
  lua_setglobal(L, "second");
  expect(L, "call", use);
  expect(L, "twice",
         "assert(first == second and first == require('multisock'))");
  lua_close(L);

  L = luaL_newstate();
  lua_pushcfunction(L, luaopen_multisock);
  if (lua_pcall(L, 0, 1, 0) == 0 ||
      strstr(lua_tostring(L, -1), "luaL_openlibs") == NULL) {
    printf("without libraries: %s\n", lua_tostring(L, -1));
    failed = 1;
  }
  lua_close(L);
  if (!failed)
    printf("OK\n");
  return failed;
}
