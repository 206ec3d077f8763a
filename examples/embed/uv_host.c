/* A host with a libuv loop of its own: it runs the loop, Lua's tasks run on it.

   cc uv_host.c $(pkg-config --cflags --libs multisock lua5.4) -o uv_host
   ./uv_host fetch.lua https://www.lua.org/ https://curl.se/ */
#include <lauxlib.h>
#include <lualib.h>
#include <multisock.h>
#include <stdio.h>
#include <stdlib.h>

static int ticks;

/* What the host does beside: it goes on while Lua's transfers run. */
static void on_tick(uv_timer_t *timer)
{
  (void)timer;
  ticks++;
}

static void on_stuck(uv_handle_t *handle, void *argument)
{
  (void)argument;
  fprintf(stderr, "still open: %s\n", uv_handle_type_name(handle->type));
}

static void fail(lua_State *L)
{
  fprintf(stderr, "uv_host: %s\n", lua_tostring(L, -1));
  exit(1);
}

/* A file that starts tasks (ms.spawn) and returns. */
static void run_script(lua_State *L, int count, char **words)
{
  int i;
  if (luaL_loadfile(L, words[0]) != 0)
    fail(L);
  for (i = 1; i < count; i++)
    lua_pushstring(L, words[i]);
  if (lua_pcall(L, count - 1, 0, 0) != 0)
    fail(L);
}

int main(int count, char **words)
{
  uv_loop_t loop;
  uv_timer_t tick;
  lua_State *L;
  if (count < 2) {
    fprintf(stderr, "usage: uv_host SCRIPT [ARGUMENT...]\n");
    return 2;
  }
  L = luaL_newstate();
  if (L == NULL || uv_loop_init(&loop) != 0)
    return 1;
  uv_timer_init(&loop, &tick);
  uv_timer_start(&tick, on_tick, 0, 5);
  uv_unref((uv_handle_t *)&tick); /* the tasks decide when all is done */

  luaL_openlibs(L);
  lua_pushcfunction(L, luaopen_multisock);
  if (lua_pcall(L, 0, 0, 0) != 0 || multisock_use_loop(L, &loop) != 0)
    fail(L);
  run_script(L, count - 1, words + 1);

  /* Ends when no task has anything left to wait for. */
  uv_run(&loop, UV_RUN_DEFAULT);
  printf("the host ticked %s\n", ticks > 0 ? "meanwhile" : "not once");

  /* In this order: Lua first, then what it has left on the loop, then that. */
  lua_close(L);
  uv_close((uv_handle_t *)&tick, NULL);
  uv_run(&loop, UV_RUN_DEFAULT);
  if (uv_loop_close(&loop) != 0) {
    uv_walk(&loop, on_stuck, NULL);
    return 1;
  }
  return 0;
}
