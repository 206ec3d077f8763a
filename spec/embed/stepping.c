/* A host that owns its time: multisock_step, multisock_fd and
   multisock_next_timeout. Prints what went wrong, or OK. */
#include <lauxlib.h>
#include <lualib.h>
#include <multisock.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

static int failed;

static void expect(int truth, const char *what)
{
  if (!truth) {
    printf("%s\n", what);
    failed = 1;
  }
}

static void run(lua_State *L, const char *code)
{
  if (luaL_dostring(L, code) != 0) {
    printf("%s\n", lua_tostring(L, -1));
    failed = 1;
  }
  lua_settop(L, 0);
}

static int is_true(lua_State *L, const char *name)
{
  int truth;
  lua_getglobal(L, name);
  truth = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return truth;
}

/* inside(): what the functions do in a task, and below a lua_pcall. */
static int inside(lua_State *L)
{
  int top = lua_gettop(L);
  expect(multisock_fd(L) >= 0, "inside: no descriptor");
  expect(multisock_next_timeout(L) != 0, "inside: something is ready");
  expect(lua_gettop(L) == top, "inside: something was left on the stack");
  expect(multisock_step(L, 0) == LUA_ERRRUN, "inside: it was stepped");
  expect(strstr(lua_tostring(L, -1), "the loop is running") != NULL,
         lua_tostring(L, -1));
  return 0;
}

/* As docs/embedding.md has it. */
static int wait_and_step(lua_State *L)
{
  struct pollfd news = { multisock_fd(L), POLLIN, 0 };
  double seconds = multisock_next_timeout(L);
  poll(&news, 1, seconds < 0 ? -1 : (int)(seconds * 1000) + 1);
  return multisock_step(L, 0);
}

int main(int count, char **words)
{
  lua_State *L = luaL_newstate();
  int turns = 0;
  if (count < 2)
    return 2;
  luaL_openlibs(L);
  run(L, "package.path, package.cpath = '', ''");
  expect(multisock_fd(L) == -1, "a descriptor before the library is open");
  expect(multisock_next_timeout(L) == 0, "a timeout before it is open");
  expect(multisock_step(L, 0) == LUA_ERRRUN, "stepped before it is open");
  expect(strstr(lua_tostring(L, -1), "multisock") != NULL, "no name");
  lua_settop(L, 0);
  lua_pushcfunction(L, luaopen_multisock);
  expect(lua_pcall(L, 0, 0, 0) == 0, "the library does not open");
  lua_register(L, "inside", inside);
  lua_pushstring(L, words[1]);
  lua_setglobal(L, "url");

  expect(multisock_fd(L) >= 0, "no descriptor");
  expect(multisock_next_timeout(L) == -1, "a timeout, and nothing to do");
  run(L, "ms = require('multisock')\n"
         "ms.spawn(function()\n"
         "  inside()\n"
         "  ms.sleep(0.02)\n"
         "  body = ms.assert(ms.get(url)):text()\n"
         "end)");
  expect(multisock_next_timeout(L) == 0, "a task is ready, and must wait");
  expect(multisock_step(L, 0) == 0, "the step failed");
  expect(multisock_next_timeout(L) >= 0, "it does not wait for its time");
  while (!failed && !is_true(L, "body") && turns++ < 10000)
    expect(wait_and_step(L) == 0, "a step failed");
  run(L, "assert(body == 'body-stepped', body)");

  run(L, "ms.spawn(function() error('nobody awaits this') end)");
  for (turns = 0; turns < 10 && multisock_step(L, 0) == 0;)
    turns++;
  expect(lua_gettop(L) == 1 && lua_isstring(L, 1) &&
             strstr(lua_tostring(L, 1), "nobody awaits this") != NULL &&
             strstr(lua_tostring(L, 1), "traceback") != NULL,
         "no error with its stack");
  lua_settop(L, 0);
  expect(multisock_step(L, 0) == 0, "the error came twice");
  expect(lua_gettop(L) == 0, "something was left on the stack");
  lua_close(L);
  if (!failed)
    printf("OK\n");
  return failed;
}
